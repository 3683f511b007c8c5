"""The workspace as its users see it: state, people, misbehaviour and a server, in one object."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from bot.local.workspace.changes import Change
from bot.local.workspace.content import Message, View
from bot.local.workspace.delivery import Delivery, DeliveryRecord
from bot.local.workspace.limits import RateLimits
from bot.local.workspace.manifest import installed_with, read_manifest
from bot.local.workspace.misbehave import Misbehaviour
from bot.local.workspace.panel import Panel
from bot.local.workspace.people import Person
from bot.local.workspace.server import Server, serve
from bot.local.workspace.socket_mode import SocketMode
from bot.local.workspace.state import State
from bot.local.workspace.team import Json, Team, installed_in
from bot.local.workspace.web_api import CallRecord, WebApi
from bot.local.workspace.workflows import Execution, described, missing, unknown

T = TypeVar("T")

ACK_TIMEOUT_SECONDS = 3.0
# Slack sends an unacknowledged event again almost at once, then after a minute, then after five.
REDELIVERY_SECONDS = (0.1, 60.0, 300.0)


class Workspace:
    """A Slack-compatible workspace with one app installed. Doing nothing until served.

    Args:
        team: its people and channels, and the app's bot before any other; changed in place.
        relaxed_limits: never answer 429 on its own account.
        ack_timeout: seconds the app has to acknowledge.
        redelivery_seconds: when an unacknowledged event is sent again.
        clock: seconds since the epoch; a test may move it.
    """

    def __init__(
        self,
        team: Team,
        relaxed_limits: bool = False,
        ack_timeout: float = ACK_TIMEOUT_SECONDS,
        redelivery_seconds: tuple[float, ...] = REDELIVERY_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.state = State(team, installed_in(team), clock, on_event=self._tell)
        self.sockets = SocketMode(self.state)
        self.misbehave = Misbehaviour(self.sockets)
        self.delivery = Delivery(self.state, self.sockets, self.misbehave, ack_timeout, redelivery_seconds)
        self.web_api = WebApi(self.state, RateLimits(clock, relaxed_limits), self.misbehave, self.sockets.issue_ticket)

    # What the app is given

    @property
    def bot_token(self) -> str:
        """The token for the Web API."""
        return self.state.installation.bot_token

    @property
    def app_token(self) -> str:
        """The token for Socket Mode."""
        return self.state.installation.app_token

    @property
    def signing_secret(self) -> str:
        """The secret that signs requests in HTTP mode."""
        return self.state.installation.signing_secret

    @property
    def request_url(self) -> str | None:
        """Where envelopes are POSTed; None means Socket Mode."""
        return self.delivery.request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        self.delivery.request_url = url

    async def verify_request_url(self) -> bool:
        """Whether whatever listens at the request URL answers Slack's challenge; Slack asks before using a URL.

        Raises:
            RuntimeError: the workspace is not being served, or no request URL is set.
        """
        return await self.delivery.is_challenge_answered()

    @property
    def ack_timeout(self) -> float:
        """Seconds the app has to acknowledge; a test may shorten it when it expects silence."""
        return self.delivery.ack_timeout

    @ack_timeout.setter
    def ack_timeout(self, seconds: float) -> None:
        self.delivery.ack_timeout = seconds

    def manifest(self, source: Path | Json) -> None:
        """Install the app with this manifest: its scopes, events, commands and shortcuts, and no others.

        Raises:
            ValueError: it is no manifest.
        """
        self.state.installation = installed_with(self.state.installation, read_manifest(source))

    @asynccontextmanager
    async def serve(self, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Server]:
        """Run the server inside the `async with` block; port 0 takes a free one."""
        async with serve(self.state, self.web_api, self.sockets, self.delivery, host, port) as server:
            self.state.base_url = server.url.rstrip("/")
            yield server

    # Workflows

    def run_step(self, callback_id: str, **inputs: Any) -> Execution:
        """A workflow reaches a step that the app carries out; what becomes of it shows in the answer, by and by.

        Raises:
            LookupError: the app's manifest has no such function.
            ValueError: an input is missing, or not one of the function's.
        """
        functions = self.state.installation.functions
        if callback_id not in functions:
            raise LookupError(f"The app has no function {callback_id!r}. It has: {', '.join(functions) or 'none'}")
        function = functions[callback_id]
        wrong = missing(function["input_parameters"], inputs) + unknown(function["input_parameters"], inputs)
        if wrong:
            raise ValueError(f"Inputs missing or unknown: {', '.join(wrong)}")
        execution = Execution(f"Fx{secrets.token_hex(6).upper()}", callback_id, inputs)
        self.state.executions[execution.id] = execution
        self.delivery.tell(
            "function_executed",
            {
                "type": "function_executed",
                "function": described(callback_id, function),
                "inputs": inputs,
                "function_execution_id": execution.id,
                "workflow_execution_id": f"Wx{secrets.token_hex(6).upper()}",
                "event_ts": self.state.next_ts(),
                "bot_access_token": execution.token,
            },
        )
        return execution

    # People, and what there is to see

    @property
    def team(self) -> Team:
        """The people and channels."""
        return self.state.team

    def person(self, id_or_name: str) -> Person:
        """Somebody to act as.

        Raises:
            LookupError: nobody has that id or name.
        """
        return Person(self.state, self.delivery, self.state.team.user(id_or_name))

    def messages(self, channel: str) -> list[Message]:
        """What a channel shows, oldest first: roots and broadcast replies.

        Raises:
            LookupError: there is no such channel.
        """
        return self.state.roots(self.state.team.channel(channel).id)

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The replies to a message, oldest first, without the message itself.

        Raises:
            LookupError: there is no such channel.
        """
        return self.state.replies(self.state.team.channel(channel).id, ts)

    def ephemerals(self, user: str) -> list[Message]:
        """What only this person can see, oldest first."""
        reader = self.state.team.user(user).id
        return [message for message in self.state.ephemerals.values() if message.visible_to == reader]

    def home(self, user: str) -> View | None:
        """The Home tab the app published for this person."""
        return self.state.homes.get(self.state.team.user(user).id)

    def open_views(self, user: str) -> list[View]:
        """This person's open modals, the one on top last."""
        return self.state.open_views(self.state.team.user(user).id)

    def warnings(self, user: str) -> list[str]:
        """The notices the workspace itself showed this person, such as a failed slash command."""
        return [warning["text"] for warning in self.state.warnings.get(self.state.team.user(user).id, [])]

    @property
    def calls(self) -> list[CallRecord]:
        """Every Web API call so far, oldest first."""
        return self.web_api.calls

    @property
    def deliveries(self) -> list[DeliveryRecord]:
        """Every finished attempt to deliver an envelope to the app, oldest first."""
        return self.delivery.records

    async def until(self, predicate: Callable[[], T], timeout: float = 10.0) -> T:
        """Wait until `predicate()` is true, and return what it returned.

        It is asked again whenever anything in the workspace changes: a message, a view, a call, a delivery.

        Args:
            predicate: reads the workspace.
            timeout: seconds.

        Raises:
            TimeoutError: it never was; the message tells the last calls and deliveries.
        """
        try:
            return await self.state.changes.until(predicate, timeout)
        except TimeoutError:
            raise TimeoutError(f"It did not come true within {timeout} s. {self._what_happened()}") from None

    def regroup(self, group: str, *members: str) -> None:
        """Let these people, by id or name, be the members of a user group; the app is told of it by an event.

        Raises:
            LookupError: nobody has one of the names, or there is no such group.
        """
        found = self.team.groups[group]
        ids, before = [self.team.user(one).id for one in members], list(found.members)
        found.members = ids
        added, removed = [one for one in ids if one not in before], [one for one in before if one not in ids]
        event: Json = {
            "type": "subteam_members_changed",
            "subteam_id": found.id,
            "team_id": self.team.id,
            "date_previous_update": int(self.state.clock()),
            "date_update": int(self.state.clock()),
            "added_users": added,
            "added_users_count": str(len(added)),
            "removed_users": removed,
            "removed_users_count": str(len(removed)),
        }
        self.delivery.tell("subteam_members_changed", event)

    # The panel

    @property
    def panel(self) -> Panel | None:
        """What stands at the side of the page; None for nothing."""
        return self.state.panel

    @panel.setter
    def panel(self, panel: Panel | None) -> None:
        self.state.panel = panel
        self.state.changes.announce(Change("panel"))

    def _tell(self, subscription: str, event: Json) -> None:
        self.delivery.tell(subscription, event)

    def _what_happened(self) -> str:
        calls = [f"{call.method}: {call.error or 'ok'}" for call in self.calls[-8:]]
        told = [
            f"{record.envelope.kind.value} {_kind_of(record.envelope.payload)}: {record.answer.silence or 'acked'}"
            for record in self.deliveries[-8:]
        ]
        return f"Last calls: {'; '.join(calls) or 'none'}. Last deliveries: {'; '.join(told) or 'none'}."


def _kind_of(payload: Json) -> str:
    event = payload.get("event", {})
    return str(event.get("type") or payload.get("type") or payload.get("command"))
