"""The process is killed while it blocks an attacker; the next one finds out by itself what came of it."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from bot.local.demo.team import demo_team
from bot.local.ports import free_port
from bot.local.servers import get_json, running, until
from bot.local.workspace import Message, Workspace
from tests.fixtures.database import AUDIT_KEY
from tests.fixtures.network import ATTACKER, Wire, running_wire
from tests.scenarios.gate import TABLE, attacked_by, blocking
from tests.scenarios.small_stage import HEADERS
from tests.scenarios.stage import ALERT_TOKEN, INCIDENTS, ROOT, document, said

PATIENCE_SECONDS = 80.0


@dataclass
class Lives:
    """One gate, one database, and one bot after the other."""

    folder: Path
    wire: Wire
    workspace: Workspace
    environment: dict[str, str]
    stack: AsyncExitStack

    async def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process of the bot, ready."""
        url = f"http://{self.environment['WATCHKEEPER_LISTEN']}"
        return await self.stack.enter_async_context(
            running(
                [sys.executable, str(Path(__file__).with_name("replica.py")), *arguments],
                self.folder / f"bot{''.join(arguments)}.log",
                lambda: get_json(f"{url}/readyz"),
                environment=self.environment,
            )
        )

    async def attack(self, address: str) -> None:
        body = {"version": "4", "status": "firing", "receiver": "bot", "alerts": [attacked_by(address)]}
        url = f"http://{self.environment['WATCHKEEPER_LISTEN']}/alerts/alertmanager"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=body | {"truncatedAlerts": 0}, headers=HEADERS) as response,
        ):
            response.raise_for_status()

    async def approve(self) -> None:
        card = await self.workspace.until(self._asked, timeout=PATIENCE_SECONDS)
        assert isinstance(card, Message)
        await self.workspace.person("alice").click(card, "approve")

    async def thread(self, *words: str) -> str:
        """What the thread says, once it says all of the words."""

        def told() -> str | None:
            text = "\n".join(said(reply) for card in self._cards() for reply in self._replies(card))
            return text if all(word in text for word in words) else None

        return str(await self.workspace.until(told, timeout=PATIENCE_SECONDS))

    def _cards(self) -> list[Message]:
        return [m for m in self.workspace.messages(INCIDENTS) if m.thread_ts in (None, m.ts)]

    def _asked(self) -> Message | None:
        return next((card for card in self._cards() if "'action_id': 'approve'" in said(card)), None)

    def _replies(self, card: Message) -> list[Message]:
        return list(self.workspace.thread(INCIDENTS, card.ts))


@asynccontextmanager
async def lives(folder: Path) -> AsyncIterator[Lives]:
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(running_wire())
        await wire.gate.run("nft", "-f", "-", text=TABLE.read_text())
        workspace = Workspace(demo_team(), relaxed_limits=True)
        workspace.manifest(ROOT / "manifest.yml")
        server = await stack.enter_async_context(workspace.serve())
        written = document(f"unix://{folder}/nobody.sock")
        blocking(wire, verify={"within": "3s", "own": True, "stable": 1})(written)
        (folder / "policy.yml").write_text(yaml.safe_dump(written, sort_keys=False))
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("SLACK_", "WATCHKEEPER_"))}
        environment = kept | {
            "PYTHONPATH": str(ROOT),
            "SLACK_API_URL": server.api_url,
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'watch.db'}",
            "WATCHKEEPER_POLICY": str(folder / "policy.yml"),
            "WATCHKEEPER_LISTEN": f"127.0.0.1:{free_port()}",
            "WATCHKEEPER_ALERT_TOKEN": ALERT_TOKEN,
            "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
        }
        yield Lives(folder, wire, workspace, environment, stack)


async def killed_in_block(here: Lives, when: str) -> None:
    """The attack, the approval, and the death of the bot; then another one is started."""
    doomed = await here.start("--dies-in-block", when)
    await here.attack(ATTACKER[4])
    await here.approve()

    async def ended() -> bool:
        return doomed.poll() is not None

    await until(ended, "the bot is dead", within_seconds=PATIENCE_SECONDS)
    assert doomed.returncode == -signal.SIGKILL
    await here.start()


async def test_killed_when_the_kernel_had_taken_it_the_block_is_verified_and_kept(tmp_path: Path) -> None:
    async with lives(tmp_path) as here:
        await killed_in_block(here, "after")
        await here.thread("The process died while it ran", "Done and verified")
        assert not await here.wire.passes(ATTACKER[4])


async def test_killed_before_the_kernel_was_told_it_is_no_success_and_people_are_told(tmp_path: Path) -> None:
    async with lives(tmp_path) as here:
        await killed_in_block(here, "before")
        await here.thread("*Failed*", f"{ATTACKER[4]} is not blocked", "<@U01ALICE>")
        assert await here.wire.passes(ATTACKER[4])
