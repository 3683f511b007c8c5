"""A stage without monitors: supervisord with web services, a workspace and the bot; the story posts the alerts itself.

Ready in two seconds instead of eight. A Prometheus that scrapes nothing can be added, for the evidence of the runbook.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp
from sqlalchemy import update

from bot.app import running
from bot.local.workspace import Message
from bot.response.model.actions import Action, ActionState
from bot.response.model.records import AuditEntry
from bot.response.ports.context import Timing
from bot.settings import Settings
from bot.slack.pacing import Paces
from storage.database import Database
from storage.tables import ACTIONS
from storage.unit_of_work import UnitOfWork
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.fixtures.servers import Program, Prometheus, running_prometheus, running_supervisord
from tests.fixtures.workspaces import patient_workspace
from tests.scenarios.stage import (
    ALERT_TOKEN,
    CHANGES_SECRET,
    INCIDENTS,
    ROOT,
    SUPERVISOR_PASSWORD,
    Scene,
    behind_a_password,
    document,
    license_runbook,
    loaded,
    rows_of,
    said,
)

Json = dict[str, Any]
ChangePolicy = Callable[[Json], None]
HEADERS = {"Authorization": f"Bearer {ALERT_TOKEN}", "Content-Type": "application/json"}


@dataclass
class SmallStage(Scene):
    """What a story without monitors needs to happen."""

    prometheus: Prometheus | None
    _fired: dict[str, Json] = field(default_factory=dict)

    async def post(self, *alerts: Json) -> Json:
        """The alerts as one webhook of Alertmanager; what was answered.

        Raises:
            aiohttp.ClientResponseError: it was not taken.
        """
        return await posted(self.bot_url, *alerts)

    async def fire(self, service: str = "checkout", fingerprint: str = "f1", **changes: Any) -> str:
        """A critical ServiceDown begins now; the name of its incident. ``changes`` are the alert's."""
        self._fired[fingerprint] = firing(service, fingerprint, **changes)
        answer = await self.post(self._fired[fingerprint])
        return str(answer["incidents"][0])

    async def resolve(self, fingerprint: str = "f1") -> None:
        """The alert that was fired with this fingerprint ends."""
        await self.post(self._fired[fingerprint] | {"status": "resolved", "endsAt": moment()})

    def cards(self, incident: str) -> list[Message]:
        """Every card of the incident: one, if all is well."""
        roots = [m for m in self.workspace.messages(INCIDENTS) if m.thread_ts in (None, m.ts)]
        return [m for m in roots if m.text.endswith(f"({incident})")]

    async def card_of(self, incident: str, *words: str, timeout: float = 30) -> Message:
        """The incident's card, once it holds all of ``words``."""

        def found() -> Message | None:
            cards = self.cards(incident)
            return cards[-1] if cards and all(word in said(cards[-1]) for word in words) else None

        message = await self.workspace.until(found, timeout=timeout)
        assert isinstance(message, Message)
        return message

    async def thread_of(self, incident: str, *words: str, timeout: float = 30) -> list[str]:
        """Everything the incident's thread says, once it says all of ``words``."""

        def told() -> list[str] | None:
            texts = [said(reply) for card in self.cards(incident) for reply in self.replies(card)]
            return texts if all(any(word in text for text in texts) for word in words) else None

        texts = await self.workspace.until(told, timeout=timeout)
        assert isinstance(texts, list)
        return texts

    def replies(self, card: Message) -> list[Message]:
        """The thread below a card."""
        return self.workspace.thread(INCIDENTS, card.ts)

    async def privately(self, person: str, *words: str, timeout: float = 30) -> str:
        """What only this person sees and says all of ``words``, the newest if there is more, once it is there."""
        return await self._hinted(person, words, 0, timeout)

    async def _hinted(self, person: str, words: Sequence[str], known: int, timeout: float) -> str:
        """The newest hint behind so many ``known`` ones that says all of ``words``: hints come in no certain order."""

        def told() -> str | None:
            hints = [said(hint) for hint in self.workspace.ephemerals(person)[known:]]
            return next((hint for hint in reversed(hints) if all(word in hint for word in words)), None)

        return str(await self.workspace.until(told, timeout=timeout))

    async def slash(self, person: str, text: str, *words: str) -> str:
        """``/watch text``; the answer, which says all of ``words``."""
        before = len(self.workspace.ephemerals(person))
        outcome = await self.workspace.person(person).slash("/watch", text)
        assert outcome.acked
        try:
            return await self._hinted(person, words, before, 30)
        except TimeoutError:
            answers = [said(hint) for hint in self.workspace.ephemerals(person)[before:]]
            raise AssertionError(f"{words} are not in what was answered: {answers}") from None

    async def until_state(self, state: ActionState, incident_id: int = 1) -> None:
        """Wait until the incident's newest action is in ``state``."""
        async with asyncio.timeout(40):
            while not (actions := await self.actions(incident_id)) or actions[-1].state is not state:
                await asyncio.sleep(0.1)

    async def time_is_up(self) -> None:
        """Whatever question or veto window has a deadline, its deadline is now."""
        database = Database(self.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
        try:
            async with database.begin() as work:
                due = ACTIONS.c.due_at.is_not(None)
                await work.session.execute(update(ACTIONS).where(due).values(due_at=ACTIONS.c.created_at))
        finally:
            await database.close()

    def rows(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """What is stored, read on a connection of our own."""
        return rows_of(self.settings)

    async def actions(self, incident_id: int = 1) -> Sequence[Action]:
        """Every action of the incident, oldest first."""
        async with self.rows() as work:
            return await work.actions.of_incident(incident_id)

    async def record(self, incident_id: int = 1) -> list[AuditEntry]:
        """What the record says of the incident, in order."""
        async with self.rows() as work:
            return list(await work.audit.of_incident(incident_id))

    async def kinds(self, incident_id: int = 1) -> list[str]:
        """The kinds of entries the record has of the incident, in order."""
        return [entry.kind for entry in await self.record(incident_id)]


def _as_json(document: Json) -> io.BytesIO:
    """Sent piece by piece, because a storm is large."""
    return io.BytesIO(json.dumps(document).encode())


def moment() -> str:
    """Now, as monitors write it."""
    return datetime.now(UTC).isoformat()


async def posted(bot_url: str, *alerts: Json) -> Json:
    """The alerts as one webhook of Alertmanager to the bot there; what was answered.

    Raises:
        aiohttp.ClientResponseError: it was not taken.
    """
    body = {"version": "4", "status": "firing", "receiver": "bot", "alerts": alerts, "truncatedAlerts": 0}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{bot_url}/alerts/alertmanager", data=_as_json(body), headers=HEADERS) as response,
    ):
        response.raise_for_status()
        answer: Json = await response.json()
        return answer


def firing(service: str, fingerprint: str, **changes: Any) -> Json:
    """A critical ServiceDown that began now, with ``changes``; those of its labels are added to them."""
    labels = {"alertname": "ServiceDown", "service": service, "severity": "critical"} | changes.pop("labels", {})
    return {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": f"{service} does not answer"},
        "startsAt": moment(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://monitor.example/graph",
        "fingerprint": fingerprint,
        **changes,
    }


def unchanged(_orders: Json) -> None:
    """The orders of the stage as they are."""


@asynccontextmanager
async def small_stage(
    folder: Path,
    *,
    level: str = "L1",
    licensed: bool = False,
    with_prometheus: bool = False,
    scraped: Mapping[str, int] = MappingProxyType({}),
    http_mode: bool = False,
    relaxed_limits: bool = False,
    paces: Paces | None = None,
    change_policy: ChangePolicy = unchanged,
    others: Sequence[Program] = (),
    disk: Path | None = None,
    **runbook: Any,
) -> AsyncIterator[SmallStage]:
    """Start it.

    Args:
        scraped: what its Prometheus scrapes, name to port.
        others: more services under the same supervisord.
        disk: where the database is; None: with everything else in ``folder``.
        runbook: changes of restart-checkout.
    """
    async with AsyncExitStack() as stack:
        service = Program("checkout")
        supervisord = await stack.enter_async_context(
            running_supervisord(folder, service, *others, password=SUPERVISOR_PASSWORD)
        )
        prometheus = None
        if with_prometheus:
            prometheus = await stack.enter_async_context(running_prometheus(folder, services=scraped))
        workspace = patient_workspace(relaxed_limits=relaxed_limits)
        workspace.manifest(ROOT / "manifest.yml")
        server = await stack.enter_async_context(workspace.serve())
        written = document(
            supervisord.server,
            level,
            **{
                "evidence": {"still_down": "vector(1)"} if with_prometheus else {},
                "verify": {"within": "10s", "http": f"{service.url}/healthz", "stable": 1},
            }
            | runbook,
        )
        change_policy(behind_a_password(written, folder))
        policy = loaded(written)
        settings = Settings(
            slack_bot_token=workspace.bot_token,
            slack_app_token=None if http_mode else workspace.app_token,
            slack_signing_secret=workspace.signing_secret if http_mode else None,
            slack_api_url=server.api_url,
            database_url=f"sqlite+aiosqlite:///{(disk or folder) / 'watch.db'}",
            prometheus_url=prometheus.url if prometheus else None,
            listen_port=0,
            alert_token=ALERT_TOKEN,
            changes_secret=CHANGES_SECRET,
            audit_key=AUDIT_KEY,
        )
        timing = Timing(verify_interval_seconds=0.1)
        bot_url = await stack.enter_async_context(running(settings, policy, timing=timing, paces=paces))
        if licensed:
            await license_runbook(settings, policy)
        if http_mode:
            workspace.request_url = f"{bot_url}/slack/events"
            assert await workspace.verify_request_url()
        else:
            await workspace.until(lambda: workspace.sockets.connection_count > 0)
        yield SmallStage(workspace, service, supervisord, bot_url, server.page_url, settings, policy, prometheus)
