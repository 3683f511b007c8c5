"""What a runbook has done so far and what its gates were passed with: the inputs that a licence is drawn from.

Values only, as they are stored in a situation. What follows from them is drawn in ``rules``.
"""

from enum import StrEnum

from pydantic import Field, JsonValue

from bot.policy.plan import Facts, Moment


class SealedPart(Facts):
    """One part of what a gate was passed with: an entry of the policy, or a remediation in its version."""

    digest: str
    """SHA-256 over its canonical JSON; whether it has changed since is told by this alone."""
    document: JsonValue = None
    """The part as it was, for naming what has changed in it; None where it is as it was, or was not kept."""


class Seal(Facts):
    """What a gate was passed with, in named parts: ``runbook``, ``defaults``, ``backend supervisor``."""

    parts: dict[str, SealedPart] = Field(default_factory=dict)


class Ending(StrEnum):
    """What came of one case."""

    VERIFIED = "verified"
    """It was verified, and nothing else came of it."""
    FAILED = "failed"
    """It was carried out, and its verification said no; whether it was rolled back is another matter."""
    HARMED = "harmed"
    """Something became worse that is counted as its doing."""
    OVERRIDDEN = "overridden"
    """A person thought otherwise: stopped it, chose something else, took over, or rolled it back by hand."""
    UNKNOWN = "unknown"
    """Nobody knows how far it got, or whether it helped. So is an ending that only a newer release knows."""

    @classmethod
    def _missing_(cls, value: object) -> "Ending":
        return cls.UNKNOWN


class Judged(StrEnum):
    """What a person who reviewed a case says of it."""

    HELPFUL = "helpful"
    NEUTRAL = "neutral"
    HARMFUL = "harmful"
    """So is a judgement that only a newer release knows."""

    @classmethod
    def _missing_(cls, value: object) -> "Judged":
        return _OF_OLDER_RELEASES.get(value, cls.HARMFUL)


_OF_OLDER_RELEASES: dict[object, Judged] = {
    "right": Judged.HELPFUL,
    "lucky": Judged.NEUTRAL,
    "needless": Judged.NEUTRAL,
    "wrong": Judged.HARMFUL,
}
"""Words that reviews were once answered with."""


class PastCase(Facts):
    """One time that a runbook's plan met a real fault, and what came of it.

    There is none where it was to be carried out and nothing was changed.
    """

    key: str
    """Names it for good: the id of its action, or of the gate's run."""
    incident: str = ""
    """What people call it, ``INC-7``."""
    alert: str = ""
    """Name of the alert that its incident was about."""
    ending: Ending
    at: Moment
    """When it ended, for people."""
    digest: str = ""
    """Of the runbook as it was; empty where that is not known, and then it speaks for no version."""
    acted: bool = True
    """Whether its effect had begun; where not, it says what people think of the plan, and not whether it works."""
    staging: bool = False
    """A gate's run against the twin: it counts for promotion, never as harm."""
    judged: Judged | None = None
    """None: nobody has reviewed it yet."""
    review_due: Moment | None = None
    """Until when it is to be reviewed; None: no review is asked for."""

    @property
    def worked(self) -> bool:
        """Whether it fixed what it was for, without harm that anybody has seen."""
        return self.ending is Ending.VERIFIED and self.judged is not Judged.HARMFUL
