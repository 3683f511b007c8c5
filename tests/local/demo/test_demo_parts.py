"""The demo's parts, each against something real: processes, files, an HTTP receiver, the bot's own readers."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from bot.local.demo.acts import Play
from bot.local.demo.alerts import FiringAlert, Receiver, webhook
from bot.local.demo.folder import Folder, FolderError, open_folder
from bot.local.demo.health import Health, check
from bot.local.demo.memory import keep, remembered, restore
from bot.local.demo.policy import Addresses, render, write_policy
from bot.local.demo.probe import ProbeMonitor
from bot.local.demo.processes import Ledger, look_up
from bot.local.demo.service import ShopOnShow
from bot.local.demo.story import Story
from bot.local.demo.surroundings import Services
from bot.local.demo.team import demo_team
from bot.local.ports import free_port
from bot.local.servers import until
from bot.local.supervised import Program, running_supervisord
from bot.local.workspace import Message, Workspace
from bot.policy.file.loading import check_policy
from bot.response.model.incidents import AlertStatus
from handlers.alerts.alertmanager import parse
from remediations.catalogue import parameter_models
from remediations.policy_check import policy_troubles

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
DEAF = (sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


def addresses(prometheus_url: str | None) -> Addresses:
    return Addresses("unix:///run/s.sock", Path("/run/password"), "http://127.0.0.1:1/healthz", prometheus_url)


@pytest.mark.parametrize(("prometheus_url", "warnings"), [("http://127.0.0.1:9090", 0), (None, 1)])
def test_the_policy_newcomers_read_has_no_errors_and_warns_only_of_missing_evidence(
    prometheus_url: str | None, warnings: int
) -> None:
    text = render(Path("policy.yml"), addresses(prometheus_url))
    found = check_policy(text, parameter_models=parameter_models(), systems=policy_troubles, now=NOW)
    assert found.policy is not None
    assert "<<" not in text
    assert len(found.problems) == warnings
    assert all("evidence" in str(problem) for problem in found.problems)


def test_every_entry_of_the_policy_is_explained() -> None:
    lines = render(Path("policy.yml"), addresses("http://127.0.0.1:9090")).splitlines()
    top_level = [number for number, line in enumerate(lines) if line[:1].isalpha()]
    assert len(top_level) > 8
    for number in top_level:
        assert "#" in lines[number] or lines[number - 1].startswith("#"), lines[number]


def test_a_policy_that_a_person_has_edited_is_kept_and_another_is_written_anew(tmp_path: Path) -> None:
    with open_folder(tmp_path / "state", fresh=False) as folder:
        assert write_policy(folder, addresses(None))
        assert write_policy(folder, addresses("http://127.0.0.1:9090"))
        edited = folder.policy.read_text() + "# mine\n"
        folder.policy.write_text(edited)
    with open_folder(tmp_path / "state", fresh=False) as folder:
        assert not write_policy(folder, addresses(None))
        assert folder.policy.read_text() == edited
    with open_folder(tmp_path / "state", fresh=True) as folder:
        assert write_policy(folder, addresses(None))


def test_ports_and_secrets_stay_the_same_from_one_demo_to_the_next(tmp_path: Path) -> None:
    def seen(folder: Folder) -> tuple[int, str]:
        return folder.port("bot"), folder.secret("audit-key").read_text()

    with open_folder(tmp_path, fresh=False) as folder:
        first = seen(folder)
        assert folder.secret("audit-key").stat().st_mode & 0o077 == 0
    with open_folder(tmp_path, fresh=False) as folder:
        assert seen(folder) == first
    with open_folder(tmp_path, fresh=True) as folder:
        assert seen(folder)[1] != first[1]


def test_a_broken_note_of_the_last_demo_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(FolderError, match=r"demo\.json.*--fresh"), open_folder(tmp_path, fresh=False):
        pass
    with open_folder(tmp_path, fresh=True) as folder:
        assert folder.kept.ports == {}


@pytest.mark.parametrize("command", [SLEEP, DEAF], ids=["listens-to-sigterm", "ignores-sigterm"])
def test_a_left_over_process_is_ended_even_when_it_is_frozen_or_deaf(
    tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.local.demo.processes.END_WITHIN_SECONDS", 0.5)
    with subprocess.Popen(command) as process:
        Ledger(tmp_path / "processes.json").add(process)
        process.send_signal(signal.SIGSTOP)
        ended = Ledger(tmp_path / "processes.json").end_left_over()
        assert [each.pid for each in ended] == [process.pid]
        assert process.wait() in (-signal.SIGTERM, -signal.SIGKILL)
    assert Ledger(tmp_path / "processes.json").end_left_over() == []


@pytest.mark.parametrize("change", [{"started": "1"}, {"command": "somebody else's"}])
def test_a_process_that_only_has_the_pid_of_ours_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes], change: dict[str, str]
) -> None:
    file = tmp_path / "processes.json"
    Ledger(file).add(sleeper)
    noted = look_up(sleeper.pid)
    assert noted is not None
    assert noted.command.startswith(sys.executable)
    file.write_text(f"[{noted.model_copy(update=change).model_dump_json()}]")
    assert Ledger(file).end_left_over() == []
    assert sleeper.poll() is None


def test_the_fingerprint_is_the_one_prometheus_computes() -> None:
    # Labels and fingerprint as a real Alertmanager 0.25 delivered them.
    labels = {
        "alertname": "DbPoolExhausted",
        "db": "orders",
        "instance": "127.0.0.1:9195",
        "job": "app",
        "service": "orders",
        "severity": "critical",
    }
    assert FiringAlert(labels, {}, "").fingerprint == "7162a71da35bf392"


def test_the_bot_reads_our_webhook_as_one_alert_and_its_end() -> None:
    labels = {"alertname": "ServiceDown", "service": "checkout"}
    alert = FiringAlert(labels, {"summary": "down"}, "2026-11-23T09:00:00.000Z")
    read = [parse(webhook(alert, resolved_at=at, external_url="http://127.0.0.1:1"), NOW) for at in (None, NOW)]
    firing, resolved = (parsed.alerts[0] for parsed in read)
    assert firing.facts.fingerprint == resolved.facts.fingerprint == alert.fingerprint
    assert firing.facts.starts_at == resolved.facts.starts_at == NOW
    assert [firing.status, resolved.status] == [AlertStatus.FIRING, AlertStatus.RESOLVED]


@asynccontextmanager
async def receiving(refusals: int) -> AsyncIterator[tuple[Receiver, list[dict[str, Any]]]]:
    """A receiver that refuses the first deliveries."""
    accepted: list[dict[str, Any]] = []
    tries = 0

    async def receive(request: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        if tries <= refusals:
            return web.Response(status=503)
        assert request.headers["Authorization"] == "Bearer letmein"
        accepted.append(await request.json())
        return web.json_response({})

    application = web.Application()
    application.router.add_post("/alerts/alertmanager", receive)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield Receiver(f"http://127.0.0.1:{runner.addresses[0][1]}/alerts/alertmanager", "letmein"), accepted
    finally:
        await runner.cleanup()


async def test_the_probe_fires_after_two_bad_checks_resolves_after_one_good_and_repeats_what_was_refused() -> None:
    async with receiving(refusals=2) as (receiver, accepted):
        probe = ProbeMonitor("checkout", "http://127.0.0.1:1/healthz", receiver)
        for found in (Health.HANGING, Health.ANSWERING, Health.HANGING):
            await probe.checked(found)
        assert probe.firing is None
        await probe.checked(Health.CRASHED)
        assert probe.firing is not None
        for found in (Health.CRASHED, Health.ANSWERING, Health.ANSWERING):
            await probe.checked(found)
        assert [each["status"] for each in accepted] == ["firing", "resolved"]
        first, last = (each["alerts"][0] for each in accepted)
        assert (first["fingerprint"], first["startsAt"]) == (last["fingerprint"], last["startsAt"])


async def test_a_check_tells_hanging_from_crashed_from_answering() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    service = Path(sys.modules["bot.local.servers"].__file__ or "").with_name("web_service.py")
    assert await check(f"{url}/healthz") is Health.CRASHED
    process = await asyncio.create_subprocess_exec(sys.executable, service, "--name", "checkout", "--port", str(port))
    try:

        async def answering() -> bool:
            return await check(f"{url}/healthz") is Health.ANSWERING

        await until(answering, "the service answers")
        assert await check(f"{url}/no-such-page") is Health.FAILING
        assert await check(f"{url}/hang") is Health.ANSWERING
        assert await check(f"{url}/healthz") is Health.HANGING
    finally:
        process.kill()
        await process.wait()
    assert await check(f"{url}/healthz") is Health.CRASHED


async def test_what_was_torn_is_missing_after_a_start_and_whoever_needs_it_fails(tmp_path: Path) -> None:
    basket = Program("basket", data=tmp_path / "basket.json")
    storefront = Program("storefront", needs=f"{basket.url}/data")

    async def well() -> bool:
        return await check(f"{storefront.url}/healthz") is Health.ANSWERING

    async def failing() -> bool:
        return await check(f"{storefront.url}/healthz") is Health.FAILING

    async with running_supervisord(tmp_path, basket, storefront) as supervisord:
        await until(well, "storefront answers")
        await basket.tear()
        assert await check(f"{basket.url}/healthz") is Health.HANGING
        assert await well(), "it works on with what it has"
        await supervisord.call("stopProcess", basket.address)
        assert await well()
        await supervisord.call("startProcess", basket.address)
        await until(basket.answers, "basket answers")
        await until(failing, "storefront fails")
        await basket.mend()
        await until(well, "storefront answers again")


async def test_the_terminal_is_told_what_a_card_says_is_under_way(tmp_path: Path) -> None:
    printed, workspace = StringIO(), Workspace(demo_team())
    story = Story(Console(file=printed, width=200), workspace)
    reading = asyncio.create_task(story.read_along("C01INC"))
    await asyncio.sleep(0)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Gates of restart-service"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "Restart it\n⚙️ *The gates are being run.*"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "✅ *Dry run:* good\n⚙️ *Chaos test:* 3 runs\n🔹 later"}},
    ]
    workspace.state.post(Message("C01INC", workspace.state.next_ts(), "UWATCH", "Gates", blocks=blocks, from_app=True))

    async def told() -> bool:
        return "Gates of restart-service ⚙️ Chaos test: 3 runs" in printed.getvalue()

    await until(told, "the line is printed")
    reading.cancel()
    await asyncio.wait((reading,))


@pytest.mark.parametrize("ending", ["Not passed.", "Broken off.", "Not yet."])
async def test_the_story_ends_where_nothing_is_earned(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.local.demo.acts.BREATH_SECONDS", 0.0)
    printed, workspace = StringIO(), Workspace(demo_team())
    story = Story(Console(file=printed, width=200), workspace)
    nothing_runs: Any = None
    checkout, basket, storefront, staging = (
        Program(name) for name in ("checkout", "basket", "storefront", "checkout-staging")
    )
    services = Services(nothing_runs, checkout, basket, storefront, staging, Path("password"))
    shop = ShopOnShow(services, "Prometheus", workspace, story)
    shop.was_broken.set()

    def says(text: str) -> None:
        said = Message("C01INC", workspace.state.next_ts(), "UWATCH", text, blocks=[], from_app=True)
        workspace.state.post(said)

    async def printed_is(text: str) -> None:
        async def there() -> bool:
            return text in printed.getvalue()

        await until(there, f"it prints {text!r}")

    telling = asyncio.create_task(Play(workspace, "C01INC", shop, story, gates=True).tell())
    await printed_is("Act 1 of 5")
    says("Resolved: ServiceDown on checkout")
    await printed_is("Bob Lindqvist types /watch promote")
    says(f"Gates of restart-service: {ending}")
    async with asyncio.timeout(30):
        await telling
    assert "It has not earned to act alone" in printed.getvalue()
    assert "Act 4" not in printed.getvalue()


async def test_a_workspace_is_remembered_with_its_threads_and_without_clicks_under_way(tmp_path: Path) -> None:
    file = tmp_path / "workspace.json"
    assert remembered(file) is None
    workspace = Workspace(demo_team())
    keeping = asyncio.create_task(keep(workspace, file))
    await asyncio.sleep(0)
    root = await workspace.person("alice").post("C01INC", "hello")
    await workspace.person("bob").post("C01INC", "hello yourself", thread_ts=root.ts)
    root.pending = {"U01ALICE": ["approve"]}
    workspace.state.post(Message("C01INC", workspace.state.next_ts(), "UWATCH", "psst", visible_to="U01ALICE"))
    keeping.cancel()
    await asyncio.wait((keeping,))
    memory = remembered(file)
    assert memory is not None
    again = Workspace(memory.team)
    restore(again, memory)
    assert [each.text for each in again.messages("C01INC")] == ["hello"]
    assert [each.text for each in again.thread("C01INC", root.ts)] == ["hello yourself"]
    assert [each.text for each in again.ephemerals("alice")] == ["psst"]
    assert again.messages("C01INC")[0].pending == {}


def test_a_memory_that_cannot_be_understood_is_named_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "workspace.json"
    file.write_text("{")
    with pytest.raises(ValueError, match=r"workspace\.json.*--fresh"):
        remembered(file)
