"""Did it help? Polls the monitor and the targets themselves until both are healthy for long enough, or out of time."""

import asyncio
import logging
from dataclasses import dataclass

from bot.policy.evidence import Evidence, Finding
from bot.policy.file.document import Policy, Runbook
from bot.policy.rules.matching import facts_for
from bot.policy.stored import AlteredError
from bot.remediation import Condition, Record, RemediationError
from bot.response.assessment.assess import prepared_verification
from bot.response.execution.effects import AsSaid
from bot.response.execution.record import record_of
from bot.response.model.actions import Action
from bot.response.ports.context import Context

log = logging.getLogger(__name__)


class Verification(AsSaid):
    """Whether the act has helped, as the step that looked remembers."""

    healthy: bool
    summary: str
    """One sentence for people."""
    known: bool = True
    """False where nobody can tell whether it helped."""


async def verify(context: Context, action_id: str, *, finished: bool, once: bool = False) -> Verification:
    """Ask until it is healthy, or for too long. Asking twice does no harm, so after a crash it is asked anew.

    Both the monitor and the remediation's own view of its targets are asked each time. Whatever goes wrong in asking
    means "cannot tell", never yes; so does, after an effect that did not finish, a view that cannot tell.

    Args:
        context: the collaborators.
        action_id: whose effect it is.
        finished: whether the effect was carried out to its end.
        once: ask a single time, to tell people how things stand.
    """
    try:
        async with context.database.read() as work:
            action = await work.actions.get(action_id)
            stored = await work.decisions.at_revision(action.incident_id, action.revision) if action else None
            then = await work.decisions.policy(stored.policy_digest) if stored else None
            record = await record_of(work, action) if action else None
    except AlteredError as error:
        return _cannot_tell(str(error))
    if action is None or stored is None or record is None:
        return _cannot_tell("what it was done for is not on record")
    runbook = _runbook(context.policy(), then, action)
    if runbook is None:
        return _cannot_tell("the runbook is not in the policy any more")
    try:
        promql = prepared_verification(runbook, facts_for(stored.alert, stored.situation.request))
    except ValueError as error:
        return _cannot_tell(f"the alert cannot fill the runbook's `verify`: {error}")
    asking = _Asking(context, action, record, runbook, promql, finished)
    return await asking.once() if once else await asking.until_healthy()


@dataclass(frozen=True, slots=True)
class _Answers:
    """Every answer to one round of asking."""

    healthy: bool
    known: bool
    text: str


@dataclass(frozen=True, slots=True)
class _Asking:
    """What is asked, and of whom."""

    context: Context
    action: Action
    record: Record
    runbook: Runbook
    promql: str | None
    finished: bool

    async def once(self) -> Verification:
        """How things stand at this moment."""
        answers = await self._ask()
        stands = "It is not healthy" if answers.known else "Whether it is healthy cannot be told"
        text = "It is healthy at the moment." if answers.healthy else f"{stands}: {answers.text}"
        return Verification(healthy=answers.healthy, summary=text, known=answers.known)

    async def until_healthy(self) -> Verification:
        """Until it was healthy ``stable`` times in a row, or ``within`` is over."""
        context, verify = self.context, self.runbook.verify
        started, streak = context.now(), 0
        while True:
            last = await self._ask()
            streak = streak + 1 if last.healthy else 0
            elapsed = (context.now() - started).total_seconds()
            if streak >= verify.stable:
                return Verification(healthy=True, summary=f"Healthy after {elapsed:.0f} s.")
            if elapsed >= verify.within.total_seconds():
                seen = "it has not been healthy for long enough." if last.healthy else last.text
                return Verification(
                    healthy=False, summary=f"Not healthy after {elapsed:.0f} s: {seen}", known=last.known
                )
            left = verify.within.total_seconds() - elapsed
            await asyncio.sleep(min(context.timing.verify_interval_seconds, left))

    async def _ask(self) -> _Answers:
        """Healthy where nothing that was asked says otherwise; the monitor is asked wherever the policy names it."""
        verify = self.runbook.verify
        monitored = verify.healthy is not None or verify.http is not None
        monitor = await self._ask_the_monitor() if monitored else None
        if monitor is not None and monitor.finding is not Finding.SUPPORTS:
            return _Answers(False, monitor.finding is Finding.CONTRADICTS, monitor.detail)
        condition, said = await self._ask_the_targets()
        words = f"the monitor says healthy, but {said}" if monitored else said
        match condition:
            case Condition.HEALTHY:
                return _Answers(True, True, said)
            case Condition.SETTLING | Condition.UNHEALTHY:
                return _Answers(False, True, words)
            case Condition.UNKNOWN if monitored and self.finished:
                return _Answers(True, True, said)
        return _Answers(False, False, words)

    async def _ask_the_monitor(self) -> Evidence:
        """One answer; an error in asking is an answer that nobody can read."""
        url = self.runbook.verify.http
        try:
            return await self.context.evidence.healthy(self.promql, url)
        except Exception as error:
            log.exception("verification could not be asked")
            detail = f"asking failed ({type(error).__name__})"
            return Evidence(name="verify", query=self.promql or url or "", finding=Finding.UNKNOWN, detail=detail)

    async def _ask_the_targets(self) -> tuple[Condition | None, str]:
        """The remediation's own view, in words too; None where they cannot be seen, which never means healthy."""
        try:
            async with asyncio.timeout(self.context.timing.plan_timeout_seconds):
                own = await self.context.catalogue[self.action.plan.remediation].health(self.action.plan, self.record)
        except RemediationError as error:
            return None, f"the targets cannot be seen: {error}"
        except Exception as error:  # an author's bug or a system that hangs is no yes
            log.exception("the targets of action %s could not be asked", self.action.id)
            return None, f"the targets cannot be seen ({type(error).__name__})."
        return own.condition, own.summary


def _runbook(now: Policy, then: Policy | None, action: Action) -> Runbook | None:
    """As the policy has it, else as it was when the action was decided."""
    return now.runbooks.get(action.runbook) or (then.runbooks.get(action.runbook) if then is not None else None)


def _cannot_tell(why: str) -> Verification:
    return Verification(healthy=False, summary=f"Nobody can tell whether it helped: {why}.", known=False)
