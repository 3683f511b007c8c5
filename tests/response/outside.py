"""Who stands around the flows in tests: monitoring that says what it is told to, and people who are in groups."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bot.policy.evidence import Answer, Evidence, Finding

BURN_QUERY = "burn"
"""What a service's ``slo_burn`` asks in these stories."""


@dataclass
class Senses:
    """What monitoring answers: evidence supports, and the fix is healthy, unless a test says otherwise."""

    evidence: Finding = Finding.SUPPORTS
    health: Finding = Finding.SUPPORTS
    burn: float | None = None

    async def ask(self, queries: Collection[str]) -> Mapping[str, Answer]:
        return {query: self._answer(query) for query in queries}

    def _answer(self, query: str) -> Answer:
        if query == BURN_QUERY:
            return Answer(error="not measured") if self.burn is None else Answer(samples=(str(self.burn),))
        return {
            Finding.SUPPORTS: Answer(samples=("1",)),
            Finding.CONTRADICTS: Answer(),
            Finding.UNKNOWN: Answer(error="no answer"),
        }[self.evidence]

    async def healthy(self, promql: str | None, url: str | None) -> Evidence:
        return Evidence(name="verify", query=promql or url or "", finding=self.health, detail="as told")


@dataclass
class People:
    groups: dict[str, tuple[str, ...]]
    deactivated: set[str] = field(default_factory=set)
    sure_of: list[frozenset[str]] = field(default_factory=list)
    """Whose answers were about to count, at each time somebody asked."""

    async def members(self, groups: Sequence[str], *, sure_of: Collection[str] = ()) -> tuple[str, ...]:
        self.sure_of.append(frozenset(sure_of))
        found = {person for group in groups for person in self.groups.get(group, ())}
        return tuple(sorted(found - self.deactivated))

    def forget(self, usergroup: str) -> None:
        """Nothing is remembered."""
