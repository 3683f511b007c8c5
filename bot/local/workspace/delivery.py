"""Gets envelopes to the app by whichever way it listens, and sends unacknowledged events again.

What people do is delivered once and asked about (`ask`); events are told in the background (`tell`), without
any promise about their order, and retried as Slack retries.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from bot.local.workspace.changes import Change
from bot.local.workspace.envelope import Answer, Envelope, EnvelopeKind, Silence
from bot.local.workspace.http_push import HttpPush
from bot.local.workspace.misbehave import Misbehaviour, Nuisance
from bot.local.workspace.socket_mode import SocketMode
from bot.local.workspace.state import State
from bot.local.workspace.team import Installation, Json

# The scope an app needs to be told of each event this workspace can produce.
EVENT_SCOPES = {
    "app_home_opened": None,
    "app_mention": "app_mentions:read",
    "function_executed": None,
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "subteam_members_changed": "usergroups:read",
}


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """One attempt to deliver an envelope, and how it ended."""

    envelope: Envelope
    answer: Answer


class Delivery:
    """The workspace's postman.

    Args:
        state: announces finished deliveries.
        sockets: Socket Mode's connections, used unless a request URL is set.
        misbehaviour: what to do wrong on the way.
        ack_timeout: seconds the app has to acknowledge.
        redelivery_seconds: how long after each failed attempt an event is sent again.
    """

    def __init__(
        self,
        state: State,
        sockets: SocketMode,
        misbehaviour: Misbehaviour,
        ack_timeout: float,
        redelivery_seconds: tuple[float, ...],
    ) -> None:
        self._state = state
        self._sockets = sockets
        self._misbehaviour = misbehaviour
        self._redelivery_seconds = redelivery_seconds
        self._errands: set[asyncio.Task[None]] = set()
        self.ack_timeout = ack_timeout
        self.request_url: str | None = None
        self.http: HttpPush | None = None
        self.records: list[DeliveryRecord] = []

    async def ask(self, kind: EnvelopeKind, payload: Json, accepts_response_payload: bool = False) -> Answer:
        """Deliver once and return the app's answer or its silence."""
        return await self._deliver(Envelope(kind, payload, accepts_response_payload))

    async def is_challenge_answered(self) -> bool:
        """Whether the app answers Slack's `url_verification` with the challenge.

        Raises:
            RuntimeError: there is no request URL, or the workspace is not being served.
        """
        if self.request_url is None:
            raise RuntimeError("There is no URL to verify; set `workspace.request_url` first.")
        challenge = secrets.token_hex(16)
        token = self._state.installation.verification_token
        payload = {"type": "url_verification", "token": token, "challenge": challenge}
        answer = await self._send(Envelope(EnvelopeKind.EVENT, payload))
        return answer.payload is not None and challenge in answer.payload.values()

    def tell(self, subscription: str, event: Json) -> None:
        """Deliver an event in the background, if the app subscribed to it and may see it."""
        if not is_subscribed(self._state.installation, subscription):
            return
        app = self._state.installation
        payload = {
            "token": app.verification_token,
            "team_id": self._state.team.id,
            "api_app_id": app.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5).upper()}",
            "event_time": int(self._state.clock()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": self._state.team.id,
                    "user_id": app.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": False,
            "event_context": secrets.token_hex(16),
        }
        self._start(self._tell_until_acknowledged(Envelope(EnvelopeKind.EVENT, payload)))

    async def close(self) -> None:
        """Stop telling, when the server stops."""
        for errand in list(self._errands):
            errand.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)

    async def _tell_until_acknowledged(self, envelope: Envelope) -> None:
        answer = await self._deliver(envelope)
        for attempt, wait_seconds in enumerate(self._redelivery_seconds, start=1):
            if answer.silence is None or answer.wants_no_retry:
                return
            await asyncio.sleep(wait_seconds)
            again = Envelope(envelope.kind, envelope.payload, retry_attempt=attempt, retry_reason=answer.silence.value)
            answer = await self._deliver(again)

    async def _deliver(self, envelope: Envelope) -> Answer:
        fault = self._misbehaviour.next_for_delivery()
        if fault is not None and fault.nuisance is Nuisance.LOST:
            await asyncio.sleep(self.ack_timeout)
            return self._recorded(envelope, Answer(silence=Silence.TIMEOUT))
        if fault is not None and fault.nuisance is Nuisance.DELAYED:
            await asyncio.sleep(fault.delay_seconds)
        if fault is not None and fault.nuisance is Nuisance.DUPLICATED:
            twin = replace(envelope, id=f"{envelope.id}-again")
            self._start(self._deliver_twin(twin))
        return self._recorded(envelope, await self._send(envelope))

    async def _deliver_twin(self, envelope: Envelope) -> None:
        self._recorded(envelope, await self._send(envelope))

    async def _send(self, envelope: Envelope) -> Answer:
        if self.request_url is None:
            return await self._sockets.send(envelope, self.ack_timeout)
        if self.http is None:
            raise RuntimeError("The workspace is not being served; enter `workspace.serve()` before acting in it.")
        return await self.http.send(envelope, self.request_url, self.ack_timeout)

    def _recorded(self, envelope: Envelope, answer: Answer) -> Answer:
        self.records.append(DeliveryRecord(envelope, answer))
        self._state.changes.announce(Change("delivery"))
        return answer

    def _start(self, errand: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)


def is_subscribed(installation: Installation, subscription: str) -> bool:
    """Whether the app asked for this event and was granted the scope it needs."""
    scope = EVENT_SCOPES[subscription]
    return subscription in installation.events and (scope is None or scope in installation.scopes)
