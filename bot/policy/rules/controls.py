"""Controls: what people have paused or frozen, and whether it covers what is planned."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.policy.actors import in_words, is_file
from bot.policy.decision import Verdict
from bot.policy.file.document import Freeze, Policy
from bot.policy.rules.case import Ruling, forbids, passed
from bot.policy.rules.services import Services
from bot.policy.situation import Pause, Scope, ScopeKind

EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)


@dataclass(frozen=True, slots=True)
class Control:
    """One pause or freeze that applies now."""

    id: str
    """Names exactly this pause or freeze; what a person who acts by hand has overridden."""
    kind: str
    """``pause``, ``freeze``, ``change``, or ``seen``: of a change that the system itself shows."""
    what: str
    """What it covers, in words: "service checkout"; of a change, what is done: "deploy of checkout 4.2"."""
    by: str
    """Who paused or reports the change, or the freeze's name."""
    until: datetime | None
    """None: until somebody resumes."""
    reason: str = ""
    """Why somebody paused; what a change covers."""

    @property
    def text(self) -> str:
        """In words, with who and until when."""
        forever = "until it is removed" if is_file(self.by) else "until somebody resumes it"
        end = f"until {self.until:%Y-%m-%d %H:%M %Z}" if self.until is not None else forever
        if self.kind == "seen":
            return self.what
        if self.kind == "change":
            return f"{self.what} on {self.reason}, reported by {self.by}, {end} at the latest"
        if self.kind == "freeze":
            return f"{self.by} freezes {self.what} {end}"
        reason = self.reason.rstrip(". ")
        return f"{in_words(self.by)} paused {self.what} {end}" + (f" ({reason})" if reason else "")


def applying(
    policy: Policy,
    pauses: Sequence[Pause],
    now: datetime,
    *,
    runbook: str | None,
    services: Services,
    targets: Iterable[str] = (),
) -> tuple[Control, ...]:
    """Every pause and freeze that covers this now, pauses first; ``targets`` by key and by the name people see.

    A prohibition is read widely: a service is covered whether the plan, its targets or an alert name it, and where
    nobody knows the service, every one may be it.
    """
    names = frozenset(targets)
    paused = (_paused(pause) for pause in active(pauses, now) if _covers(pause.scope, services, runbook, names))
    frozen = (
        _frozen(freeze)
        for freeze in policy.freezes
        if freeze.since <= now < freeze.until
        if not freeze.services or any(services.may_be(name) for name in freeze.services)
    )
    return (*paused, *frozen)


def active(pauses: Sequence[Pause], now: datetime) -> tuple[Pause, ...]:
    """The pauses that have not ended. When one began does not matter: it is in force with its commit."""
    return tuple(pause for pause in pauses if pause.until is None or now < pause.until)


def controls(applied: Sequence[Control]) -> Ruling:
    """A pause or freeze that applies holds everything that is not done by hand."""
    inputs = {"controls": [control.text for control in applied]}
    if applied:
        return forbids(Verdict.HOLD, f"Automation is paused here: {'; '.join(c.text for c in applied)}.", inputs)
    return passed("Nothing is paused or frozen here.", inputs)


def _paused(pause: Pause) -> Control:
    # A file is the same pause before and after a row tells others of it; one that is written anew is another.
    who = pause.by if is_file(pause.by) else pause.pause_id
    name = f"pause:{who}:{pause.since.isoformat()}"
    return Control(name, "pause", str(pause.scope), pause.by, pause.until, pause.reason)


def _frozen(freeze: Freeze) -> Control:
    what = ", ".join(freeze.services) or str(EVERYTHING)
    return Control(f"freeze:{freeze.name}", "freeze", what, freeze.name, freeze.until)


def _covers(scope: Scope, services: Services, runbook: str | None, targets: Collection[str]) -> bool:
    match scope.kind:
        case ScopeKind.EVERYTHING:
            return True
        case ScopeKind.SERVICE:
            return services.may_be(scope.name)
        case ScopeKind.RUNBOOK:
            return scope.name == runbook
        case _:  # a target
            return scope.name in targets
