"""Controls: what people have paused or frozen, and whether it covers what is planned."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.actors import in_words, is_file
from bot.policy.decision import Verdict
from bot.policy.file.document import Policy
from bot.policy.rules.case import Ruling, forbids, passed
from bot.policy.situation import Pause, Scope, ScopeKind, Situation


@dataclass(frozen=True, slots=True)
class Control:
    """One pause or freeze that applies now."""

    kind: str
    """``pause`` or ``freeze``."""
    what: str
    """What it covers, in words: "service checkout"."""
    by: str
    """Who paused, or the freeze's name."""
    until: datetime | None
    """None: until somebody resumes."""
    reason: str = ""

    @property
    def text(self) -> str:
        """In words, with who and until when."""
        forever = "until it is removed" if is_file(self.by) else "until somebody resumes it"
        end = f"until {self.until:%Y-%m-%d %H:%M %Z}" if self.until is not None else forever
        if self.kind == "freeze":
            return f"{self.by} freezes {self.what} {end}"
        reason = self.reason.rstrip(". ")
        return f"{in_words(self.by)} paused {self.what} {end}" + (f" ({reason})" if reason else "")


def applying(situation: Situation, policy: Policy) -> tuple[Control, ...]:
    """Every pause and freeze that covers the situation now, pauses first.

    A service is covered whether the plan or the alert names it: a prohibition is read widely.
    """
    services = {situation.alert.service} | ({situation.plan.service} if situation.plan is not None else set())
    keys = {target.key for target in situation.plan.targets} if situation.plan is not None else set()
    pauses = (
        Control("pause", str(pause.scope), pause.by, pause.until, pause.reason)
        for pause in active(situation.pauses, situation.now)
        if _covers(pause.scope, services, situation.runbook, keys)
    )
    freezes = (
        Control(
            "freeze", ", ".join(freeze.services) or str(Scope(kind=ScopeKind.EVERYTHING)), freeze.name, freeze.until
        )
        for freeze in policy.freezes
        if freeze.since <= situation.now < freeze.until
        if not freeze.services or services & set(freeze.services)
    )
    return (*pauses, *freezes)


def active(pauses: Sequence[Pause], now: datetime) -> tuple[Pause, ...]:
    """The pauses that have not ended. One that begins "later" counts already: clocks of replicas may differ."""
    return tuple(pause for pause in pauses if pause.until is None or now < pause.until)


def controls(situation: Situation, policy: Policy) -> Ruling:
    """A pause or freeze that applies holds everything that is not done by hand."""
    applied = applying(situation, policy)
    inputs = {"controls": [control.text for control in applied]}
    if applied:
        return forbids(Verdict.HOLD, f"Automation is paused here: {'; '.join(c.text for c in applied)}.", inputs)
    return passed("Nothing is paused or frozen here.", inputs)


def _covers(scope: Scope, services: Collection[str], runbook: str | None, keys: Collection[str]) -> bool:
    named: dict[ScopeKind, Collection[str | None]] = {
        ScopeKind.SERVICE: services,
        ScopeKind.RUNBOOK: (runbook,),
        ScopeKind.TARGET: keys,
    }
    return scope.kind is ScopeKind.EVERYTHING or scope.name in named[scope.kind]
