"""E28: whatever answers in place of a system that we ask, every adapter ends in time, and with an error of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from bot.evidence.firing import NotToldError, firing_alerts
from bot.evidence.prometheus import PrometheusEvidence
from bot.http_client import Lost, NoAnswerError, answer_of, json_in
from bot.policy.evidence import Finding
from bot.policy.file.second_channel import AppriseRoute, PagerDutyRoute
from bot.remediation import PermanentError, RemediationError, TemporaryError
from bot.second_channel.apprise import Anywhere
from bot.second_channel.pagerduty import PagerDuty
from bot.second_channel.route import Delivered, Outcome, Rejected, RetryLater
from remediations.backends.kubernetes import Kubernetes, KubernetesSettings
from remediations.backends.kubernetes.access import configured
from remediations.backends.kubernetes.deploys import KubernetesDeploys
from remediations.backends.kubernetes.objects import Pod
from remediations.backends.nftables import Nftables, NftablesSettings
from remediations.backends.systemd import Systemd, SystemdSettings
from tests.fixtures.hostile import CONTENT, HTTP, JSON, answering, dripping, http
from tests.remediations.test_kubernetes_client import plugin
from tests.second_channel.letters import announcement
from tests.second_channel.receivers import certificate
from tests.second_channel.test_mail import route as mail_route

HARMLESS = {"no content", "a cookie that is none"}
"""Answers with a status of 2xx: ``verify.http`` asks for no more."""
SMTP = {
    "silence": (b"",),
    "another protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
    "a greeting without end": (b"220 " + b"a" * 200_000 + b"\r\n",),
    "lines without end": (b"220-a\r\n" * 100_000,),
    "bytes that are no text": (b"220 \xff\xfe\r\n", b"250 \xff\xfe\r\n", b"550 \xff\xfe\x1b[2J\0\r\n"),
    "a code that is none": (b"999 huh\r\n", b"999 huh\r\n"),
    "a refusal that forges a line": (
        b"220 hi\r\n",
        b"250 hi\r\n",
        b"550-no\r\n550 2026-11-27 INFO all is well\x1b[2J\r\n",
    ),
}


async def test_a_finding_is_made_of_every_answer_of_a_prometheus() -> None:
    for name, raw in HTTP.items():
        async with answering(raw) as where:
            with closing(PrometheusEvidence(f"http://{where}", timeout_seconds=5)) as source:
                (answer,) = (await source.ask(["up"])).values()
        assert answer.error, name
        assert answer.error == _stored(answer.error), name


async def test_a_finding_is_made_of_every_answer_of_what_a_runbook_verifies() -> None:
    for name, raw in HTTP.items():
        async with answering(raw) as where:
            with closing(PrometheusEvidence(None, timeout_seconds=5)) as source:
                evidence = await source.healthy(None, f"http://{where}")
        told = raw.startswith(b"HTTP/1.1 2") and evidence.finding is Finding.SUPPORTS
        assert told or evidence.finding is Finding.CONTRADICTS, name


@pytest.mark.parametrize("url", ["http://a..b/", "http://[/", f"http://{'a' * 70}.example/", "http://:0/", "huh"])
async def test_an_address_that_is_none_is_nobody_who_is_unhealthy(url: str) -> None:
    with closing(PrometheusEvidence(None, timeout_seconds=5)) as source:
        assert (await source.healthy(None, url)).finding is Finding.UNKNOWN


async def test_which_alerts_fire_is_told_or_not_told() -> None:
    for name, raw in HTTP.items():
        async with answering(raw) as where:
            with pytest.raises(NotToldError):
                await firing_alerts(f"http://{where}", timeout_seconds=5)
            assert name


async def test_pagerduty_has_taken_it_or_an_outcome_says_why_not() -> None:
    for name, raw in HTTP.items():
        async with answering(raw) as where:
            outcome = await _pager(f"http://{where}").send(announcement())
        assert isinstance(outcome, RetryLater | Rejected), name
        assert _is_one_line(outcome), name


async def test_a_mail_server_has_taken_it_or_an_outcome_says_why_not() -> None:
    for name, replies in SMTP.items():
        async with _speaking(*replies) as where:
            outcome = await mail_route(where, timeout=5).send(announcement())
        assert isinstance(outcome, RetryLater | Rejected), name
        assert _is_one_line(outcome), name


async def test_an_answer_that_drips_is_over_when_its_time_is() -> None:
    """The deadline is for all of an answer: each byte of it may come in time."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    async with dripping(head, b" ") as where:
        with pytest.raises(NoAnswerError) as caught:
            await answer_of("GET", f"http://{where}", within_seconds=0.3, limit_bytes=1_000_000)
        assert caught.value.lost is Lost.SILENT
        with pytest.raises(NotToldError, match=r"within 0\.3 s"):
            await firing_alerts(f"http://{where}", timeout_seconds=0.3)
    async with dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n") as where:
        assert isinstance(await _pager(f"http://{where}", 0.3).send(announcement()), RetryLater)
    async with dripping(b"220-", b"a\r\n220-") as where:
        assert isinstance(await mail_route(where, timeout=0.3).send(announcement()), RetryLater)


async def test_a_service_that_apprise_waits_for_is_over_when_its_time_is(monkeypatch: pytest.MonkeyPatch) -> None:
    woken = asyncio.Event()

    async def hang(*_: Any) -> Outcome:
        await woken.wait()
        return Delivered()

    monkeypatch.setattr(asyncio, "to_thread", hang)
    route = Anywhere(AppriseRoute(name="teams", url_env="TEAMS_URL"), lambda: "json://127.0.0.1/", 0.1)
    assert await route.send(announcement()) == RetryLater("no end to it within 0.2 s")


async def test_whatever_a_library_raises_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> Outcome:
        raise LookupError("nobody foresaw\r\nthis")

    for route in (_pager("http://127.0.0.1:9"), mail_route("127.0.0.1:9")):
        monkeypatch.setattr(type(route), "_attempt", fail)
        outcome = await route.send(announcement())
        assert outcome == RetryLater("the message could not be made or sent (LookupError)", others_may_go=True)


# -- the backends -------------------------------------------------------------------------------------------------


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], Any]:
    """A Kubernetes backend whose API server says one thing only."""
    monkeypatch.setenv("KUBERNETES_TOKEN", "t")
    tls, trusted = await certificate(tmp_path)

    @asynccontextmanager
    async def saying(raw: bytes) -> AsyncIterator[Kubernetes]:
        async with answering(raw, tls=tls) as where:
            settings = {"url": f"https://{where}", "ca_file": trusted, "token_env": "KUBERNETES_TOKEN"}
            yield Kubernetes("kubernetes", KubernetesSettings.model_validate(settings))

    return saying


async def test_looking_at_a_cluster_ends_with_an_error_for_people(cluster: Callable[[bytes], Any]) -> None:
    for name, raw in HTTP.items():
        async with cluster(raw) as backend:
            for asked in (backend.listed(Pod, "shop"), backend.read(Pod, "web", "shop"), backend.versions("policy")):
                await _refused(name, asked)


async def test_a_change_of_a_cluster_is_never_said_to_be_worth_another_try(cluster: Callable[[bytes], Any]) -> None:
    for name, raw in HTTP.items():
        async with cluster(raw) as backend:
            try:
                await backend.patch(Pod, "web", {}, "shop")
            except TemporaryError:
                assert raw == CONTENT["too many requests"], name
            except PermanentError:
                continue


LISTS = {
    "no list": {"items": {}},
    "a list that is missing": {"metadata": {}},
    "metadata that is a list": {"items": [], "metadata": [1]},
    "a page that is no text": {"items": [], "metadata": {"continue": {"a": 1}}},
    "what is no object": {"items": [1]},
    "objects without a name": {"items": [{"metadata": {}}]},
}


@pytest.mark.parametrize("name", LISTS)
async def test_an_empty_list_never_comes_from_a_misunderstanding(name: str, cluster: Callable[[bytes], Any]) -> None:
    async with cluster(http(json.dumps(LISTS[name]), JSON)) as backend:
        with pytest.raises(PermanentError):
            await backend.listed(Pod, "shop")


async def test_a_list_that_is_empty_is_one(cluster: Callable[[bytes], Any]) -> None:
    empty: tuple[Any, ...] = ([], None)
    for items in empty:  # an API server writes either
        async with cluster(http(json.dumps({"items": items, "metadata": {}}), JSON)) as backend:
            assert await backend.listed(Pod, "shop") == ()


async def test_what_is_found_on_a_cluster_is_found_or_refused(cluster: Callable[[bytes], Any]) -> None:
    for name, raw in HTTP.items():
        async with cluster(raw) as backend:
            await _refused(name, KubernetesDeploys(backend).find("web"))


BUS = {
    "nothing at all": b"",
    "another protocol": b"220 ready\r\n",
    "an authority without a name": b"OK\r\n",
    "an authority that is no text": b"OK \xff\xfe\r\n",
    "a line without end": b"OK " + b"a" * 1_000_000,
    "a message that is none": b"OK 1234\r\nAGREE_UNIX_FD\r\n" + b"\xff" * 4_000,
    "a message of 4 GB": b"OK 1234\r\nAGREE_UNIX_FD\r\nl\x02\x01\x01\xff\xff\xff\xff\x01\0\0\0\xff\xff\xff\xff",
}


@pytest.mark.parametrize("name", BUS)
async def test_a_bus_that_speaks_otherwise_ends_with_an_error_for_people(name: str, tmp_path: Path) -> None:
    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(BUS[name])
        writer.close()

    settings = {"bus": f"unix:path={tmp_path}/bus", "timeout": "500ms"}
    async with await asyncio.start_unix_server(say, tmp_path / "bus"):
        backend = Systemd("systemd", SystemdSettings.model_validate(settings))
        for asked in (backend.unit("web.service"), backend.units("*.service"), backend.restart("web.service")):
            await _refused(name, asked)


NFT = {
    "nothing": ("", 0),
    "no JSON": ("huh", 0),
    "another JSON": ("[]", 0),
    "half of it": ('{"nftables": [', 0),
    "lists in lists": ("[" * 3_000, 0),
    "a complaint that is no text": ("", 1),
}


@pytest.mark.parametrize("name", NFT)
async def test_an_nft_that_says_otherwise_ends_with_an_error_for_people(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, status = NFT[name]
    (tmp_path / "said").write_text(said)
    for program in ("nft", "ip"):
        (tmp_path / program).write_text(
            f"#!/bin/sh\nprintf '\\377\\033[2J\\n' >&2\n/bin/cat {tmp_path}/said\nexit {status}\n"
        )
        (tmp_path / program).chmod(0o755)
    monkeypatch.setattr("remediations.backends.program.FOLDERS", f"{tmp_path}:/usr/bin:/bin")
    backend = Nftables("nftables", NftablesSettings.model_validate({"timeout": "20s"}))
    await _refused(name, backend.table())
    if said or status:
        await _refused(name, backend.own(), unless=name == "another JSON")


async def test_a_plugin_that_does_not_stop_talking_is_ended(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="gave more than 1000000 bytes"):
        await configured(plugin(tmp_path, "yes"))


@pytest.mark.parametrize(
    "body", [b"NaN", b'{"a": Infinity}', b'"\\ud800"', b'{"\\uDFFF": 1}', b"[" * 10_000, b"\xff", b"9" * 5_000, b""]
)
def test_what_could_not_be_stored_is_no_json(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whatever kind
        json_in(body)


def test_what_is_written_in_pairs_is_one_character() -> None:
    assert json_in(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


async def _refused(name: str, asked: Awaitable[Any], *, unless: bool = False) -> None:
    """It ends with an error of the contract; ``unless`` there is nothing wrong with the answer after all."""
    found: Any = (await asyncio.gather(asked, return_exceptions=True))[0]
    if isinstance(found, RemediationError):
        assert str(found) == _stored(str(found)), name
    else:
        assert unless, f"{name}: {found!r}"
        assert not isinstance(found, BaseException), f"{name}: {found!r} is no error for people"


def _stored(text: str) -> str:
    """The text as the database and a terminal take it; surrogates, NUL and control characters are not themselves."""
    return "".join(each for each in text.encode(errors="replace").decode() if each.isprintable())


def _is_one_line(outcome: RetryLater | Rejected) -> bool:
    return outcome.error == _stored(outcome.error) and 0 < len(outcome.error) <= 300


def _pager(url: str, seconds: float = 5) -> PagerDuty:
    settings = PagerDutyRoute.model_validate({"routing_key_env": "PAGERDUTY_KEY", "url": url})
    return PagerDuty(settings, lambda: "k" * 32, "watchkeeper", seconds)


@asynccontextmanager
async def _speaking(*replies: bytes) -> AsyncIterator[str]:
    """A mail server that says these, one to each line that it hears."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for number, reply in enumerate(replies):
                if number:
                    await reader.readline()
                writer.write(reply)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
