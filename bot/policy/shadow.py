"""Shadow: what a runbook without the licence it is written for would have done, beside what people did.

The verdict comes from ``decide.as_if_licensed`` over the same situation, and is stored beside the real one
(``Decision.shadow``): it is the very judgement it would have acted on. Only where it would have acted and people
answered, is there something to compare.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.policy.decision import Verdict
from bot.policy.levels import Level
from bot.policy.percent import percent


class People(StrEnum):
    """What people did with what they were asked."""

    APPROVED = "approved"
    """They let this very plan run."""
    DECLINED = "declined"
    """They stopped it, chose something else, or took over."""
    SILENT = "silent"
    """Nobody answered, or the question was over before anybody could. So is what only a newer release knows."""

    @classmethod
    def _missing_(cls, value: object) -> "People":
        return cls.SILENT


@dataclass(frozen=True, slots=True)
class Shadow:
    """One question, as people settled it and as the runbook would have."""

    verdict: Verdict
    """What would have been decided with a licence."""
    people: People

    @property
    def comparable(self) -> bool:
        """Whether both have decided: it would have acted, and people answered."""
        return self.verdict.autonomous and self.people is not People.SILENT

    @property
    def agrees(self) -> bool:
        """Whether people did what it would have done."""
        return self.comparable and self.people is People.APPROVED


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often people did what the runbook would have done."""

    questions: int
    would_have_acted: int
    compared: int
    agreed: int

    @property
    def rate(self) -> float | None:
        """Of those compared, the share in which people did the same; None where there is nothing to compare."""
        return self.agreed / self.compared if self.compared else None

    @property
    def text(self) -> str:
        """In a sentence or two."""
        if not self.questions:
            return "In shadow; nothing has come up yet."
        noun = "question" if self.questions == 1 else "questions"
        acted = f"In shadow it would have acted in {self.would_have_acted} of {self.questions} {noun}"
        if self.rate is None:
            return f"{acted}; there is no answer of people to compare with yet."
        rate = percent(self.rate)
        return f"{acted}; people did the same in {self.agreed} of {self.compared} ({rate})."


def in_shadow(written: Level, highest: Level, earned: Level) -> bool:
    """Whether a runbook is written to act alone, in an organisation that lets it, and has no licence to."""
    return earned < Level.L2 <= min(written, highest)


def agreement(shadows: Iterable[Shadow]) -> Agreement:
    """All of one runbook's, counted."""
    seen = tuple(shadows)
    return Agreement(
        questions=len(seen),
        would_have_acted=sum(one.verdict.autonomous for one in seen),
        compared=sum(one.comparable for one in seen),
        agreed=sum(one.agrees for one in seen),
    )
