"""The real demo as a subprocess, and what a person at its page can see and do."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.local.demo.processes import Noted, look_up
from bot.local.ports import is_free
from bot.local.servers import until

PATIENCE_SECONDS = 60.0
INCIDENTS = "C01INC"
URL = re.compile(r"Open  (http://127\.0\.0\.1:\d+/)")


@dataclass(slots=True)
class RunningDemo:
    """One demo: its process, its output and its page."""

    process: asyncio.subprocess.Process
    state: Path
    output: Path
    url: str = ""

    @property
    def printed(self) -> str:
        return self.output.read_text()

    def noted(self) -> list[Noted]:
        """The processes it started."""
        return [Noted.model_validate(each) for each in json.loads((self.state / "processes.json").read_text())]

    async def until_printed(self, text: str) -> str:
        """Wait until it has printed the text."""

        async def seen() -> str | None:
            assert self.process.returncode is None or text in self.printed, self.printed
            return self.printed if text in self.printed else None

        return str(await until(seen, f"the demo prints {text!r}", within_seconds=PATIENCE_SECONDS))

    async def until_ready(self) -> None:
        """Wait until it invites."""
        found = URL.search(await self.until_printed("Open  http"))
        assert found is not None
        self.url = found[1]
        await self.until_printed("Ctrl-C ends it all")

    async def page(self, person: str = "U01ALICE") -> Any:
        """What the person's page shows."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}page/state?as={person}") as response:
            return await response.json()

    async def press(self, button: str) -> None:
        """Press a button of the panel."""
        await self._post(f"page/panel/{button}", {})

    async def click(self, person: str, card: dict[str, Any], action: str) -> None:
        """Click a button of a card."""
        block = next(block for block in card["blocks"] if block["type"] == "actions")
        place = {"type": "message", "channel": INCIDENTS, "ts": card["ts"]}
        act = {"as": person, "container": place, "block_id": block["block_id"], "action_id": action}
        await self._post("page/acts/click", act)

    async def until_message(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Wait for a message in #incidents."""

        async def seen() -> dict[str, Any] | None:
            messages = (await self.page())["messages"][INCIDENTS]
            return next((message for message in messages if wanted(message)), None)

        found: dict[str, Any] = await until(seen, f"a message: {what}", within_seconds=PATIENCE_SECONDS)
        return found

    async def until_service_is(self, word: str) -> None:
        """Wait until the panel says so."""

        async def said() -> bool:
            return bool(word in (await self.page())["panel"]["lines"][0]["value"])

        await until(said, f"the panel says {word}", within_seconds=PATIENCE_SECONDS)

    async def until_kept(self, ts: str) -> None:
        """Wait until a killed demo would remember the message, and that its alert fires."""

        async def kept() -> bool:
            files = [self.state / "workspace.json", self.state / "firing.json"]
            return ts in files[0].read_text() and "ServiceDown" in files[1].read_text()

        await until(kept, "the demo has written down what it must remember")

    async def end(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.process.wait()

    async def _post(self, path: str, body: dict[str, Any]) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}{path}", json=body) as response:
            assert (await response.json())["ok"], await response.text()

    def ports(self) -> dict[str, int]:
        """The ports it uses."""
        ports: dict[str, int] = json.loads((self.state / "demo.json").read_text())["ports"]
        return ports


def asks(message: dict[str, Any]) -> bool:
    """Whether the message is a card that asks for an approval."""
    return '"approve"' in json.dumps(message.get("blocks", []))


@asynccontextmanager
async def starting_demo(state: Path, *options: str) -> AsyncIterator[RunningDemo]:
    """The demo, just started; at the end it has ended, and with it everything it started."""
    output = state.with_name(f"{state.name}-output-{len(list(state.parent.iterdir()))}")
    command = [sys.executable, "-m", "bot", "demo", "--no-browser", "--state", str(state), *options]
    with output.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out)
    demo = RunningDemo(process, state, output)
    try:
        yield demo
    finally:
        print(demo.printed)
        if process.returncode is None:
            await demo.end(signal.SIGTERM)


@asynccontextmanager
async def running_demo(state: Path, *options: str) -> AsyncIterator[RunningDemo]:
    """The demo, ready."""
    async with starting_demo(state, *options) as demo:
        await demo.until_ready()
        yield demo


def left_running(noted: list[Noted], ports: dict[str, int]) -> tuple[list[Noted], list[str]]:
    """Which of the processes still run, and which of the ports are still taken."""
    running = [each for each in noted if look_up(each.pid) == each]
    return running, [name for name, port in ports.items() if not is_free(port)]
