"""Evidence from a real Prometheus, and from servers that misbehave in the ways a Prometheus in trouble does."""

import asyncio
import json
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web

from bot.evidence.prometheus import NOT_CONFIGURED, PrometheusEvidence
from bot.policy.evidence import SAMPLES_KEPT, Finding, judge
from bot.response.ports.outside import EvidenceSource
from tests.evidence.answering import judged, number, serving, vector
from tests.fixtures.servers import Program, free_port, running_prometheus, running_supervisord, until

SUPPORTS, CONTRADICTS, UNKNOWN = Finding.SUPPORTS, Finding.CONTRADICTS, Finding.UNKNOWN

TWO_SERIES_ONE_ZERO = 'label_replace(vector(1), "n", "a", "", "") or vector(0)'
ONE_NOT_A_NUMBER = 'label_replace(vector(1), "n", "a", "", "") or vector(0/0)'


async def test_real_prometheus_is_read_as_promql_means_it(tmp_path: Path) -> None:
    queries = {
        "quantity": ("vector(3.5)", SUPPORTS, 3.5),
        "zero": ("vector(0)", CONTRADICTS, 0.0),
        "scalar": ("2", SUPPORTS, 2.0),
        "empty": ("no_such_metric", CONTRADICTS, None),
        "condition that holds at zero": ("vector(0) == 0", SUPPORTS, 0.0),
        "condition that fails": ("vector(1) == 0", CONTRADICTS, None),
        "comparison as a number": ("vector(0) == bool 0", SUPPORTS, 1.0),
        "any sample supports": (TWO_SERIES_ONE_ZERO, SUPPORTS, 1.0),
        "not a number": ("vector(0) / 0", UNKNOWN, None),
        "infinite": ("vector(1) / 0", SUPPORTS, None),
        "broken": ("up{", UNKNOWN, None),
        "range": ("vector(1)[1m:1s]", UNKNOWN, None),
        "text": ('"words"', UNKNOWN, None),
    }
    async with running_prometheus(tmp_path, services={}) as prometheus:
        with closing(PrometheusEvidence(prometheus.url + "/")) as source:
            answers = await source.ask([query for query, _, _ in queries.values()])
            assert list(answers) == [query for query, _, _ in queries.values()]
            evidence = [judge(name, query, answers[query]) for name, (query, _, _) in queries.items()]
            assert {each.name: (each.query, each.finding, each.value) for each in evidence} == queries
            details = {each.name: each.detail for each in evidence}
            assert details["quantity"] == "value 3.5"
            assert details["any sample supports"] == "value 1 in 1 of 2 series"
            assert "NaN" in details["not a number"]
            assert "400" in details["broken"]
            assert "parse error" in details["broken"]
            assert "rate()" in details["range"]

            assert await number(source, "vector(3.5)") == 3.5
            assert await number(source, "vector(0)") == 0.0
            for unanswerable in ("no_such_metric", "vector(0)/0", "vector(1)/0", "up{"):
                assert await number(source, unanswerable) is None

            assert (await source.healthy("vector(1) == 1", None)).finding is SUPPORTS
            assert (await source.healthy("vector(2) == 1", None)).finding is CONTRADICTS
            assert (await source.healthy(TWO_SERIES_ONE_ZERO, None)).finding is CONTRADICTS
            assert (await source.healthy(ONE_NOT_A_NUMBER, None)).finding is UNKNOWN


async def test_a_real_outage_is_seen_and_so_is_its_end(tmp_path: Path) -> None:
    checkout = Program("checkout")
    still_down = "up{service='checkout'} == 0"
    answers_again = "up{service='checkout'} == 1"
    async with (
        running_supervisord(tmp_path, checkout) as supervisord,
        running_prometheus(tmp_path, services={"checkout": checkout.port}) as prometheus,
    ):
        with closing(PrometheusEvidence(prometheus.url)) as source:
            await prometheus.until_value("up{service='checkout'}", 1)
            await supervisord.call("stopProcess", "checkout")
            await prometheus.until_value("up{service='checkout'}", 0)
            evidence = await judged(source, still_down)
            assert (evidence.finding, evidence.value) == (SUPPORTS, 0.0)
            assert (await source.healthy(answers_again, f"{checkout.url}/healthz")).finding is CONTRADICTS

            await supervisord.call("startProcess", "checkout")

            async def healthy() -> bool:
                return (await source.healthy(answers_again, f"{checkout.url}/healthz")).finding is SUPPORTS

            await until(healthy, "the service is healthy for Prometheus and by its URL")
            evidence = await judged(source, still_down)
            assert evidence.finding is CONTRADICTS


async def test_without_an_address_everything_is_unknown_and_says_what_to_set() -> None:
    with closing(PrometheusEvidence(None)) as source:
        port: EvidenceSource = source  # the type checker sees that it fulfils the port
        evidence = await judged(port, "up == 0")
        assert (evidence.finding, evidence.detail) == (UNKNOWN, NOT_CONFIGURED)
        assert (await source.healthy("up", None)).detail == NOT_CONFIGURED
        assert await number(source, "up") is None


async def test_the_loop_goes_on_while_a_query_hangs() -> None:
    beats = asyncio.Queue[int]()
    enough = asyncio.Event()

    async def answer_after_the_beats(_: web.Request) -> web.Response:
        await enough.wait()
        return web.Response(text=vector("1"))

    async def beat() -> None:
        for nth in range(20):
            await asyncio.sleep(0.001)
            beats.put_nowait(nth)
        enough.set()

    # The answer comes only after twenty beats of the same loop, so a query that blocks the loop is never answered.
    async with serving(answer_after_the_beats) as url:
        with closing(PrometheusEvidence(url, timeout_seconds=30)) as source:
            evidence, _ = await asyncio.gather(judged(source, "up"), beat())
    assert evidence.finding is SUPPORTS
    assert beats.qsize() == 20


async def test_a_server_that_never_answers_is_given_up() -> None:
    asked = asyncio.Event()
    left = asyncio.Semaphore(0)

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # until the other side gives up
        writer.close()
        await writer.wait_closed()
        left.release()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        with closing(
            PrometheusEvidence(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_seconds=1)
        ) as source:
            evidence = await judged(source, "up")
            assert asked.is_set()
            assert (evidence.finding, evidence.detail) == (UNKNOWN, "no answer from Prometheus within 1 s")
            assert await number(source, "up") is None
            for _ in range(2):
                await asyncio.wait_for(left.acquire(), 30)


async def test_an_answer_that_trickles_is_given_up_too() -> None:
    given_up = asyncio.Event()

    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.01)
        except ConnectionError:
            given_up.set()
            raise

    async with serving(trickle) as url:
        with closing(PrometheusEvidence(url, timeout_seconds=0.3)) as source:
            evidence = await judged(source, "up")
            assert (evidence.finding, evidence.detail) == (UNKNOWN, "no answer from Prometheus within 0.3 s")
            await asyncio.wait_for(given_up.wait(), 30)


async def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    sent = 0

    async def flood(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)
            sent += 65_536

    async with serving(flood) as url:
        with closing(PrometheusEvidence(url, answer_limit_bytes=100_000, timeout_seconds=30)) as source:
            evidence = await judged(source, "up")
    assert evidence.finding is UNKNOWN
    assert "larger than 100000 bytes: aggregate the query" in evidence.detail
    assert sent > 100_000


async def test_queries_that_are_asked_together_run_together_but_not_all_at_once() -> None:
    running = most = 0
    full, answered = asyncio.Event(), asyncio.Event()

    async def count(request: web.Request) -> web.Response:
        nonlocal running, most
        if request.query["query"] == "later":
            return web.Response(text=vector("1"))
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await answered.wait()
        running -= 1
        return web.Response(text=vector("1"))

    async with serving(count) as url:
        with closing(PrometheusEvidence(url, concurrent_queries=3, timeout_seconds=30)) as source:
            asking = asyncio.create_task(source.ask([f"up{{n='{n}'}}" for n in range(9)]))
            await full.wait()
            with closing(PrometheusEvidence(url, timeout_seconds=30)) as another:
                await number(another, "later")  # had there been a fourth query, it would have come before this one
            answered.set()
            answers = await asking
    assert [answer.samples for answer in answers.values()] == [("1",)] * 9
    assert most == 3


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (200, "<html>welcome</html>", "does not answer as a Prometheus"),
        (200, "[]", "does not answer as a Prometheus"),
        (200, '{"data": {"result": {"a": 1}}}', "neither a number nor an instant vector"),
        (503, "<html>busy</html>", "Prometheus answered 503: no explanation"),
        (422, json.dumps({"error": "too many samples " * 50}), "Prometheus answered 422: too many samples"),
    ],
)
async def test_what_is_not_an_answer_is_unknown_and_says_why(status: int, body: str, detail: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body)

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            evidence = await judged(source, "up")
    assert evidence.finding is UNKNOWN
    assert detail in evidence.detail
    assert len(evidence.detail) < 300


async def test_a_prometheus_that_is_not_there_is_unknown_and_its_password_is_not_shown() -> None:
    with closing(PrometheusEvidence(f"http://joe:hunter2@127.0.0.1:{free_port()}")) as source:
        evidence = await judged(source, "up")
    assert evidence.finding is UNKNOWN
    assert "not reachable" in evidence.detail
    assert "hunter2" not in evidence.detail


async def test_redirects_are_followed_neither_by_queries_nor_by_url_checks() -> None:
    visited: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        visited.append(request.path)
        raise web.HTTPFound("/elsewhere")

    async with serving(elsewhere) as url:
        with closing(PrometheusEvidence(url)) as source:
            evidence = await judged(source, "up")
            assert "redirects elsewhere" in evidence.detail
            moved = await source.healthy(None, f"{url}/healthz")
            assert (moved.finding, moved.detail) == (CONTRADICTS, "answered 302 (redirects are not followed)")
    assert visited == ["/api/v1/query", "/healthz"]


@pytest.mark.parametrize(
    ("status", "finding"), [(200, SUPPORTS), (204, SUPPORTS), (404, CONTRADICTS), (500, CONTRADICTS)]
)
async def test_a_url_is_healthy_when_it_answers_2xx(status: int, finding: Finding) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(answer) as url:
        with closing(PrometheusEvidence(None)) as source:
            evidence = await source.healthy(None, url)
    assert (evidence.finding, evidence.detail.split()[:2]) == (finding, ["answered", str(status)])


async def test_a_service_that_hangs_or_refuses_is_unhealthy(tmp_path: Path) -> None:
    checkout = Program("checkout")
    with closing(PrometheusEvidence(None, timeout_seconds=1)) as source:
        async with running_supervisord(tmp_path, checkout):
            await checkout.hang()
            hanging = await source.healthy(None, f"{checkout.url}/healthz")
        assert (hanging.finding, hanging.detail) == (CONTRADICTS, "no answer within 1 s")
        refusing = await source.healthy(None, f"{checkout.url}/healthz")
        assert refusing.finding is CONTRADICTS
        assert "not reachable" in refusing.detail


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "http://", "http://no-such-host.invalid/healthz"])
async def test_a_url_that_cannot_be_asked_is_unknown(url: str) -> None:
    with closing(PrometheusEvidence(None)) as source:
        evidence = await source.healthy(None, url)
    assert evidence.finding is UNKNOWN
    assert "verify.http" in evidence.detail


async def test_both_checks_must_be_healthy_where_both_are_given() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=vector(request.query.get("query", "0")))

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            assert (await source.healthy("1", url)).finding is SUPPORTS
            assert (await source.healthy("0", url)).finding is CONTRADICTS
            assert (await source.healthy("NaN", url)).finding is UNKNOWN
            assert (await source.healthy("NaN", f"http://127.0.0.1:{free_port()}")).finding is CONTRADICTS
            assert (await source.healthy(None, None)).finding is UNKNOWN


async def test_stored_evidence_survives_infinity() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=vector("+Inf"))

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            evidence = await judged(source, "rate")
    assert evidence.detail == "value inf"
    assert type(evidence).model_validate_json(evidence.model_dump_json()) == evidence


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ({"warnings": ["some series are missing", "and more"]}, "the answer is incomplete: some series are missing"),
        ({"warnings": "a text, where a list belongs"}, "the answer is incomplete: its warnings are not readable"),
    ],
)
async def test_an_answer_with_warnings_is_incomplete_and_says_so(said: dict[str, object], detail: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps(json.loads(vector("1")) | said))

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            evidence = await judged(source, "up")
            assert (evidence.finding, evidence.detail) == (UNKNOWN, detail)
            assert await number(source, "up") is None
            assert (await source.healthy("up", None)).finding is UNKNOWN


@pytest.mark.parametrize(
    "said", [{}, {"warnings": []}, {"warnings": None}, {"infos": ["the metric may be no counter"]}]
)
async def test_an_answer_without_warnings_is_whole(said: dict[str, object]) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps(json.loads(vector("1")) | said))

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            assert (await source.ask(["up"]))["up"].warnings == ()
            assert (await source.healthy("up", None)).finding is SUPPORTS


async def test_warnings_of_one_answer_are_not_those_of_the_next_on_the_same_thread() -> None:
    async def answer(request: web.Request) -> web.Response:
        said = {"warnings": ["partial"]} if request.query["query"] == "first" else {}
        return web.Response(text=json.dumps(json.loads(vector("1")) | said))

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url, concurrent_queries=1)) as source:
            answers = [(await source.ask([query]))[query] for query in ("first", "second")]
    assert [one.warnings for one in answers] == [("partial",), ()]


async def test_an_answer_of_too_many_series_is_cut_and_therefore_incomplete() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=vector(*["1"] * (SAMPLES_KEPT + 1)))

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            (found,) = (await source.ask(["up"])).values()
            assert len(found.samples) == SAMPLES_KEPT
            assert (await judged(source, "up")).finding is UNKNOWN
    assert "aggregate the query" in found.warnings[0]


async def test_a_query_is_asked_once_however_often_it_is_named() -> None:
    queries: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        queries.append(request.query["query"])
        return web.Response(text=vector("1"))

    async with serving(answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            assert list(await source.ask(["up", "down", "up"])) == ["up", "down"]
    assert sorted(queries) == ["down", "up"]
