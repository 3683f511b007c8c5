"""What the flows ask of the world outside the database: monitoring, and who people are. Never inside a transaction."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from bot.policy.evidence import Answer, Evidence


class EvidenceSource(Protocol):
    """Asks the monitoring system; bounded and timed out; an error is a finding of ``unknown``, never an exception."""

    async def ask(self, queries: Collection[str]) -> Mapping[str, Answer]:
        """The raw answer to each PromQL query, by its text; what is wrong is said in the answer, never raised."""
        ...

    async def healthy(self, promql: str | None, url: str | None) -> Evidence:
        """One check of a runbook's ``verify``: PromQL non-zero, or the URL answering 2xx."""
        ...


class People(Protocol):
    """Resolves the policy's groups to Slack user ids."""

    async def members(self, groups: Sequence[str], *, sure_of: Collection[str] = ()) -> tuple[str, ...]:
        """Distinct active user ids of the named groups, sorted; unknown groups have no members.

        ``sure_of``: persons whose answer is about to count. Then nothing about them, or about who is in the groups,
        comes from a memory older than a moment, unless Slack cannot be asked.
        """
        ...

    def forget(self, usergroup: str) -> None:
        """Slack says that who is in this user group has changed."""
        ...
