"""E29: a system that repeats the secret it was asked with does not get it into a card, a row or the log through us."""

from collections.abc import AsyncIterator, Iterator, Sized
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import select

from bot.evidence.prometheus import PrometheusEvidence
from bot.local.servers import until
from bot.remediation import MovedOnError, PermanentError, RemediationError, TemporaryError
from remediations.backends.credentials import read_secret
from storage.tables import SECOND_NOTICES
from tests.fixtures.canaries import MARKER, Watch, gathering
from tests.scenarios.outage import take_slack_away, with_second_channel
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.second_channel.receivers import PASSWORD, ROUTING_KEY, Pager, mail_server


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setenv("TEST_MAIL_PASSWORD", PASSWORD)
    monkeypatch.setenv("TEST_PAGERDUTY_KEY", ROUTING_KEY)
    with gathering(tmp_path) as watch:
        yield watch


@asynccontextmanager
async def echo(status: int, asked: list[str]) -> AsyncIterator[str]:
    """Where every request is refused with itself."""

    async def repeat(request: web.Request) -> web.Response:
        asked.append(request.path)
        text = f"{request.path} {dict(request.headers)} {await request.text()}"
        return web.json_response({"status": "error", "error": text, "errorType": text}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", repeat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield site.name.removeprefix("http://")
    finally:
        await runner.cleanup()


async def refused(here: SmallStage, asked: Sized, *words: str) -> None:
    """Slack is away, the second channel refuses, and when Slack is back the status says so in these words."""

    async def refused() -> bool:
        return len(asked) > 0

    take_slack_away(here.workspace)
    await here.fire()
    await until(refused, "the second channel was asked")
    here.workspace.misbehave.lift()
    await here.workspace.until(lambda: here.workspace.sockets.connection_count > 0, timeout=60)
    await here.slash("alice", "status", "People could not be told", *words)


async def test_a_mail_server_that_repeats_the_password(tmp_path: Path, watch: Watch) -> None:
    async with mail_server() as mailbox:
        mailbox.answers = [f"451 4.3.0 {PASSWORD} will not do"] * 1000
        async with small_stage(tmp_path, change_policy=with_second_channel(mailbox)) as here:
            await refused(here, mailbox.logins, "451 4.3.0 \u2217\u2217\u2217 will not do")
    assert watch.leaks() == []


async def test_a_pager_that_repeats_its_key(tmp_path: Path, watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []

    async def told() -> bool:
        return "by PagerDuty: PagerDuty answered 503: " in caplog.text

    async with mail_server() as mailbox, echo(503, asked) as address:
        change = with_second_channel(mailbox, Pager(url=f"http://{address}/enqueue"))
        async with small_stage(tmp_path, change_policy=change) as here:
            take_slack_away(here.workspace)
            await here.fire()
            await until(told, "that the pager refuses is in the log")
            async with here.rows() as work:
                errors = list(await work.session.scalars(select(SECOND_NOTICES.c.error)))
    assert any("PagerDuty answered 503" in str(each) for each in errors), errors
    assert watch.leaks() == []


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # one of Apprise's plugins asks for it
async def test_a_service_of_apprise_that_repeats_its_address(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async with echo(500, asked) as address:
        monkeypatch.setenv("TEST_TEAMS", f"json://watch:{MARKER}apprise@{address}/{MARKER}apprise-token")

        def change(document: Json) -> None:
            document["second_channel"] = {"after": "1s", "apprise": [{"name": "teams", "url_env": "TEST_TEAMS"}]}

        async with small_stage(tmp_path, change_policy=change) as here:
            await refused(here, asked, "the service did not take it")
    assert asked[0] == f"/{MARKER}apprise-token"
    assert "the log" in watch.places()
    assert watch.leaks() == []


async def test_a_prometheus_that_repeats_the_password(watch: Watch) -> None:
    asked: list[str] = []
    async with echo(422, asked) as address:
        with closing(PrometheusEvidence(f"http://watch:{MARKER}prometheus@{address}")) as source:
            (answer,) = (await source.ask(["up"])).values()
    assert asked
    assert "Prometheus answered 422" in answer.error
    watch.saw("evidence", answer.error)
    assert watch.leaks() == []


@pytest.mark.parametrize("kind", [TemporaryError, PermanentError, MovedOnError])
def test_an_error_of_a_remediation_repeats_no_secret(
    kind: type[RemediationError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_SUPERVISOR", f"{MARKER}supervisor")
    password = read_secret(environment_variable="TEST_SUPERVISOR", file=None)
    assert str(kind(f"it says: {password} is wrong")) == "it says: *** is wrong"
