"""The JSON between the workspace and its own web page; nobody else calls it.

Shapes (every `message` and `view` is Slack's own object plus the fields named here):

`GET /page/state?as=U01ALICE` (without `as`: the first person) ->
    {"me": user id, "team": {"id", "name", "domain"}, "app": {"user_id", "name"},
     "people": [{"id", "name", "real_name", "title", "initials", "avatar_colour", "is_bot", "deleted"}],
     "groups": [{"id", "handle", "name", "members"}],
     "channels": [{"id", "name", "is_im", "is_private", "is_archived", "topic", "members": [user id],
                   "bookmarks": [...], "pins": [ts]}],
     "commands": [{"command", "description", "usage_hint"}],
     "shortcuts": [{"callback_id", "name", "type": "global"|"message", "description"}],
     "messages": {channel id: [message, oldest first, replies included, flat]},
     "ephemerals": {channel id: [message]}, "views": [view, top last], "home": view|null,
     "warnings": [{"id", "text"}], "panel": panel|null}

message: + "is_ephemeral", "is_broadcast", "pending": [action_id], "warning": text|null,
    "chosen": {block_id: {action_id: state}}; files carry "url_private".
view: + "errors": {block_id: text}, "pending": [action_id], "warning": text|null.

`GET /page/live?as=...` (WebSocket) pushes
    {"type": "changed", "what": "message"|"ephemeral", "channel", "ts", "message": message}
    {"type": "changed", "what": "message"|"ephemeral", "channel", "deleted": ts}
    {"type": "changed", "what": "view", "views": [the whole stack]}
    {"type": "changed", "what": "home", "home": view|null}
    {"type": "changed", "what": "channel", "channel": channel}
    {"type": "changed", "what": "warning", "warnings": [...]}
    {"type": "panel", "panel": panel}

`POST /page/acts/<act>`, all with "as": user id; answers an Outcome
    {"ok": true, "acked": bool, "warning": text|null, "errors": {block_id: text}, "payload": object|null}
or, for an act nobody could do, 400 {"ok": false, "error": text}:
    click     {"container": {"type": "message", "channel", "ts"} | {"type": "view", "view_id"}, "block_id", "action_id",
               "value": of a button: finds it in its new block when the app changed the message under the finger,
               "selected": option value | [option values] | date | time | user id | number | text; absent for a button}
    submit    {"view_id", "values": {block_id: {action_id: Slack state object, or the plain value}}}
    close     {"view_id"}
    slash     {"channel", "command", "text"}
    shortcut  {"callback_id", "message": {"channel", "ts"} | absent}
    home      {}
    post      {"channel", "text", "thread_ts"?}
    react     {"channel", "ts", "name"}          (a second time removes it)
    dismiss   {"channel", "ts"} an ephemeral message | {"warning": id}

`GET /page/panel` -> {"title", "lines": [{"label", "value", "tone"}], "buttons": [{"id", "label", "tone"}]} or null
`POST /page/panel/<button id>` -> {"ok": true}
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import WSCloseCode, web

from bot.local.workspace.changes import Change
from bot.local.workspace.content import Message, View
from bot.local.workspace.delivery import Delivery
from bot.local.workspace.people import Outcome, Person
from bot.local.workspace.state import State, interactive_elements
from bot.local.workspace.team import Channel, ChannelKind, Json, User

IMPOSSIBLE = (LookupError, PermissionError, ValueError)


class PageApi:
    """Serves the page's state, its live changes, its acts and the panel."""

    def __init__(self, state: State, delivery: Delivery) -> None:
        self._state = state
        self._delivery = delivery
        self._live: set[web.WebSocketResponse] = set()
        self._acts: dict[str, Callable[[Person, Json], Awaitable[Outcome | None]]] = {
            "click": self._click,
            "submit": self._submit,
            "close": self._close,
            "slash": self._slash,
            "shortcut": self._shortcut,
            "home": self._home,
            "post": self._post,
            "react": self._react,
            "dismiss": self._dismiss,
        }

    def routes(self) -> list[web.RouteDef]:
        """The page's routes."""
        return [
            web.get("/page/state", self.whole),
            web.get("/page/live", self.live),
            web.post("/page/acts/{act}", self.act),
            web.get("/page/panel", self.panel),
            web.post("/page/panel/{button}", self.press),
        ]

    async def close(self, _application: web.Application) -> None:
        """Say goodbye to every open page."""
        for socket in list(self._live):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def whole(self, request: web.Request) -> web.Response:
        """Everything one person sees."""
        try:
            return web.json_response(whole_state(self._state, self._viewer(request.query.get("as", ""))))
        except LookupError as problem:
            return _refused(problem)

    async def live(self, request: web.Request) -> web.StreamResponse:
        """Pushes what changes for one person."""
        try:
            viewer = self._viewer(request.query.get("as", ""))
        except LookupError as problem:
            return _refused(problem)
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        self._live.add(socket)
        with self._state.changes.listening() as changes:
            pushing = asyncio.create_task(self._push(socket, changes, viewer))
            try:
                async for _ in socket:
                    pass  # the page only listens
            finally:
                pushing.cancel()
                self._live.discard(socket)
        return socket

    async def act(self, request: web.Request) -> web.Response:
        """One act of one person."""
        act = self._acts.get(request.match_info["act"])
        if act is None or request.content_type != "application/json":
            return web.json_response({"ok": False, "error": "There is no such act."}, status=404)
        body = await request.json()
        try:
            outcome = await act(Person(self._state, self._delivery, self._viewer(str(body["as"]))), body)
        except KeyError as missing:
            return _refused(LookupError(f"The act needs {missing}."))
        except IMPOSSIBLE as problem:
            return _refused(problem)
        return web.json_response(_outcome_json(outcome or Outcome(acked=True)))

    async def panel(self, _request: web.Request) -> web.Response:
        """The demo's panel."""
        return web.json_response(_panel_json(self._state))

    async def press(self, request: web.Request) -> web.Response:
        """One of the panel's buttons."""
        panel = self._state.panel
        for button in panel.buttons if panel else ():
            if button.id == request.match_info["button"]:
                await button.press()
                return web.json_response({"ok": True})
        return web.json_response({"ok": False, "error": "There is no such button."}, status=404)

    async def _push(self, socket: web.WebSocketResponse, changes: asyncio.Queue[Change], viewer: User) -> None:
        while not socket.closed:
            told = _change_json(self._state, await changes.get(), viewer)
            if told is None:
                continue
            try:
                await socket.send_json(told)
            except ConnectionError:
                return  # the page went away; it asks for the whole state when it comes back

    def _viewer(self, wanted: str) -> User:
        team = self._state.team
        if wanted:
            return team.user(wanted)
        return next(user for user in team.users.values() if not user.is_bot)

    # Acts

    async def _click(self, person: Person, body: Json) -> Outcome:
        place = self._place(person, body["container"])
        person.fill(place, body.get("values") or {})
        return await person.click(place, body["action_id"], body.get("selected"), _block_of(place.blocks, body))

    async def _submit(self, person: Person, body: Json) -> Outcome:
        return await person.submit(self._view(person, body["view_id"]), body.get("values") or {})

    async def _close(self, person: Person, body: Json) -> Outcome:
        return await person.close(self._view(person, body["view_id"]))

    async def _slash(self, person: Person, body: Json) -> Outcome:
        return await person.slash(body["command"], body.get("text", ""), body["channel"])

    async def _shortcut(self, person: Person, body: Json) -> Outcome:
        where = body.get("message")
        return await person.shortcut(body["callback_id"], self._message(person, where) if where else None)

    async def _home(self, person: Person, _body: Json) -> None:
        await person.open_home()

    async def _post(self, person: Person, body: Json) -> None:
        await person.post(body["channel"], body["text"], body.get("thread_ts"))

    async def _react(self, person: Person, body: Json) -> None:
        await person.react(self._message(person, body), body["name"])

    async def _dismiss(self, person: Person, body: Json) -> None:
        if "warning" in body:
            self._state.dismiss_warning(person.id, body["warning"])
        else:
            person.dismiss(self._message(person, body))

    def _place(self, person: Person, container: Json) -> Message | View:
        if container["type"] == "view":
            return self._view(person, container["view_id"])
        return self._message(person, container)

    def _view(self, person: Person, view_id: str) -> View:
        state = self._state
        home = state.homes.get(person.id)
        for view in (*state.open_views(person.id), *([home] if home else [])):
            if view.id == view_id:
                return view
        raise LookupError("That view is no longer open.")

    def _message(self, person: Person, where: Json) -> Message:
        state = self._state
        found = state.ephemerals.get(where["ts"]) or state.find_message(where["channel"], where["ts"])
        if found is None or not _is_for(state, found, person.user):
            raise LookupError("That message is no longer there.")
        return found


def whole_state(state: State, viewer: User) -> Json:
    """What `GET /page/state` answers."""
    app = state.installation
    seen = [channel for channel in state.team.channels.values() if _can_see(channel, viewer)]
    home = state.homes.get(viewer.id)
    own = [message for message in state.ephemerals.values() if message.visible_to == viewer.id]
    return {
        "me": viewer.id,
        "team": {"id": state.team.id, "name": state.team.name, "domain": state.team.domain},
        "app": {"user_id": app.bot_user_id, "name": app.app_name},
        "people": [_user_json(user) for user in state.team.users.values()],
        "groups": [
            {"id": group.id, "handle": group.handle, "name": group.name, "members": group.members}
            for group in state.team.groups.values()
        ],
        "channels": [_channel_json(channel) for channel in seen],
        "commands": [
            {name: entry.get(name, "") for name in ("command", "description", "usage_hint")} for entry in app.commands
        ],
        "shortcuts": [
            {name: entry.get(name, "") for name in ("callback_id", "name", "type", "description")}
            for entry in app.shortcuts
        ],
        "messages": {
            channel.id: [_message_json(state, each, viewer) for each in state.in_channel(channel.id).values()]
            for channel in seen
        },
        "ephemerals": {
            channel.id: [_message_json(state, each, viewer) for each in own if each.channel == channel.id]
            for channel in seen
        },
        "views": [_view_json(state, view) for view in state.open_views(viewer.id)],
        "home": _view_json(state, home) if home else None,
        "warnings": state.warnings.get(viewer.id, []),
        "panel": _panel_json(state),
    }


def _change_json(state: State, change: Change, viewer: User) -> Json | None:
    """The push for a change, as things are now; None if it does not concern the viewer."""
    if change.user not in (None, viewer.id):
        return None
    pushed: Json = {"type": "changed", "what": change.kind}
    match change.kind:
        case "message" | "ephemeral":
            return _message_change(state, change, viewer)
        case "view":
            return {**pushed, "views": [_view_json(state, view) for view in state.open_views(viewer.id)]}
        case "home":
            home = state.homes.get(viewer.id)
            return {**pushed, "home": _view_json(state, home) if home else None}
        case "channel":
            channel = state.team.channels[change.channel or ""]
            return {**pushed, "channel": _channel_json(channel)} if _can_see(channel, viewer) else None
        case "warning":
            return {**pushed, "warnings": state.warnings.get(viewer.id, [])}
        case "panel":
            return {"type": "panel", "panel": _panel_json(state)}
        case _:
            return None


def _message_change(state: State, change: Change, viewer: User) -> Json | None:
    channel_id, ts = change.channel or "", change.ts or ""
    if not _can_see(state.team.channels[channel_id], viewer):
        return None
    pushed: Json = {"type": "changed", "what": change.kind, "channel": channel_id}
    message = state.ephemerals.get(ts) if change.kind == "ephemeral" else state.in_channel(channel_id).get(ts)
    if message is None:
        return {**pushed, "deleted": ts}
    return {**pushed, "ts": ts, "message": _message_json(state, message, viewer)}


def _can_see(channel: Channel, viewer: User) -> bool:
    return channel.kind is ChannelKind.PUBLIC or viewer.id in channel.members


def _is_for(state: State, message: Message, viewer: User) -> bool:
    if message.is_ephemeral:
        return message.visible_to == viewer.id
    return _can_see(state.team.channels[message.channel], viewer)


def _user_json(user: User) -> Json:
    names = ("id", "name", "real_name", "title", "initials", "avatar_colour", "is_bot", "deleted")
    return {name: getattr(user, name) for name in names}


def _channel_json(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "is_im": channel.kind is ChannelKind.DIRECT,
        "is_private": channel.kind is ChannelKind.PRIVATE,
        "is_archived": channel.is_archived,
        "topic": channel.topic,
        "members": channel.members,
        "bookmarks": channel.bookmarks,
        "pins": channel.pins,
    }


def _message_json(state: State, message: Message, viewer: User) -> Json:
    return {
        **state.message_json(message),
        "is_ephemeral": message.is_ephemeral,
        "is_broadcast": message.is_broadcast,
        "pending": message.pending.get(viewer.id, []),
        "warning": message.warnings.get(viewer.id),
        "chosen": message.chosen.get(viewer.id, {}),
    }


def _view_json(state: State, view: View) -> Json:
    return {
        **state.view_json(view),
        "errors": view.errors,
        "pending": view.pending,
        "warning": view.warning,
        "chosen": view.values,
    }


def _panel_json(state: State) -> Json | None:
    return state.panel.as_json() if state.panel else None


def _outcome_json(outcome: Outcome) -> Json:
    return {
        "ok": True,
        "acked": outcome.acked,
        "warning": outcome.warning,
        "errors": outcome.errors,
        "payload": outcome.payload,
    }


def _refused(problem: Exception) -> web.Response:
    return web.json_response({"ok": False, "error": str(problem)}, status=400)


def _block_of(blocks: list[Json], body: Json) -> str | None:
    """Where the element stands now: blocks without an id of their own get a new one with each change of a message."""
    block_id, value = body.get("block_id"), body.get("value")
    if value is None or any(block.get("block_id") == block_id for block in blocks):
        return block_id
    pressed = (body["action_id"], value)
    moved = (
        b["block_id"] for b, one in interactive_elements(blocks) if (one["action_id"], one.get("value")) == pressed
    )
    return next(moved, block_id)
