"""The demo as newcomers meet it: the real servers, the real bot, a real failure, one yes, a real repair."""

import asyncio
import json
import signal
import socket
from functools import partial
from pathlib import Path

import pytest

from bot.local.servers import until
from tests.fixtures.servers import require_binary
from tests.local.demo.running import asks, left_running, running_demo, starting_demo

ROOT = Path(__file__).parents[3]
BEFORE_IT_INVITES = (
    "Setting up the demo in ",
    "Opening the workspace at http://127.0.0.1:",
    "Starting supervisord with 4 services: checkout, basket, storefront, checkout-staging ...",
    "Starting Watchkeeper",
)
THE_MONITOR = (
    "Starting Alertmanager ...",
    "Starting Prometheus ...",
    "Waiting until Prometheus watches all 4 services",
)
"""What is said, in this order, as each begins."""
LONG = ("-m venv", "pip install", "apt-get install")
"""What `make demo` does that takes its time."""
NOTHING: tuple[list[object], list[str]] = ([], [])

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(300)]
"""One at a time: each is half a dozen real servers, and the machine has other tests to run."""


@pytest.mark.parametrize(
    ("options", "failure", "word", "ending"),
    [((), "hang", "hanging", signal.SIGINT), (("--probe",), "crash", "crashed", signal.SIGTERM)],
    ids=["prometheus-and-a-hanging-service", "probe-and-a-crashed-service"],
)
async def test_a_broken_service_is_repaired_after_one_yes_and_nothing_is_left_at_the_end(
    tmp_path: Path, options: tuple[str, ...], failure: str, word: str, ending: signal.Signals
) -> None:
    if not options:
        require_binary("prometheus")
        require_binary("prometheus-alertmanager")
    async with running_demo(tmp_path / "state", *options) as demo:
        await demo.until_service_is("answering")
        await demo.press(failure)
        await demo.until_service_is(word)
        card = await demo.until_message(asks, "a card that asks")
        assert "checkout" in card["text"]
        await demo.click("U01ALICE", card, "approve")
        await demo.until_service_is("answering")
        await demo.until_message(
            lambda message: message.get("thread_ts") == card["ts"] and "verified" in message["text"],
            "the thread says that it was verified",
        )
        await demo.until_message(
            lambda message: message["ts"] == card["ts"] and "Resolved" in message["text"], "the card says resolved"
        )
        await demo.until_printed("so it goes on asking" if options else "Staging dry run")
        printed = demo.printed
        for event in (f"told to {failure}", word, "Restart checkout?", "Approved, by Alice Adeyemi", "is answering"):
            assert event in printed
        at = [printed.find(line) for line in (*BEFORE_IT_INVITES, *([] if options else THE_MONITOR), "Open  http")]
        assert -1 not in at
        assert at == sorted(at)
        noted, ports = demo.noted(), demo.ports()
        assert len(noted) == (2 if options else 4)
        assert await demo.end(ending) == 0
    assert left_running(noted, ports) == NOTHING


async def test_make_says_what_it_does_before_each_long_step(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *("make", "--dry-run", f"VENV={tmp_path / 'venv'}", "demo"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    lines = printed.decode().splitlines()
    assert process.returncode == 0
    assert any("watchkeeper demo" in line for line in lines)
    found = [number for number, line in enumerate(lines) if any(step in line for step in LONG)]
    assert len(found) >= len(LONG)
    for number in found:
        said = lines[number] if "apt-get" in lines[number] else lines[number - 1]
        assert "echo" in said
        assert said.partition("echo")[2].strip(' "').startswith(("Making ", "Installing "))


async def test_what_a_killed_demo_left_is_ended_and_its_open_incident_closed_by_the_next_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with running_demo(state, "--probe") as demo:
        await demo.press("crash")
        card = await demo.until_message(asks, "a card that asks")
        before = demo.noted()
        await demo.until_kept(card["ts"])
        await demo.end(signal.SIGKILL)
        assert left_running(before, {})[0], "a killed demo ends nothing, or this test proves nothing"
    async with running_demo(state, "--probe") as demo:
        assert f"Ended {len(before)} processes" in demo.printed
        assert left_running(before, {}) == NOTHING
        await demo.until_message(
            lambda message: message["ts"] == card["ts"] and "Resolved" in message["text"], "the old card says resolved"
        )
        noted, ports = demo.noted(), demo.ports()
        assert await demo.end(signal.SIGINT) == 0
    assert left_running(noted, ports) == NOTHING
    async with running_demo(state, "--probe", "--fresh") as demo:
        messages = (await demo.page())["messages"]["C01INC"]
        assert [message["user"] for message in messages] == ["U00GUIDE"]


async def test_ctrl_c_while_it_is_still_starting_ends_what_had_begun(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with starting_demo(state) as demo:
        await until(partial(asyncio.to_thread, (state / "processes.json").exists), "the first server has been started")
        noted = demo.noted()
        assert await demo.end(signal.SIGINT) == 0
    assert left_running(noted, json.loads((state / "demo.json").read_text())["ports"]) == NOTHING


async def test_a_bot_that_cannot_start_is_explained_with_the_end_of_its_log(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with running_demo(state, "--probe") as demo:
        await demo.end(signal.SIGINT)
    (state / "policy.yml").write_text("version: 2\n")
    async with starting_demo(state, "--probe") as demo:
        assert await demo.process.wait() == 1
        assert "has been edited, and is kept" in demo.printed
        assert "bot ended with code" in demo.printed
        assert "version" in demo.printed.split("--- end of")[1]
    assert left_running([], demo.ports()) == NOTHING


async def test_a_second_demo_in_the_same_folder_is_sent_to_the_first(tmp_path: Path) -> None:
    async with running_demo(tmp_path / "state", "--probe") as first:
        async with starting_demo(tmp_path / "state", "--probe") as second:
            assert await second.process.wait() == 1
            assert "running" in second.printed
            assert first.url in second.printed
        assert left_running(first.noted(), {})[0] == first.noted()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with starting_demo(tmp_path / "state", "--port", str(port)) as demo:
            assert await demo.process.wait() == 1
            assert f"Port {port} is in use" in demo.printed
            assert "--port" in demo.printed


async def test_a_folder_that_is_not_a_demos_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "state" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    async with starting_demo(tmp_path / "state", "--fresh") as demo:
        assert await demo.process.wait() == 1
        assert "left alone" in demo.printed
    assert precious.read_text() == "mine"
