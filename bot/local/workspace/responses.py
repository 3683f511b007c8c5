"""What an app may say with a response URL or a slash command's acknowledgement."""

from bot.local.workspace.content import Message
from bot.local.workspace.methods.registry import checked_blocks
from bot.local.workspace.refusal import Refusal
from bot.local.workspace.state import HIDDEN_TEXT, State, with_ids
from bot.local.workspace.team import Json


def respond(state: State, key: str, body: Json) -> None:
    """Do what was POSTed to a response URL: replace or delete the message it came from, or say something new.

    Raises:
        Refusal: the URL is unknown, expired or used up; there is no such message to replace; or the content is bad.
    """
    slip = state.response_urls.use(key)
    original = None
    if slip.message_ts is not None:
        original = state.ephemerals.get(slip.message_ts) or state.find_message(slip.channel, slip.message_ts)
    if body.get("delete_original"):
        state.remove(_own(original))
    elif body.get("replace_original") and slip.message_ts is not None:
        message = _own(original)
        text, blocks = _content(state, body)

        def change() -> None:
            message.text, message.blocks = text, with_ids(blocks)
            message.pending.clear()
            message.warnings.clear()

        state.edit(message, change, state.installation.bot_user_id)
    else:
        say(state, slip.user, slip.channel, body)


def say(state: State, user: str, channel: str, body: Json) -> Message:
    """Post what the app answered: to this person only, unless `response_type` is `in_channel`.

    Raises:
        Refusal: the content is bad.
    """
    text, blocks = _content(state, body)
    return state.post(
        Message(
            channel=channel,
            ts=state.next_ts(),
            user=state.installation.bot_user_id,
            text=text,
            blocks=with_ids(blocks),
            thread_ts=body.get("thread_ts"),
            from_app=True,
            visible_to=None if body.get("response_type") == "in_channel" else user,
        )
    )


def _own(message: Message | None) -> Message:
    if message is None:
        raise Refusal("message_not_found")
    if not message.from_app:
        raise Refusal("cant_update_message")
    return message


def _content(state: State, body: Json) -> tuple[str, list[Json]]:
    blocks = checked_blocks(state, body.get("blocks"))
    text = body.get("text") or ""
    if not isinstance(text, str) or not (text.strip() or blocks):
        raise Refusal("no_text")
    return text or HIDDEN_TEXT, blocks
