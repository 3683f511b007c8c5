"""People act: the same code whether a test says so or somebody clicks on the page.

A person does what Slack's client lets them do, the app is asked, and what Slack would show when the app does not
answer is recorded where the person would see it. An act nobody could do (a button that is not there, a channel
one cannot see) raises; an app that misbehaves does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.local.workspace import payloads
from bot.local.workspace.content import NOT_ACKNOWLEDGED, Message, View
from bot.local.workspace.delivery import Delivery
from bot.local.workspace.envelope import Answer, EnvelopeKind, Silence
from bot.local.workspace.inputs import complaints, current_values, placed_values, state_of
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.responses import say
from bot.local.workspace.state import State, interactive_elements
from bot.local.workspace.submission import apply_response
from bot.local.workspace.team import Channel, ChannelKind, Json, User

SUBMITTING = "submit"
TROUBLE_CONNECTING = "We had some trouble connecting. Try again?"
NOT_VALID_COMMAND = "{command} is not a valid command."
COMMAND_FAILED = '{command} failed with the error "{error}"'
COMMAND_ERRORS = {
    Silence.TIMEOUT: "operation_timeout",
    Silence.NO_CONNECTION: "dispatch_failed",
    Silence.ERROR: "dispatch_failed",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an act.

    `acked` says whether the app acknowledged in time, `payload` what it said in doing so. `warning` is what the
    person is shown when it did not; `errors` (by block id) is what stands beside a modal's inputs. `message` is
    what a slash command was answered with in the acknowledgement.
    """

    acked: bool
    payload: Json | None = None
    warning: str | None = None
    errors: dict[str, str] = field(default_factory=dict)
    message: Message | None = None


NOTHING_TO_ASK = Outcome(acked=True)


class Person:
    """Somebody in the workspace, acting.

    Args:
        state: where they act.
        delivery: how the app is told of it.
        user: who they are.
    """

    def __init__(self, state: State, delivery: Delivery, user: User) -> None:
        self._state = state
        self._delivery = delivery
        self.user = user

    @property
    def id(self) -> str:
        """The user id."""
        return self.user.id

    async def click(
        self,
        place: Message | View,
        action_id: str,
        choose: Any = None,
        block_id: str | None = None,
    ) -> Outcome:
        """Click a button or, with `choose`, pick in a select, menu or input, on a message or in a view.

        A copy of a message made earlier acts as it was then, like a client that has not caught up.

        Args:
            place: where the element stands.
            action_id: which element.
            choose: an option's value or a list of them, a date, a time, a user id, a number or text.
            block_id: needed only when two blocks use the same action id.

        Raises:
            LookupError: there is no such element; the message lists those there are.
            PermissionError: this person cannot see that message.
            ValueError: the option is not offered.
        """
        self._require_sight(place)
        block, element = _element(place.blocks, action_id, block_id)
        chosen: Json
        if element["type"] == "button":
            chosen = {name: element[name] for name in ("type", "text", "value", "style") if name in element}
        else:
            chosen = state_of(element, choose)
            self._remember(place, block["block_id"], action_id, chosen)
        if block["type"] == "input" and not block.get("dispatch_action"):
            return NOTHING_TO_ASK
        action = {**chosen, "action_id": action_id, "block_id": block["block_id"]}
        self._show_waiting(place, action_id)
        answer = await self._delivery.ask(
            EnvelopeKind.INTERACTIVE,
            payloads.block_actions(self._state, self.user, place, action),
        )
        warning = None if answer.acked else NOT_ACKNOWLEDGED
        self._show_answered(place, action_id, warning)
        return Outcome(answer.acked, answer.payload, warning)

    def fill(self, place: Message | View, values: Mapping[str, Any]) -> None:
        """Choose and type without clicking anything; kept until a submission or the next click tells the app.

        Raises:
            LookupError: no such input.
            ValueError: an option that is not offered.
        """
        for block_id, actions in placed_values(place.blocks, values).items():
            for action_id, chosen in actions.items():
                self._remember(place, block_id, action_id, chosen)

    async def submit(self, view: View, values: Mapping[str, Any] | None = None) -> Outcome:
        """Fill in and submit a modal; what the app answers happens to the person's modals.

        Args:
            view: the modal on top.
            values: plain values by action id, or by block id and action id.

        Raises:
            LookupError: the modal is not open, has no submit button, or has no such input.
            ValueError: an option that is not offered.
        """
        view = self._open_modal(view)
        if view.submit is None:
            raise LookupError(f"The modal {view.callback_id!r} has no submit button.")
        self.fill(view, values or {})
        view.values = current_values(view.blocks, view.values)
        view.warning, view.errors = None, complaints(view.blocks, view.values)
        if view.errors:
            self._state.touch_view(view)
            return Outcome(acked=False, errors=dict(view.errors))
        view.pending.append(SUBMITTING)
        self._state.touch_view(view)
        answer = await self._delivery.ask(
            EnvelopeKind.INTERACTIVE,
            payloads.view_submission(self._state, self.user, view),
            accepts_response_payload=True,
        )
        view.pending.remove(SUBMITTING)
        return self._submitted(view, answer)

    async def close(self, view: View) -> Outcome:
        """Close a modal without submitting; it takes the whole stack along if it was told to.

        Raises:
            LookupError: the modal is not open.
        """
        view = self._open_modal(view)
        stack = self._state.open_views(self.id)
        at = stack.index(view)
        closed = stack if view.clear_on_close else stack[at:]
        self._state.close_modals(self.id, [each.id for each in closed])
        outcome = NOTHING_TO_ASK
        for each in reversed(closed):
            if each.notify_on_close:
                payload = payloads.view_closed(self._state, self.user, each, is_cleared=view.clear_on_close)
                answer = await self._delivery.ask(EnvelopeKind.INTERACTIVE, payload)
                outcome = Outcome(answer.acked, answer.payload)
        return outcome

    async def slash(self, command: str, text: str = "", channel: str = "C01INC") -> Outcome:
        """Type a slash command in a channel; what the app acknowledges with is posted there.

        Raises:
            LookupError: there is no such channel.
            PermissionError: this person is not in it.
        """
        place = self._own_channel(channel)
        app = self._state.installation
        known = {entry["command"] for entry in app.commands}
        if (app.has_manifest and command not in known) or "commands" not in app.scopes:
            return self._warned(NOT_VALID_COMMAND.format(command=command))
        answer = await self._delivery.ask(
            EnvelopeKind.COMMAND,
            payloads.slash_command(self._state, self.user, place, command, text),
            accepts_response_payload=True,
        )
        if answer.silence is not None:
            return self._warned(COMMAND_FAILED.format(command=command, error=COMMAND_ERRORS[answer.silence]))
        if not answer.payload:
            return Outcome(acked=True)
        try:
            message = say(self._state, self.id, place.id, answer.payload)
        except Refusal as refusal:
            problem = COMMAND_FAILED.format(command=command, error=refusal.code)
            self._state.warn(self.id, problem)
            return Outcome(acked=True, payload=answer.payload, warning=problem)
        return Outcome(acked=True, payload=answer.payload, message=message)

    async def shortcut(self, callback_id: str, message: Message | None = None) -> Outcome:
        """Choose a shortcut from the global menu or, with `message`, from that message's menu.

        Raises:
            LookupError: the app's manifest has no such shortcut.
            PermissionError: this person cannot see that message.
        """
        kind = "global" if message is None else "message"
        app = self._state.installation
        known = [entry["callback_id"] for entry in app.shortcuts if entry["type"] == kind]
        if app.has_manifest and callback_id not in known:
            raise LookupError(f"The app has no {kind} shortcut {callback_id!r}. It has: {', '.join(known) or 'none'}")
        if message is None:
            payload = payloads.global_shortcut(self._state, self.user, callback_id)
        else:
            self._require_sight(message)
            payload = payloads.message_shortcut(self._state, self.user, callback_id, message)
        answer = await self._delivery.ask(EnvelopeKind.INTERACTIVE, payload)
        if answer.acked:
            return Outcome(acked=True, payload=answer.payload)
        return self._warned(NOT_ACKNOWLEDGED)

    async def open_home(self) -> None:
        """Open the app's Home tab; the app is told of it by an event."""
        if not self._state.installation.home_tab:
            return
        event: Json = {
            "type": "app_home_opened",
            "user": self.id,
            "channel": self._state.direct_channel(self.id).id,
            "tab": "home",
            "event_ts": self._state.next_ts(),
        }
        if home := self._state.homes.get(self.id):
            event["view"] = self._state.view_json(home)
        self._delivery.tell("app_home_opened", event)

    async def post(self, channel: str, text: str, thread_ts: str | None = None) -> Message:
        """Write in a channel or thread. `text` is Slack's wire text: mentions are `<@U...>`, and & < > escaped.

        Raises:
            LookupError: there is no such channel or thread.
            PermissionError: this person is not in it, or it is archived.
        """
        place = self._own_channel(channel)
        if place.is_archived:
            raise PermissionError(f"#{place.name} is archived; nobody can write there.")
        if thread_ts is not None and self._state.in_channel(place.id).get(thread_ts) is None:
            raise LookupError(f"No thread {thread_ts} in #{place.name}.")
        message = self._state.post(
            Message(channel=place.id, ts=self._state.next_ts(), user=self.id, text=text, thread_ts=thread_ts)
        )
        bot = self._state.installation.bot_user_id
        if f"<@{bot}>" in text and bot in place.members and place.kind is not ChannelKind.DIRECT:
            mention = {
                **self._state.message_json(message),
                "type": "app_mention",
                "channel": place.id,
                "event_ts": message.ts,
            }
            self._delivery.tell("app_mention", mention)
        return message

    async def react(self, message: Message, name: str) -> None:
        """React to a message with this emoji, or remove the reaction.

        Raises:
            PermissionError: this person cannot see that message.
        """
        self._require_sight(message)
        users = message.reactions.setdefault(name, [])
        is_back = self.id in users
        if is_back:
            users.remove(self.id)
        else:
            users.append(self.id)
        if not users:
            del message.reactions[name]
        self._state.touch(message)
        if self._state.installation.bot_user_id in self._state.team.channels[message.channel].members:
            kind = "reaction_removed" if is_back else "reaction_added"
            event = {
                "type": kind,
                "user": self.id,
                "reaction": name,
                "item_user": message.user,
                "item": {"type": "message", "channel": message.channel, "ts": message.ts},
                "event_ts": self._state.next_ts(),
            }
            self._delivery.tell(kind, event)

    def dismiss(self, message: Message) -> None:
        """Put away an ephemeral message of one's own.

        Raises:
            PermissionError: it is not.
        """
        if message.visible_to != self.id:
            raise PermissionError("Only one's own ephemeral messages can be dismissed.")
        self._state.remove(message)

    # What the person sees while and after the app is asked

    def _remember(self, place: Message | View, block_id: str, action_id: str, chosen: Json) -> None:
        values = place.values if isinstance(place, View) else place.chosen.setdefault(self.id, {})
        values.setdefault(block_id, {})[action_id] = chosen

    def _show_waiting(self, place: Message | View, action_id: str) -> None:
        if isinstance(place, View):
            place.warning = None
            place.pending.append(action_id)
            self._state.touch_view(place)
        else:
            place.warnings.pop(self.id, None)
            place.pending.setdefault(self.id, []).append(action_id)
            self._state.touch(place)

    def _show_answered(self, place: Message | View, action_id: str, warning: str | None) -> None:
        """Remove the waiting sign; the app may have replaced what it stood on meanwhile."""
        pending = place.pending if isinstance(place, View) else place.pending.get(self.id, [])
        if action_id in pending:
            pending.remove(action_id)
        if isinstance(place, View):
            place.warning = warning
            self._state.touch_view(place)
        else:
            if warning is not None:
                place.warnings[self.id] = warning
            self._state.touch(place)

    def _warned(self, warning: str) -> Outcome:
        self._state.warn(self.id, warning)
        return Outcome(acked=False, warning=warning)

    def _submitted(self, view: View, answer: Answer) -> Outcome:
        if view.id not in self._state.views:
            return Outcome(answer.acked, answer.payload)
        if answer.acked:
            try:
                apply_response(self._state, view, answer.payload or {})
            except Refusal:
                view.warning = TROUBLE_CONNECTING
        else:
            view.warning = TROUBLE_CONNECTING
        if view.id in self._state.views:
            self._state.touch_view(view)
        return Outcome(answer.acked, answer.payload, view.warning, dict(view.errors))

    # What the person may do

    def _open_modal(self, view: View) -> View:
        for each in self._state.open_views(self.id):
            if each.id == view.id:
                return each
        open_now = ", ".join(each.callback_id or each.id for each in self._state.open_views(self.id)) or "none"
        raise LookupError(f"{self.user.name} has no modal {view.callback_id or view.id!r} open. Open: {open_now}")

    def _own_channel(self, channel: str) -> Channel:
        place = self._state.team.channel(channel)
        if self.id not in place.members:
            raise PermissionError(f"{self.user.name} is not in #{place.name}.")
        return place

    def _require_sight(self, place: Message | View) -> None:
        if isinstance(place, View):
            is_seen = place.user == self.id
        elif place.is_ephemeral:
            is_seen = place.visible_to == self.id
        else:
            channel = self._state.team.channels[place.channel]
            is_seen = channel.kind is ChannelKind.PUBLIC or self.id in channel.members
        if not is_seen:
            raise PermissionError(f"{self.user.name} cannot see that {type(place).__name__.lower()}.")


def _element(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    offered = interactive_elements(blocks)
    for block, element in offered:
        if element["action_id"] == action_id and block_id in (None, block["block_id"]):
            return block, element
    known = ", ".join(element["action_id"] for _, element in offered) or "none"
    raise LookupError(f"There is no {action_id!r} here to act on. There are: {known}")
