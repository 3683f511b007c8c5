"""Where the bot can be made to die: named points before, inside and after every step that a crash could fall between.

``install`` puts them into the classes of this very process, around what is there, before anything is built. A point
writes down that it was reached, so a run without a crash discovers all points there are; and at the fatal one the
process kills itself with SIGKILL, which nothing can catch. A flow's new step, a remediation's effect or a new kind of
click is a point without a change here. Knows nothing of the stories in which the points are reached.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slack_sdk.socket_mode.aiohttp import SocketModeClient

import bot.app
import bot.composition.foundation
import bot.sweeper
from bot.response.deadlines import sweep as deadlines
from bot.response.execution.recorded import RecordedExecution
from bot.response.model.actions import ActionState
from bot.response.model.notices import BundleNotice, CardNotice
from bot.response.ports.flow import Flow, FlowFunction, FlowName, Json, StepName
from bot.response.ports.work import Work
from bot.slack.courier import Courier
from bot.slack.posting import Accepted
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge
from handlers.slack.inbox import ARRIVED, IS_NEW, Inbox
from remediations.backends.supervisor import Supervisor
from storage.alerts import AlertStore
from storage.intake import Intake

CHANGING_CALLS: Mapping[type, tuple[str, ...]] = {Supervisor: ("stop", "start")}
"""What each backend can change outside, one call at a time."""
EFFECTS = ("execute", "roll_back")
AROUND_EFFECTS: Mapping[str, tuple[str, str]] = {
    "execute": (
        f"{FlowName.ACT}: {StepName.ACT_REMEMBER}: committed",
        f"{FlowName.ACT}: {StepName.ACT_EXECUTE}: recorded",
    ),
    "roll_back": (
        f"{FlowName.ACT}: {StepName.ROLL_BACK_CLAIM}: committed",
        f"{FlowName.ACT}: {StepName.ROLL_BACK_RESTORE}: recorded",
    ),
}
"""The last point at which each effect has certainly not begun, and the first at which its outcome is known."""
effect_in_progress: ContextVar[str] = ContextVar("effect_in_progress", default="outside of an effect")


class Points:
    """Everything this process reaches, in order, and the one it does not survive."""

    def __init__(self, log: Path, fatal: str = "") -> None:
        self._log = log
        self._fatal = fatal
        self._reached: Counter[str] = Counter()

    def reach(self, name: str, *, once: bool = False) -> None:
        """The process is at ``name``; the second time it is ``name (2)``.

        With ``once`` only the first time counts, for what happens now more and now less often.
        """
        if once and self._reached[name]:
            return
        numbered = self._next(name)
        self._reached[name] += 1
        with self._log.open("a") as log:
            log.write(f"{numbered}\n")
        if numbered == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def is_fatal(self, name: str) -> bool:
        """Whether the process will die when it reaches ``name`` the next time."""
        return self._next(name) == self._fatal

    def _next(self, name: str) -> str:
        earlier = self._reached[name]
        return f"{name} ({earlier + 1})" if earlier else name


def reached(log: Path) -> list[str]:
    """What a process wrote down, oldest first."""
    return log.read_text().splitlines() if log.exists() else []


def effect_under_way(points: Sequence[str]) -> str | None:
    """The effect inside which a process died that reached these points, if it was inside one."""
    names = Counter(point.partition(" (")[0] for point in points)
    return next((effect for effect, (before, after) in AROUND_EFFECTS.items() if names[before] > names[after]), None)


def install(points: Points) -> None:
    """Put the points into the classes of this process. Once, and before the bot is built."""
    _in_the_way_in(points)
    _in_clicks(points)
    _in_flows(points)
    _in_effects(points)
    _in_steps(points)
    _in_deliveries(points)
    _in_sweeps(points)


def wrap(owner: object, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a function by one around it.

    Whatever it is called with goes through, so that a new argument does no harm.

    Raises:
        AttributeError: there is none of this name any more: the point must move to where its step has gone.
    """
    setattr(owner, name, around(getattr(owner, name)))


def _in_the_way_in(points: Points) -> None:
    def around_store(store: Callable[..., Any]) -> Callable[..., Any]:
        async def storing(self: AlertStore, *arguments: Any, **options: Any) -> Any:
            results = await store(self, *arguments, **options)
            points.reach("alerts: stored, not committed")
            return results

        return storing

    def around_accept(accept: Callable[..., Any]) -> Callable[..., Any]:
        async def accepting(self: Intake, *arguments: Any, **options: Any) -> Any:
            result = await accept(self, *arguments, **options)
            points.reach("alerts: committed, not answered")
            return result

        return accepting

    wrap(AlertStore, "store", around_store)
    wrap(Intake, "accept", around_accept)


def _in_clicks(points: Points) -> None:
    """A click is saved, acknowledged, takes effect, and is answered in private."""
    waiting_for_acknowledgement: list[str] = []

    def around_save_first(save_first: Callable[..., Any]) -> Callable[..., Any]:
        # Bolt looks at the names of the arguments.
        async def saving_first(self: Inbox, body: Any, context: Any, next: Callable[[], Any]) -> None:
            async def saved() -> Any:
                if context.get(IS_NEW):
                    points.reach(f"{_deed(context[ARRIVED])}: saved, not acknowledged")
                return await next()

            await save_first(self, body, context, saved)

        return saving_first

    def around_begin(begin: Callable[..., Any]) -> Callable[..., Any]:
        def beginning(self: Inbox, context: Any) -> None:
            name = f"{_deed(context[ARRIVED])}: acknowledged, not begun"
            if context.get(IS_NEW) and points.is_fatal(name):
                waiting_for_acknowledgement.append(name)  # Bolt sends it a little later
                return
            points.reach(name)
            begin(self, context)

        return beginning

    def around_acknowledgement(send: Callable[..., Any]) -> Callable[..., Any]:
        async def sending(self: SocketModeClient, response: Any) -> None:
            await send(self, response)
            for name in waiting_for_acknowledgement:
                points.reach(name)

        return sending

    def around_settle(settle: Callable[..., Any]) -> Callable[..., Any]:
        async def settling(self: Bridge, arrived: Arrived, act: Callable[..., Any], **options: Any) -> Any:
            async def acting(*arguments: Any) -> Any:
                outcome = await act(*arguments)
                points.reach(f"{_deed(arrived)}: done, not committed")
                return outcome

            outcome = await settle(self, arrived, acting, **options)
            points.reach(f"{_deed(arrived)}: committed, not answered")
            return outcome

        return settling

    wrap(Inbox, "save_first", around_save_first)
    wrap(Inbox, "begin", around_begin)
    wrap(SocketModeClient, "send_socket_mode_response", around_acknowledgement)
    wrap(Bridge, "settle", around_settle)


def _deed(arrived: Arrived) -> str:
    return f"{arrived.kind} {arrived.name}"


@dataclass(frozen=True, slots=True)
class CrashingFlow:
    """The durable engine, with a point inside and after each transaction and step: before it is after another."""

    flow: Flow
    name: str
    points: Points

    async def transaction(self, name: str, body: Callable[[Work], Any]) -> Json:
        """See ``bot.response.ports.flow.Flow``."""
        here = f"{self.name}: {name}"

        async def run(work: Work) -> Json:
            result = await body(work)
            self.points.reach(f"{here}: done, not committed")
            return result

        result = await self.flow.transaction(name, run)
        self.points.reach(f"{here}: committed")
        return result

    async def step(self, name: str, body: Callable[[], Any]) -> Json:
        """See ``bot.response.ports.flow.Flow``."""
        here = f"{self.name}: {name}"

        async def run() -> Json:
            result = await body()
            self.points.reach(f"{here}: done, not recorded")
            return result

        result = await self.flow.step(name, run)
        self.points.reach(f"{here}: recorded")
        return result


def _in_flows(points: Points) -> None:
    def crashing(name: str, function: FlowFunction) -> FlowFunction:
        async def run(flow: Flow, *arguments: Json) -> None:
            points.reach(f"{name}: begun")
            await function(CrashingFlow(flow, name, points), *arguments)

        return run

    def around_flows(flows: Callable[..., Mapping[str, FlowFunction]]) -> Callable[..., Any]:
        return lambda *arguments: {name: crashing(name, flow) for name, flow in flows(*arguments).items()}

    wrap(bot.app, "flows", around_flows)


def _in_effects(points: Points) -> None:
    """Every remediation's changes of the world, and each call of its backend that changes something."""

    def crashing(effect: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def around(run: Callable[..., Any]) -> Callable[..., Any]:
            async def running(*arguments: Any, **options: Any) -> Any:
                effect_in_progress.set(effect)
                points.reach(f"{effect}: marked as begun, not begun")
                report = await run(*arguments, **options)
                points.reach(f"{effect}: all changed, nobody told")
                return report

            return running

        return around

    def around_catalogue(build_catalogue: Callable[..., Any]) -> Callable[..., Any]:
        def building(*arguments: Any, **options: Any) -> Any:
            catalogue = build_catalogue(*arguments, **options)
            for remediation in catalogue.values():
                for effect in EFFECTS:
                    wrap(remediation, effect, crashing(effect))
            return catalogue

        return building

    def around_call(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def around(call: Callable[..., Any]) -> Callable[..., Any]:
            async def calling(self: object, *arguments: Any, **options: Any) -> Any:
                answer = await call(self, *arguments, **options)
                points.reach(f"{effect_in_progress.get()}: after the backend's {name}")
                return answer

            return calling

        return around

    wrap(bot.composition.foundation, "build_catalogue", around_catalogue)
    for backend, names in CHANGING_CALLS.items():
        for name in names:
            wrap(backend, name, around_call(name))


def _in_steps(points: Points) -> None:
    """The changes of an effect, one by one: what each is around is a change of the world, and no transaction."""

    def around_begin(begin: Callable[..., Any]) -> Callable[..., Any]:
        async def beginning(self: RecordedExecution, *arguments: Any) -> Any:
            number = await begin(self, *arguments)
            points.reach(f"{effect_in_progress.get()}: a step has begun")
            return number

        return beginning

    def around_end(end: Callable[..., Any]) -> Callable[..., Any]:
        async def ending(self: RecordedExecution, *arguments: Any) -> None:
            points.reach(f"{effect_in_progress.get()}: a step has changed it, not ended")
            await end(self, *arguments)
            points.reach(f"{effect_in_progress.get()}: a step has ended")

        return ending

    wrap(RecordedExecution, "_begin", around_begin)
    wrap(RecordedExecution, "_end", around_end)


def _in_deliveries(points: Points) -> None:
    def what(item: Any) -> tuple[str, bool]:
        """How often a card is brought up to date depends on how fast it is delivered: only the first time counts."""
        if not isinstance(item.notice, CardNotice | BundleNotice):
            return f"thread entry {item.notice.title!r}", False
        card = "the card" if isinstance(item.notice, CardNotice) else "the shared card"
        return (card, False) if item.thread_ts is None else (f"{card}'s update", True)

    def around_send(send: Callable[..., Any]) -> Callable[..., Any]:
        async def sending(self: Courier[Any], item: Any, *arguments: Any, **options: Any) -> Any:
            name, once = what(item)
            points.reach(f"{name}: claimed, not sent", once=once)
            outcome = await send(self, item, *arguments, **options)
            if isinstance(outcome, Accepted):
                points.reach(f"{name}: accepted by Slack, not recorded", once=once)
            return outcome

        return sending

    def around_record(record: Callable[..., Any]) -> Callable[..., Any]:
        async def recording(self: Courier[Any], item: Any, *arguments: Any, **options: Any) -> None:
            name, once = what(item)
            await record(self, item, *arguments, **options)
            points.reach(f"{name}: recorded", once=once)

        return recording

    wrap(Courier, "_send", around_send)
    wrap(Courier, "_record", around_record)


def _in_sweeps(points: Points) -> None:
    def crashing(state: ActionState, handle: deadlines.OnDue) -> deadlines.OnDue:
        async def handling(*arguments: Any) -> bool:
            points.reach(f"sweep: {state} is over, not moved")
            moved = await handle(*arguments)
            points.reach(f"sweep: {state} is over, moved, not committed")
            return moved

        return handling

    def around_sweep(sweep: Callable[..., Any]) -> Callable[..., Any]:
        async def sweeping(*arguments: Any, **options: Any) -> int:
            moved: int = await sweep(*arguments, **options)
            if moved:
                points.reach("sweep: committed")
            return moved

        return sweeping

    for state, handle in deadlines._WHEN_DUE.items():
        deadlines._WHEN_DUE[state] = crashing(state, handle)
    wrap(bot.sweeper, "sweep", around_sweep)
