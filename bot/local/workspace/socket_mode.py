"""Socket Mode's server side: tickets, connections, envelopes out and acknowledgements in."""

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from bot.local.workspace.changes import Change
from bot.local.workspace.envelope import Answer, Envelope, Silence
from bot.local.workspace.misbehave import DisconnectReason
from bot.local.workspace.state import State

MOST_CONNECTIONS = 10
CONNECTION_LIFE_SECONDS = 18_060
TOO_MANY = "too_many_websockets"


@dataclass(slots=True, eq=False)
class Connection:
    """One open socket. A deaf one stays open but nothing passes."""

    socket: web.WebSocketResponse
    request: web.Request
    is_deaf: bool = False
    answers_pings: bool = True


class SocketMode:
    """Holds the app's connections and gives each envelope to exactly one of them, in turn."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []
        self._turn = 0
        self._awaited: dict[str, asyncio.Future[Answer]] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def connection_count(self) -> int:
        """How many sockets are open."""
        return len(self._connections)

    def issue_ticket(self) -> str:
        """A WebSocket URL that works once."""
        ticket = secrets.token_urlsafe(18)
        self._tickets.add(ticket)
        address = self._state.base_url.replace("http", "ws", 1)
        return f"{address}/link/?ticket={ticket}&app_id={self._state.installation.app_id}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The aiohttp handler of `/link/`."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="This ticket is unknown or was used; ask apps.connections.open.")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        if len(self._connections) >= MOST_CONNECTIONS:
            await socket.send_json(_disconnect_frame(TOO_MANY))
            await socket.close()
            return socket
        connection = Connection(socket, request)
        self._connections.append(connection)
        try:
            await socket.send_json(self._hello())
            await socket.ping(b"Ping from the local workspace")
            self._state.changes.announce(Change("connection"))
            async for message in socket:
                await self._hear(connection, message.type, message.data)
        finally:
            self._forget(connection)
        return socket

    async def send(self, envelope: Envelope, timeout: float) -> Answer:
        """Give the envelope to one connection and wait for its acknowledgement, at most `timeout` seconds."""
        if not self._connections:
            return Answer(silence=Silence.NO_CONNECTION)
        self._turn += 1
        connection = self._connections[self._turn % len(self._connections)]
        awaited: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._awaited[envelope.id] = awaited
        try:
            async with asyncio.timeout(timeout):
                if not connection.is_deaf:
                    await connection.socket.send_json(envelope.as_frame())
                return await awaited
        except TimeoutError:
            return Answer(silence=Silence.TIMEOUT)
        except ConnectionError:
            self._forget(connection)
            return Answer(silence=Silence.NO_CONNECTION)
        finally:
            self._awaited.pop(envelope.id, None)

    def deafen(self, answer_pings: bool) -> None:
        """Stop listening and sending on the sockets open now."""
        for connection in self._connections:
            connection.is_deaf, connection.answers_pings = True, answer_pings

    def disconnect(self, reason: DisconnectReason) -> None:
        """Send each socket a `disconnect` frame; after `refresh_requested` it is also closed."""
        for connection in list(self._connections):
            farewell = asyncio.create_task(self._say_farewell(connection, reason))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    def drop(self) -> None:
        """Cut each socket without a word."""
        for connection in list(self._connections):
            self._forget(connection)
            if connection.request.transport is not None:
                connection.request.transport.abort()

    async def close(self) -> None:
        """Close every socket, when the server stops."""
        for connection in list(self._connections):
            await connection.socket.close()

    async def _hear(self, connection: Connection, kind: WSMsgType, data: Any) -> None:
        if kind is WSMsgType.PING and connection.answers_pings:
            await connection.socket.pong(data)
        if kind is not WSMsgType.TEXT or connection.is_deaf:
            return
        try:
            frame = json.loads(data)
            awaited = self._awaited.get(frame["envelope_id"])
        except (ValueError, KeyError, TypeError):
            await connection.socket.close(message=b"A frame from the app must be JSON with an envelope_id")
            return
        if awaited is not None and not awaited.done():
            awaited.set_result(Answer(frame.get("payload") or None))

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "debug_info": {
                "host": "local-workspace",
                "started": self._state.now().isoformat(),
                "build_number": 1,
                "approximate_connection_time": CONNECTION_LIFE_SECONDS,
            },
            "connection_info": {"app_id": self._state.installation.app_id},
        }

    async def _say_farewell(self, connection: Connection, reason: DisconnectReason) -> None:
        await connection.socket.send_json(_disconnect_frame(reason))
        if reason == "refresh_requested":
            self._forget(connection)
            await connection.socket.close()

    def _forget(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)
            self._state.changes.announce(Change("connection"))


def _disconnect_frame(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "local-workspace"}}
