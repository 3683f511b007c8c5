"""`files.*`: the three-step upload (ask for a URL, POST the bytes, complete) and what became of it."""

import secrets

from bot.local.workspace.content import File, Message
from bot.local.workspace.methods.registry import Call, Implementation, checked_blocks
from bot.local.workspace.refusal import Refusal, invalid_arguments
from bot.local.workspace.state import with_ids
from bot.local.workspace.team import Channel, Json

MOST_FILE_BYTES = 50 * 1024 * 1024
MOST_ALT_TEXT_CHARACTERS = 1000


def get_upload_url(call: Call) -> Json:
    """Announce a file and get the address to POST its bytes to."""
    length = call.arguments.number("length", 0)
    if length < 1:
        raise Refusal("missing_argument", ["length must be the file's size in bytes"])
    if length > MOST_FILE_BYTES:
        raise Refusal("file_upload_size_restricted")
    alt_text = call.arguments.text("alt_txt")
    if len(alt_text) > MOST_ALT_TEXT_CHARACTERS:
        raise Refusal("alt_txt_too_large")
    file = File(
        id=f"F{secrets.token_hex(5).upper()}",
        name=call.arguments.text("filename"),
        length=length,
        user=call.state.installation.bot_user_id,
        alt_text=alt_text,
        upload_key=secrets.token_urlsafe(18),
    )
    call.state.files[file.id] = file
    return {"upload_url": f"{call.state.base_url}/upload/v1/{file.id}/{file.upload_key}", "file_id": file.id}


def complete_upload(call: Call) -> Json:
    """Finish uploads and share them, in one message per channel."""
    uploads = _uploaded_files(call)
    channels = _destinations(call)
    blocks = with_ids(checked_blocks(call.state, call.arguments.data("blocks")))
    for file, title in uploads:
        file.is_complete, file.title = True, title or file.name
    for channel in channels:
        for file, _ in uploads:
            file.shared_in.append(channel.id)
        call.state.post(
            Message(
                channel=channel.id,
                ts=call.state.next_ts(),
                user=call.state.installation.bot_user_id,
                text=call.arguments.text("initial_comment"),
                blocks=blocks,
                thread_ts=call.arguments.text("thread_ts") or None,
                from_app=True,
                files=[file.id for file, _ in uploads],
            )
        )
    return {"files": [call.state.file_json(file) for file, _ in uploads]}


def info(call: Call) -> Json:
    """Describe one file."""
    return {"file": call.state.file_json(_known(call))}


def delete(call: Call) -> Json:
    """Remove a file, also from the messages that show it."""
    file = _known(call)
    del call.state.files[file.id]
    for channel_id in file.shared_in:
        for message in call.state.in_channel(channel_id).values():
            if file.id in message.files:
                message.files.remove(file.id)
                call.state.touch(message)
    return {}


def _uploaded_files(call: Call) -> list[tuple[File, str]]:
    given = call.arguments.data("files")
    if not isinstance(given, list) or not given:
        raise invalid_arguments("no fewer than 1 items allowed [json-pointer:/files]")
    uploads = []
    for item in given:
        file = call.state.files.get(item.get("id", "")) if isinstance(item, dict) else None
        if file is None or file.content is None:
            raise Refusal("file_not_found")
        if file.is_complete:
            raise Refusal("file_update_failed", [f"{file.id} was completed before"])
        uploads.append((file, item.get("title") or ""))
    return uploads


def _destinations(call: Call) -> list[Channel]:
    wanted = call.arguments.names("channels") or call.arguments.names("channel_id")
    channels = []
    for channel_id in wanted:
        channel = call.state.team.channels.get(channel_id)
        if channel is None:
            raise Refusal("channel_not_found")
        if not call.bot_is_in(channel):
            raise Refusal("not_in_channel")
        if channel.is_archived:
            raise Refusal("posting_to_channel_denied")
        channels.append(channel)
    thread_ts = call.arguments.text("thread_ts")
    if thread_ts and any(call.state.find_message(channel.id, thread_ts) is None for channel in channels):
        raise invalid_arguments("no such thread [json-pointer:/thread_ts]")
    return channels


def _known(call: Call) -> File:
    file = call.state.files.get(call.arguments.text("file"))
    if file is None or not file.is_complete:
        raise Refusal("file_not_found")
    return file


METHODS: dict[str, Implementation] = {
    "files.getUploadURLExternal": get_upload_url,
    "files.completeUploadExternal": complete_upload,
    "files.info": info,
    "files.delete": delete,
}
