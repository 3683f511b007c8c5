"""A service fails, and the bot that should see to it is killed on the way, started again, and must see to it.

Everybody else behaves as in production: Alertmanager posts until it is answered 200, and Alice clicks again when Slack
says that her click was not heard. What a story finds at its end is checked in ``invariants``.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import aiohttp

from bot.local.servers import until
from bot.local.workspace import Message, Person
from bot.local.workspace import Outcome as Heard
from bot.response.model.actions import ActionState
from bot.response.ports.flow import FlowName, StepName
from tests.crash.points import EFFECTS, effect_under_way
from tests.crash.scene import ALERT_TOKEN, INCIDENTS, Scene, again
from tests.handlers.webhooks import alert, webhook
from tests.scenarios.stage import said

RETRY_SECONDS = 0.05
PATIENCE_SECONDS = 60.0

_S = ActionState
ENDINGS = {
    "Done and verified": _S.SUCCEEDED,
    "Rolled back": _S.ROLLED_BACK,
    "Failed": _S.FAILED,
    "Ended half-way": _S.FAILED,
}
"""The ways in which an action ends, by what the thread calls them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    ending: ActionState
    starts: int
    """How often we have started the service."""


def verify_within(expected: Outcome) -> str:
    """What will be healthy may take its time on a busy machine; what will not is not waited for."""
    return "30s" if expected.ending is _S.SUCCEEDED else "500ms"


class Deed(StrEnum):
    """What Alice does about it."""

    APPROVE = "approve"
    STOP = "stop"
    OVERRIDE = "override"
    """With the runbook that comes second."""
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Story:
    """How it goes when nobody is killed, and where it is worth killing somebody."""

    name: str
    level: str
    hangs: bool
    """The service hangs; otherwise it crashes, and supervisord knows that it is down."""
    deeds: tuple[Deed, ...]
    recorded: tuple[str, ...]
    """What the record says from the first decision until the targets are claimed."""
    told: tuple[str, ...]
    """What the thread says until the action ends."""
    set_aside: tuple[ActionState, ...] = ()
    """What became of the actions that were proposed before the one that ran."""
    veto_window: str = "1s"
    helps: bool = True
    """Restarting it makes it healthy again."""
    reversible: bool = False
    """It is started by a remediation that can be rolled back; what restarts it has nothing to undo."""
    first: str | None = None
    """The point from which on it is a story of its own, and no repetition of one told before."""
    last: str | None = None
    """The point up to which it is one."""
    about: tuple[str, ...] = ("",)
    """What the points between these begin with that are of its own kind."""

    def outcome(self, point: str) -> Outcome:
        """What must come of it when the bot dies at ``point`` and nothing goes on beside that.

        A death inside an effect leaves the effect's outcome unknown, and then what is found decides. A death anywhere
        else makes no difference.
        """
        usual = Outcome(_S.SUCCEEDED if self.helps else self._when_it_did_not_help, starts=1)
        match point.split(": "):
            case ["execute", "marked as begun, not begun" | "a step has begun" | "after the backend's stop"]:
                return Outcome(self._when_it_did_not_help, starts=0)
            case ["roll_back", _] | [FlowName.ACT, StepName.ROLL_BACK_RESTORE, "done, not recorded"]:
                return Outcome(_S.FAILED, starts=1)  # nobody verifies a rollback, so a person must look
            case _:
                return usual

    def outcomes(self, point: str, reached: Sequence[str]) -> frozenset[Outcome]:
        """What may come of it when the bot dies at ``point``, by everything that it had reached.

        Cards and entries are delivered while the flow goes on: a death at a delivery may as well fall into the effect,
        at a moment that no point names.
        """
        usual = self.outcome(point)
        effect = None if point.startswith((FlowName.ACT, *EFFECTS)) else effect_under_way(reached)
        match effect:
            case "execute":
                return frozenset({usual, *(Outcome(self._when_it_did_not_help, starts) for starts in (0, 1))})
            case "roll_back":
                return frozenset({usual, Outcome(_S.FAILED, starts=1)})
            case _:
                return frozenset({usual})

    @property
    def remediation(self) -> str:
        """What the runbooks use."""
        return "start_service" if self.reversible else "restart_service"

    @property
    def _when_it_did_not_help(self) -> ActionState:
        return _S.ROLLED_BACK if self.reversible else _S.FAILED


STORIES = {
    story.name: story
    for story in (
        Story(
            "approved",
            level="L1",
            hangs=True,
            deeds=(Deed.APPROVE,),
            recorded=("decision.made", "action.vote"),
            told=("Asking for approval", "Approved"),
        ),
        Story(
            "not stopped",
            level="L3",
            hangs=False,
            deeds=(),
            recorded=("decision.made", "action.announced", "action.released"),
            told=("Decided to act unless someone stops it",),
            last=f"{FlowName.ACT}: {StepName.ACT_CLAIM}: committed",
        ),
        Story(
            "rolled back",
            level="L1",
            hangs=False,
            deeds=(Deed.APPROVE,),
            recorded=("decision.made", "action.vote"),
            told=("Asking for approval", "Approved"),
            helps=False,
            reversible=True,
            first=f"{FlowName.ACT}: {StepName.ACT_VERIFY}: done, not recorded",
            last="thread entry 'Rolled back': recorded",
        ),
        Story(
            "nothing to undo",
            level="L1",
            hangs=True,
            deeds=(Deed.APPROVE,),
            recorded=("decision.made", "action.vote"),
            told=("Asking for approval", "Approved"),
            helps=False,
            first=f"{FlowName.ACT}: {StepName.ACT_CONCLUDE}: done, not committed",
            last="thread entry 'Failed': recorded",
        ),
        Story(
            "stopped and overridden",
            level="L3",
            hangs=False,
            deeds=(Deed.STOP, Deed.OVERRIDE),
            recorded=(
                "decision.made",
                "action.announced",
                "action.stopped",
                "action.overridden",
                "decision.made",
                "action.announced",
                "action.released",
            ),
            told=(
                "Decided to act unless someone stops it",
                "Stopped before anything was changed",
                "Overridden: restart-checkout-again instead",
                "Decided to act unless someone stops it",
            ),
            set_aside=(_S.STOPPED,),
            veto_window="10m",
            first="button stop: saved, not acknowledged",
            about=("button stop", "modal override", f"{FlowName.CONSIDER}: {StepName.CONSIDER_SETTLE}"),
        ),
        Story(
            "paused and resumed",
            level="L1",
            hangs=False,
            deeds=(Deed.PAUSE, Deed.RESUME, Deed.APPROVE),
            recorded=("decision.made", "decision.made", "incident.called", "decision.made", "action.vote"),
            told=("Asking for approval", "Holding: automation is paused here", "Asking for approval", "Approved"),
            set_aside=(_S.SUPERSEDED, _S.SUPERSEDED),
            about=("command /watch",),
        ),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Trouble:
    """One service's trouble on a scene, from the failure to the end of its incident."""

    here: Scene
    story: Story
    service: str = "checkout"
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    async def run_its_course(self) -> Outcome:
        """What came of it; by then every death has been died and the incident is over."""
        yard = self.here.yard
        before = yard.starts(self.service)
        await self._service_fails()
        await self._monitor_posts("firing")
        for deed in self.story.deeds:
            await self._deeds[deed]()
        ending = await self._until_ended()
        await self._has_looked_again()
        outcome = Outcome(ending, yard.starts(self.service) - before)
        await yard.repair(self.service)
        before = yard.starts(self.service)
        await self._monitor_posts("resolved")
        await self._until_told("Resolved")
        await self.here.all_deaths_died()
        assert yard.starts(self.service) == before, "it was started again after all was over"
        return outcome

    def cards(self) -> list[Message]:
        """Every card about this service."""
        roots = [m for m in self.here.workspace.messages(INCIDENTS) if m.thread_ts in (None, m.ts)]
        return [root for root in roots if self.service in said(root)]

    def entries(self) -> list[Message]:
        """What stands in the threads of these cards, oldest first."""
        return [entry for card in self.cards() for entry in self.here.workspace.thread(INCIDENTS, card.ts)]

    async def _service_fails(self) -> None:
        program = self.here.yard.services[self.service]
        if self.story.hangs:
            await program.hang()
        else:
            await program.crash()
            await self.here.yard.supervisord.until_state(program.address, "EXITED")

    async def _monitor_posts(self, status: str) -> None:
        """As Alertmanager does it: the same again, until it is answered 200."""
        ended = {"endsAt": datetime.now(UTC).isoformat()} if status == "resolved" else {}
        labels = {"alertname": "ServiceDown", "service": self.service, "severity": "critical"}
        notification = webhook(
            [alert(self.service, status=status, labels=labels, startsAt=self.began.isoformat(), **ended)]
        )

        async def posted() -> bool:
            async with (
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {ALERT_TOKEN}"}) as session,
                session.post(f"{self.here.bot_url}/alerts/alertmanager", json=notification) as response,
            ):
                return response.status == 200

        await until(posted, f"the {status} alert is answered 200", within_seconds=PATIENCE_SECONDS)

    async def _alice_approves(self) -> None:
        """She clicks until Slack says that her click was heard, or the thread says that it was."""

        def question() -> Message | str | None:
            if self._is_told("Approved"):
                return "answered"
            return next((card for card in self.cards() if "'action_id': 'approve'" in said(card)), None)

        while isinstance(card := await self.here.workspace.until(question, PATIENCE_SECONDS), Message):
            if (await self.here.workspace.person("alice").click(card, "approve")).acked:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def _alice_stops(self) -> None:
        card = await self._card("'action_id': 'stop'")
        await self._does(lambda: self._alice.click(card, "stop"))

    async def _alice_overrides(self) -> None:
        """She asks for the dialog until it opens: it does not when the bot died over it."""
        card = await self._card("Stopped before anything was changed")
        views, life = self.here.workspace.open_views, 0

        async def opens_or_never_will() -> bool:
            return bool(views("alice")) or self.here.lives > life

        while not views("alice"):
            life = self.here.lives
            await self._does(lambda: self._alice.click(card, "override"))
            await until(opens_or_never_will, "the dialog opens", within_seconds=PATIENCE_SECONDS)
        view = views("alice")[-1]
        form = {"choice": again(self.service), "reason": "I have looked at it first."}
        await self._does(lambda: self._alice.submit(view, form))

    async def _alice_pauses(self) -> None:
        await self._card("'action_id': 'approve'")
        await self._does(lambda: self._alice.slash("/watch", "pause everything 1h the database is being moved"))
        await self._card("On hold")

    async def _alice_resumes(self) -> None:
        await self._does(lambda: self._alice.slash("/watch", "resume everything"))

    @property
    def _deeds(self) -> Mapping[Deed, Callable[[], Awaitable[None]]]:
        return {
            Deed.APPROVE: self._alice_approves,
            Deed.STOP: self._alice_stops,
            Deed.OVERRIDE: self._alice_overrides,
            Deed.PAUSE: self._alice_pauses,
            Deed.RESUME: self._alice_resumes,
        }

    @property
    def _alice(self) -> Person:
        return self.here.workspace.person("alice")

    async def _card(self, words: str) -> Message:
        """The card, once it says so."""

        def found() -> Message | None:
            return next((card for card in self.cards() if words in said(card)), None)

        card = await self.here.workspace.until(found, PATIENCE_SECONDS)
        assert card is not None
        return card

    async def _does(self, act: Callable[[], Awaitable[Heard]]) -> None:
        """She does it until it was heard, which Slack may not know, and waits until it has taken effect.

        Nobody else may do anything meanwhile: whatever arrives is taken for hers.
        """
        before, _ = self._arrivals()
        while not (await act()).acked:
            await asyncio.sleep(RETRY_SECONDS)  # a bot that is slow to acknowledge may have got it all the same
            if self._arrivals()[0] > before:
                break

        async def has_taken_effect() -> bool:
            arrived, waiting = self._arrivals()
            return arrived > before and not waiting

        await until(has_taken_effect, "what Alice did has taken effect", within_seconds=PATIENCE_SECONDS)

    def _arrivals(self) -> tuple[int, int]:
        """How much of what people did was saved, and how much of it waits to take effect."""
        with closing(sqlite3.connect(self.here.database)) as connection:
            count = "SELECT count(*), count(*) FILTER (WHERE done_at IS NULL) FROM arrivals"
            arrived, waiting = connection.execute(count).fetchone()
        return arrived, waiting

    async def _until_ended(self) -> ActionState:
        def ending() -> ActionState | None:
            return next((state for title, state in ENDINGS.items() if self._is_told(title)), None)

        state = await self.here.workspace.until(ending, PATIENCE_SECONDS)
        assert state is not None
        return state

    async def _has_looked_again(self) -> None:
        """The bot looks at the incident again when an action ends: what comes next is not to be part of that."""
        await until(self._no_flow_is_left, "the bot has looked at what it did", within_seconds=PATIENCE_SECONDS)

    async def _no_flow_is_left(self) -> bool:
        with closing(sqlite3.connect(self.here.database)) as connection:
            left = "SELECT count(*) FROM workflow_status WHERE status IN ('DELAYED', 'ENQUEUED', 'PENDING')"
            return bool(connection.execute(left).fetchone()[0] == 0)

    async def _until_told(self, title: str) -> None:
        await self.here.workspace.until(lambda: self._is_told(title), PATIENCE_SECONDS)

    def _is_told(self, title: str) -> bool:
        return any(title in said(entry) for entry in self.entries())
