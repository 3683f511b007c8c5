"""Lets the local workspace outlive its process: what was said in it is kept in a file.

Slack remembers by itself; here somebody must, or a bot that is started again would search for cards that are gone.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from bot.local.demo.files import write_whole
from bot.local.workspace import File, Message, Team, View, Workspace


@dataclass(slots=True)
class Memory:
    """What is kept. Open modals and clicks under way are not: their time is over."""

    __pydantic_config__ = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    team: Team
    messages: dict[str, dict[str, Message]]
    ephemerals: dict[str, Message]
    homes: dict[str, View]
    files: dict[str, File]


_MEMORY = TypeAdapter(Memory)


def remembered(file: Path) -> Memory | None:
    """What was kept in the file; None where there is nothing.

    Raises:
        ValueError: it cannot be understood; names the file and the remedy.
    """
    try:
        memory = _MEMORY.validate_json(file.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ValueError(f"{file} cannot be understood. Begin anew with --fresh.") from error
    for message in (*memory.ephemerals.values(), *(m for each in memory.messages.values() for m in each.values())):
        message.pending, message.warnings = {}, {}
    return memory


def restore(workspace: Workspace, memory: Memory) -> None:
    """Put what was kept into a workspace made of ``memory.team``, before it is served."""
    state = workspace.state
    state.messages.update(memory.messages)
    state.ephemerals.update(memory.ephemerals)
    state.homes.update(memory.homes)
    state.files.update(memory.files)


async def keep(workspace: Workspace, file: Path) -> None:
    """Write what changes at once, and what changes meanwhile together, until cancelled; then once more."""
    with workspace.state.changes.listening() as changes:
        try:
            while True:
                change = await changes.get()
                if change.kind in ("message", "ephemeral", "home", "channel"):
                    while not changes.empty():
                        changes.get_nowait()
                    await asyncio.to_thread(write_whole, file, _written(workspace))
        finally:
            write_whole(file, _written(workspace))


def _written(workspace: Workspace) -> bytes:
    state = workspace.state
    return _MEMORY.dump_json(Memory(state.team, state.messages, state.ephemerals, state.homes, state.files))
