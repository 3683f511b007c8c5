"""``POST /changes`` over a real socket, on a real database: who may report, what is taken, and what is refused how."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from bot.policy.situation import Change
from bot.response.interventions.other_hands import KNOWN_AT_MOST, forget_what_is_over
from bot.response.model.audit_kinds import AuditKind
from bot.response.ports.context import Context, utc_now
from handlers.changes.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from handlers.changes.webhook import BODY_MAX_BYTES, ChangeWebhook
from handlers.metrics import Metrics
from handlers.signed import AGE_MAX
from handlers.web.health import Health
from handlers.web.http_app import build_http_app
from handlers.web.listener import SERVER_SETTINGS
from storage.database import Database
from storage.intake import Intake
from tests.fixtures.audit_document import recorded_as_documented
from tests.fixtures.incidents import NOW
from tests.handlers.policy import POLICY
from tests.response.outside import People, Senses

SECRET = b"a secret of the deploy tool"
DEPLOY = {"id": "d-1", "event": "begin", "what": "deploy of checkout 4.2", "by": "argo", "services": ["checkout"]}
END = {"id": "d-1", "event": "end"}


@dataclass
class Deployer:
    """A deploy tool that knows the secret, and a clock that the test turns."""

    database: Database
    session: aiohttp.ClientSession
    metrics: Metrics
    clock: list[datetime]
    address: str

    @property
    def now(self) -> datetime:
        return self.clock[0]

    def later(self, **by: float) -> None:
        self.clock[0] += timedelta(**by)

    async def report(self, document: Any, **how: Any) -> tuple[int, Any]:
        return await self.post(json.dumps(document).encode(), **how)

    async def post(
        self, body: bytes, *, secret: bytes = SECRET, signed_at: datetime | None = None, headers: Any = None
    ) -> tuple[int, Any]:
        timestamp = str(int((signed_at or self.now).timestamp()))
        signed = {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signature(secret, timestamp, body)}
        sent = {"Content-Type": "application/json", **signed, **(headers or {})}
        async with self.session.post("/changes", data=body, headers=sent) as response:
            return response.status, await response.json()

    async def known(self) -> Sequence[Change]:
        async with self.database.read() as work:
            return await work.changes.known(self.now)

    async def recorded(self) -> Sequence[tuple[str, str]]:
        async with self.database.read() as work:
            return [(entry.kind, entry.actor) async for entry in work.audit.entries()]


@asynccontextmanager
async def listening(
    database: Database, secret: bytes | None = SECRET, now: datetime | None = NOW
) -> AsyncIterator[Deployer]:
    """``now``: where the clock stands still until the test turns it; None: it goes as clocks do."""
    metrics, clock = Metrics(), [now or utc_now()]
    context = Context(
        database, lambda: POLICY, {}, Senses(), People({}), now=utc_now if now is None else lambda: clock[0]
    )
    intake = Intake(database, context.policy, context.now)
    app = build_http_app(
        intake=intake,
        health=Health({}, metrics, database),
        metrics=metrics,
        alert_token=None,
        changes=ChangeWebhook(context, metrics, secret),
    )
    server = TestServer(app)
    await server.start_server(**SERVER_SETTINGS)
    try:
        address = server.make_url("/")
        async with aiohttp.ClientSession(address) as session:
            yield Deployer(database, session, metrics, clock, str(address))
        await recorded_as_documented(database)
    finally:
        await server.close()
        await intake.close()


@pytest.fixture
async def deployer(database: Database) -> AsyncIterator[Deployer]:
    async with listening(database) as deployer:
        yield deployer


async def test_a_change_begins_and_ends_on_the_record_and_sending_it_again_changes_nothing(deployer: Deployer) -> None:
    assert await deployer.report(DEPLOY) == (
        200,
        {"id": "d-1", "result": "begun", "until": "2026-11-23T13:00:00+00:00"},
    )
    deployer.later(minutes=5)
    assert (await deployer.report(DEPLOY))[1]["result"] == "known"
    [change] = await deployer.known()
    assert change == Change(
        change_id="d-1",
        what="deploy of checkout 4.2",
        by="argo",
        begins=NOW,
        expires=NOW + timedelta(hours=1),
        services=("checkout",),
    )
    status, answer = await deployer.report({**END, "by": "alice"})
    assert (status, answer["result"], answer["until"]) == (200, "ended", deployer.now.isoformat())
    deployer.later(minutes=1)
    assert (await deployer.report(END))[1]["result"] == "over"
    [change] = await deployer.known()
    assert change.ends == NOW + timedelta(minutes=5), "the end that was reported first stands"
    assert await deployer.recorded() == [
        (AuditKind.CHANGE_REPORTED, "change:argo"),
        (AuditKind.CHANGE_ENDED, "change:alice"),
    ]


async def test_one_that_is_over_never_begins_again_by_a_report_that_was_overheard(deployer: Deployer) -> None:
    await deployer.report(DEPLOY)
    await deployer.report(END)
    deployer.later(seconds=AGE_MAX.total_seconds())
    status, answer = await deployer.report(DEPLOY, signed_at=NOW)
    assert (status, answer["error"]) == (409, "the change of this id is over; use another id for another one")
    deployer.later(seconds=1)
    assert (await deployer.report(DEPLOY, signed_at=NOW))[0] == 401


async def test_what_is_over_is_forgotten_after_a_while_and_the_record_keeps_it(deployer: Deployer) -> None:
    await deployer.report({**DEPLOY, "for": "5m"})
    deployer.later(minutes=14)
    context = Context(deployer.database, lambda: POLICY, {}, Senses(), People({}), now=lambda: deployer.now)
    await forget_what_is_over(context)
    assert len(await deployer.known()) == 1, "it was over a moment ago, which makes it less sure what helps"
    deployer.later(minutes=1)
    await forget_what_is_over(context)
    assert await deployer.known() == ()
    assert (await deployer.report(END))[0] == 404
    assert (await deployer.recorded())[0] == (AuditKind.CHANGE_REPORTED, "change:argo")


async def test_another_change_under_the_same_id_is_refused(deployer: Deployer) -> None:
    await deployer.report(DEPLOY)
    status, answer = await deployer.report({**DEPLOY, "services": ["cart"]})
    assert status == 409
    assert "another change was reported under this id" in answer["error"]
    [change] = await deployer.known()
    assert change.services == ("checkout",)


async def test_maintenance_is_reported_before_it_begins_and_may_be_called_off(deployer: Deployer) -> None:
    begins = NOW + timedelta(days=1)
    planned = {
        "id": "m-1",
        "event": "begin",
        "what": "maintenance of the rack",
        "by": "facilities",
        "targets": ["kubernetes:node/rack-7-*"],
        "begins": begins.isoformat(),
        "expires": (begins + timedelta(hours=4)).isoformat(),
    }
    assert (await deployer.report(planned))[1]["until"] == (begins + timedelta(hours=4)).isoformat()
    assert (await deployer.report({"id": "m-1", "event": "end"}))[1]["result"] == "ended"
    [change] = await deployer.known()
    assert change.until == NOW


async def test_a_service_that_the_policy_does_not_know_is_taken_and_said(deployer: Deployer) -> None:
    status, answer = await deployer.report({**DEPLOY, "services": ["checkout", "chekout"]})
    assert (status, answer["remark"]) == (200, "not in the policy, so only alerts can name them: chekout")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"services": []}, "name the services or targets that it touches, or say everything: true"),
        ({"everything": True}, "not both"),
        ({"for": "25h"}, "it would stand for more than 1d"),
        ({"expires": "2026-11-24T12:00:01Z"}, "it would stand for more than 1d"),
        ({"for": "0s"}, "it would have expired already"),
        ({"expires": "2026-11-23T11:59:00Z"}, "it would have expired already"),
        ({"for": "5m", "expires": "2026-11-23T12:05:00Z"}, "its expiry is said twice"),
        ({"begins": "2026-12-01T12:00:00Z"}, "begins is more than 1w ahead"),
        ({"begins": "2026-11-23T12:00:00"}, "begins: Input should have timezone info"),
        ({"for": "an hour"}, "for: "),
        ({"for": f"{'9' * 30}w"}, "is longer than 36500d"),
        ({"for": f"{'9' * 400}w"}, "is longer than 36500d"),
        ({"what": "two\nlines"}, "what: is empty, or has characters that cannot be printed"),
        ({"what": "x" * 201}, "what: String should have at most 200 characters"),
        ({"by": " "}, "by: is empty"),
        ({"services": ["s"] * 51}, "services: Tuple should have at most 50 items"),
        ({"until": "tomorrow"}, "until: Extra inputs are not permitted"),
        ({"event": "start"}, 'event: "begin" or "end"'),
    ],
)
async def test_what_cannot_be_is_refused_in_words(deployer: Deployer, wrong: Any, said: str) -> None:
    status, answer = await deployer.report({**DEPLOY, **wrong})
    assert status == 400
    assert said in answer["error"]
    assert await deployer.known() == ()


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        (
            {"secret": b"a guess of somebody"},
            401,
            "X-Watchkeeper-Signature does not fit; sign with WATCHKEEPER_CHANGES_",
        ),
        ({"signed_at": NOW - AGE_MAX - timedelta(seconds=1)}, 401, "X-Watchkeeper-Timestamp is 301 s from our clock"),
        ({"signed_at": NOW + AGE_MAX + timedelta(seconds=1)}, 401, "X-Watchkeeper-Timestamp is 301 s from our clock"),
        ({"headers": {SIGNATURE_HEADER: ""}}, 401, "is missing; sign with"),
        ({"headers": {TIMESTAMP_HEADER: "1"}}, 401, "does not fit"),
        ({"headers": {"Content-Type": "text/plain"}}, 415, "send application/json"),
    ],
)
async def test_whoever_does_not_sign_is_refused(deployer: Deployer, how: Any, status: int, said: str) -> None:
    refused = await deployer.report(DEPLOY, **how)
    assert refused[0] == status
    assert said in refused[1]["error"]
    assert await deployer.known() == ()
    counted = {"source": "changes", "status": str(status)}
    assert deployer.metrics.registry.get_sample_value("watchkeeper_webhooks_refused_total", counted) == 1


@pytest.mark.parametrize("body", [b"[]", b"no", b"\xff", b"[" * 10_000])
async def test_a_body_that_is_no_report_is_refused(deployer: Deployer, body: bytes) -> None:
    status, answer = await deployer.post(body)
    assert status == 400
    assert "the body" in answer["error"]


async def test_a_report_is_small_and_changes_are_few(deployer: Deployer) -> None:
    assert (await deployer.post(b" " * (BODY_MAX_BYTES + 1)))[0] == 413
    async with deployer.database.begin() as work:
        for number in range(KNOWN_AT_MOST):
            await work.changes.add(
                Change(change_id=str(number), what="x", by="y", begins=NOW, expires=NOW + timedelta(hours=1))
            )
    status, answer = await deployer.report(DEPLOY)
    assert (status, answer["error"]) == (
        429,
        "500 changes are known already; report the end of those that are over",
    )


async def test_without_a_secret_no_change_is_taken(database: Database) -> None:
    async with listening(database, None) as deployer:
        status, answer = await deployer.report(DEPLOY)
        assert (status, answer["error"]) == (404, "no changes are taken here: WATCHKEEPER_CHANGES_SECRET is not set")
