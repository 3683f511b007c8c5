"""The payloads Slack sends when people act, complete, from the workspace's state."""

from bot.local.workspace.content import Message, View
from bot.local.workspace.inputs import current_values
from bot.local.workspace.state import State
from bot.local.workspace.team import Channel, ChannelKind, Json, User


def block_actions(state: State, user: User, place: Message | View, action: Json) -> Json:
    """A button was clicked or something chosen, on a message or in a view."""
    payload = {
        "type": "block_actions",
        **_common(state, user),
        "trigger_id": state.triggers.issue(user.id, place.id if isinstance(place, View) else None),
        "actions": [{**action, "action_ts": state.next_ts()}],
    }
    if isinstance(place, View):
        payload["container"] = {"type": "view", "view_id": place.id}
        payload["view"] = _view_with_values(state, place)
        return payload
    channel = state.team.channels[place.channel]
    payload["container"] = {
        "type": "message",
        "message_ts": place.ts,
        "channel_id": place.channel,
        "is_ephemeral": place.is_ephemeral,
        **({"thread_ts": place.thread_ts} if place.thread_ts else {}),
    }
    payload["channel"] = channel_reference(channel)
    if not place.is_ephemeral:
        payload["message"] = state.message_json(place)
    payload["state"] = {"values": current_values(place.blocks, place.chosen.get(user.id, {}))}
    payload["response_url"] = _response_url(state, user, channel, place.ts)
    return payload


def view_submission(state: State, user: User, view: View) -> Json:
    """A modal was submitted."""
    return {
        "type": "view_submission",
        **_common(state, user),
        "trigger_id": state.triggers.issue(user.id, view.id),
        "view": _view_with_values(state, view),
        "response_urls": [],
    }


def view_closed(state: State, user: User, view: View, is_cleared: bool) -> Json:
    """A modal that wanted to know was closed without submitting."""
    return {
        "type": "view_closed",
        **_common(state, user),
        "view": _view_with_values(state, view),
        "is_cleared": is_cleared,
    }


def slash_command(state: State, user: User, channel: Channel, command: str, text: str) -> Json:
    """A slash command was typed. Every value is a string: over HTTP it is a form."""
    return {
        "token": state.installation.verification_token,
        "team_id": state.team.id,
        "team_domain": state.team.domain,
        "channel_id": channel.id,
        "channel_name": channel_reference(channel)["name"],
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": state.installation.app_id,
        "is_enterprise_install": "false",
        "response_url": _response_url(state, user, channel),
        "trigger_id": state.triggers.issue(user.id),
    }


def global_shortcut(state: State, user: User, callback_id: str) -> Json:
    """A shortcut was chosen from the menu."""
    return {
        "type": "shortcut",
        **_common(state, user),
        "action_ts": state.next_ts(),
        "callback_id": callback_id,
        "trigger_id": state.triggers.issue(user.id),
    }


def message_shortcut(state: State, user: User, callback_id: str, message: Message) -> Json:
    """A shortcut was chosen from a message's menu."""
    channel = state.team.channels[message.channel]
    return {
        "type": "message_action",
        **_common(state, user),
        "action_ts": state.next_ts(),
        "callback_id": callback_id,
        "trigger_id": state.triggers.issue(user.id),
        "response_url": _response_url(state, user, channel, message.ts),
        "channel": channel_reference(channel),
        "message_ts": message.ts,
        "message": state.message_json(message),
    }


def channel_reference(channel: Channel) -> Json:
    """The short form of a channel in payloads; a direct conversation has no name to tell."""
    return {"id": channel.id, "name": "directmessage" if channel.kind is ChannelKind.DIRECT else channel.name}


def _common(state: State, user: User) -> Json:
    return {
        "token": state.installation.verification_token,
        "api_app_id": state.installation.app_id,
        "team": {"id": state.team.id, "domain": state.team.domain},
        "enterprise": None,
        "is_enterprise_install": False,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": state.team.id},
    }


def _view_with_values(state: State, view: View) -> Json:
    return {**state.view_json(view), "state": {"values": current_values(view.blocks, view.values)}}


def _response_url(state: State, user: User, channel: Channel, message_ts: str | None = None) -> str:
    return f"{state.base_url}/response/{state.response_urls.issue(user.id, channel.id, message_ts)}"
