"""The present bot starts on what a landed version left, in the middle of everything, and goes on with it.

It is started once for each version; each test then looks at one incident, and leaves the others alone, so they hold in
any order.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot.local.demo.memory import restore
from bot.local.workspace import Message, Workspace
from bot.policy.file.loading import load_policy
from storage.database import Database
from tests.fixtures.canaries import watched
from tests.fixtures.database import RecordingEnqueuer
from tests.scenarios.stage import said
from tests.second_channel.receivers import Mailbox, mail_server
from tests.upgrade.landed import AUDIT_KEY, Landed, landed, passed_today, rows, those_that
from tests.upgrade.surroundings import DOWN, HANGING, INCIDENTS, REPAIRED, Surroundings, alert, surroundings

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("upgrade")]

ALICE, BOB = "U01ALICE", "U02BOB"


@dataclass(slots=True)
class Upgraded:
    """The bot, where it lives, and what was there before it came."""

    version: Landed
    here: Surroundings
    stored: Path
    """The database as it was written."""
    messages: dict[str, Message]
    """What the incidents channel showed, as the version of then drew it: people click on these."""
    mailbox: Mailbox

    def card(self, service: str) -> Message:
        """The service's card as it was left."""
        (incident,) = rows(self.stored, "SELECT * FROM incidents WHERE service = ?", service)
        return self.messages[incident["thread_ts"]]

    def entry(self, service: str, button: str) -> Message:
        """The entry of the service's thread that was left with this button."""
        thread = [one for one in self.messages.values() if one.is_reply and one.thread_ts == self.card(service).ts]
        return next(one for one in thread if f"'action_id': '{button}'" in said(one))

    def thread(self, service: str) -> list[str]:
        """Everything that the service's thread says now."""
        return [said(one) for one in self.here.workspace.thread(INCIDENTS, self.here.incident(service)["thread_ts"])]

    async def until_told(self, service: str, words: str) -> str:
        """Wait until the service's thread says so; the entry."""

        def told() -> str | None:
            return next((entry for entry in self.thread(service) if words in entry), None)

        return str(await self.here.until(told, f"{words!r} in the thread of {service}"))


@pytest.fixture(params=landed(), ids=str, scope="module")
def version(request: pytest.FixtureRequest) -> Landed:
    """A landed version; the bot that goes on from it serves every test."""
    found: Landed = request.param
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upgraded(version: Landed, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Upgraded]:
    """The present bot over the version's legacy."""
    memory, folder = version.slack(), tmp_path_factory.mktemp("upgraded")
    with watched(folder) as watch:
        watch.learn(AUDIT_KEY.decode())
        workspace = Workspace(memory.team, relaxed_limits=True)
        restore(workspace, memory)
        messages = deepcopy(memory.messages[INCIDENTS])
        async with (
            mail_server() as mailbox,
            surroundings(folder, workspace, up=[HANGING, REPAIRED], down=DOWN) as here,
        ):
            version.database(here.database)
            here.policy.write_text(version.policy(supervisor=here.supervisord.server, mail=mailbox.server))
            if version.stores.evidence:
                passed_today(here.database, load_policy(here.policy.read_text(), filename="policy.yml"))
            async with here.bot():
                yield Upgraded(version, here, version.database(folder / "stored.sqlite"), messages, mailbox)


async def test_an_action_killed_half_way_is_told_to_its_end_and_not_begun_again(upgraded: Upgraded) -> None:
    action = await upgraded.here.until_state(HANGING, "succeeded")
    assert "The process died while it ran; how far it got is unknown." in action["outcome"]
    assert "Healthy" in action["outcome"]
    assert upgraded.here.starts(HANGING) == 1, "it was started by its supervisord, and by nobody else"
    await upgraded.until_told(HANGING, "Done and verified")


async def test_a_rollback_killed_half_way_is_left_to_people(upgraded: Upgraded) -> None:
    await upgraded.here.until_state(REPAIRED, "failed")
    assert f"<@{ALICE}>" in await upgraded.until_told(REPAIRED, "Ended half-way")
    assert await upgraded.here.supervisord.state(f"{REPAIRED}:{REPAIRED}") == "RUNNING", "it was not stopped again"


async def test_an_incident_that_was_being_considered_becomes_a_question_once(
    upgraded: Upgraded,
) -> None:
    await upgraded.here.until_state("basket", "waiting")
    await upgraded.until_told("basket", "Asking for approval")
    incident = upgraded.here.incident("basket")["id"]
    considered = "SELECT * FROM workflow_status WHERE workflow_uuid LIKE ? AND status = 'SUCCESS'"
    await upgraded.here.until(
        lambda: len(upgraded.here.rows(considered, f"consider:{incident}:%")) == 2, "both are over"
    )
    assert len(upgraded.here.rows("SELECT * FROM decisions WHERE incident_id = ?", incident)) == 1


async def test_an_action_with_one_of_two_approvals_takes_the_other_one_and_runs(upgraded: Upgraded) -> None:
    (stored,) = rows(upgraded.stored, "SELECT * FROM actions WHERE service = 'checkout'")
    await upgraded.here.click("bob", upgraded.card("checkout"), "approve")
    action = await upgraded.here.until_state("checkout", "succeeded")
    assert set(json.loads(action["decided_by"])) == {ALICE, BOB}
    assert (action["id"], action["plan_digest"]) == (stored["id"], stored["plan_digest"])
    claims = "SELECT body FROM audit_entries WHERE kind = 'action.claimed' AND incident_id = ?"
    (claim,) = upgraded.here.rows(claims, action["incident_id"])
    assert json.loads(claim["body"])["plan"] == stored["plan_digest"]
    assert await upgraded.here.supervisord.state("checkout:checkout") == "RUNNING"
    assert upgraded.here.starts("checkout") == 2


async def test_a_card_about_a_storm_takes_one_approval_for_all(upgraded: Upgraded) -> None:
    card = upgraded.card("worker-2")
    assert card.ts == upgraded.card("worker-3").ts
    await upgraded.here.click("alice", card, "approve_these")
    for worker in ("worker-2", "worker-3"):
        action = await upgraded.here.until_state(worker, "succeeded")
        assert json.loads(action["decided_by"]) == [ALICE]
        assert upgraded.here.starts(worker) == 2
    await upgraded.until_told("worker-2", "Approved: 2 questions")


async def test_an_announced_action_can_be_stopped(upgraded: Upgraded) -> None:
    await upgraded.here.click("bob", upgraded.card("payments"), "stop")
    await upgraded.here.until_state("payments", "stopped")
    assert upgraded.here.starts("payments") == 1
    await upgraded.until_told("payments", "Stopped before anything was changed")


async def test_an_announcement_that_slack_has_taken_unheard_is_found_and_then_it_acts(upgraded: Upgraded) -> None:
    tried = "SELECT * FROM outbox WHERE state = 'queued' AND attempts > 0 AND kind = 'card'"
    (incident,) = rows(upgraded.stored, "SELECT * FROM incidents WHERE service = 'search'")
    [row] = [one for one in rows(upgraded.stored, tried) if one["incident_id"] == incident["id"]]
    before = [one.ts for one in upgraded.messages.values() if told_by(one) == row["id"]]
    assert len(before) == 1
    action = await upgraded.here.until_state("search", "succeeded")
    assert json.loads(action["decided_by"]) == [], "it acted by itself"
    assert upgraded.here.starts("search") == 2
    thread = await upgraded.here.until(lambda: upgraded.here.incident("search")["thread_ts"], "its card is known")
    assert thread == before[0], "its card is the message that was there"
    await upgraded.until_told("search", "Done and verified")


@those_that(lambda stores: stores.refusals)
async def test_where_somebody_said_no_nothing_acts_by_itself_until_a_person_asks_for_it(upgraded: Upgraded) -> None:
    """Its runbook acts by itself, as that for payments does."""
    here, (incident,) = upgraded.here, rows(upgraded.stored, "SELECT * FROM incidents WHERE service = 'reports'")
    await here.post(alert("reports", fingerprint="reports again"))
    await upgraded.until_told("reports", "Also firing now")
    assert here.action("reports")["state"] == "stopped"
    form = {"choice": "restart-reports", "reason": "The numbers are right again."}
    await here.fill_in("alice", upgraded.card("reports"), "override", **form)
    action = await here.until_state("reports", "veto_window")
    asked = "SELECT text FROM decisions WHERE incident_id = ? AND revision = ?"
    situation = json.loads(here.rows(asked, incident["id"], action["revision"])[0]["text"])
    refusals = [(one["kind"], one["by"]) for one in situation["memory"]["refusals"]]
    assert refusals == [("stopped", BOB), (incident["refused_how"], incident["refused_by"])]
    assert len(situation["request"]["after"]) == len(refusals), "whoever asks has answered every no"
    assert here.starts("reports") == 1


async def test_what_a_pause_holds_is_asked_about_when_it_is_resumed(upgraded: Upgraded) -> None:
    (stored,) = rows(upgraded.stored, "SELECT * FROM actions WHERE service = 'cart'")
    assert upgraded.here.rows("SELECT state FROM actions WHERE id = ?", stored["id"])[0]["state"] == "held"
    assert (await upgraded.here.workspace.person("alice").slash("/watch", "resume service:cart")).acked
    action = await upgraded.here.until_state("cart", "waiting")
    assert action["revision"] > stored["revision"]
    assert upgraded.here.starts("cart") == 1


async def test_a_persons_request_takes_somebody_elses_approval_and_runs(upgraded: Upgraded) -> None:
    await upgraded.here.click("alice", upgraded.card("ledger"), "approve")
    action = await upgraded.here.until_state("ledger", "succeeded")
    assert (action["requested_by"], json.loads(action["decided_by"])) == (BOB, [ALICE])


async def test_a_click_that_was_acknowledged_takes_effect(upgraded: Upgraded) -> None:
    await upgraded.here.until(lambda: upgraded.here.incident("worker-1")["taken_by"] == BOB, "worker-1 is Bob's")
    await upgraded.until_told("worker-1", "On it")


async def test_a_channel_that_was_wanted_is_opened(upgraded: Upgraded) -> None:
    here = upgraded.here
    await here.until(lambda: here.incident("gateway")["channel"] != INCIDENTS, "gateway has moved")
    await here.until(lambda: here.incident("gateway")["thread_ts"], "its card is in its channel")
    incident = here.incident("gateway")
    assert here.workspace.team.channels[incident["channel"]].name == f"inc-{incident['id']}-gateway"
    pointer = here.message(INCIDENTS, upgraded.card("gateway").ts)
    await here.until(lambda: incident["channel"] in said(pointer), "the first card points to the channel")


async def test_an_overdue_review_is_done_and_gives_back_what_its_delay_took(upgraded: Upgraded) -> None:
    form = {"judgement": "helpful", "surprising": "no", "reason": "It came back at once."}
    await upgraded.here.fill_in("alice", upgraded.entry("catalogue", "review"), "review", **form)
    await upgraded.until_told("catalogue", "Reviewed: it was helpful")
    (demotion,) = upgraded.here.rows("SELECT * FROM demotions WHERE runbook = 'restart-catalogue'")
    assert demotion["lifted_by"] == ALICE


async def test_why_is_explained_from_the_situation_of_then(upgraded: Upgraded) -> None:
    view = await upgraded.here.dialog("carol", upgraded.card("invoices"), "why")
    counted = "Confidence is 90%: evidence supports the alert: monitored."  # as it was said then
    told = (
        "Too few cases to know:* it worked in 1 of 1 case, on staging" if upgraded.version.stores.evidence else counted
    )
    assert told in str(view.blocks)


async def test_everything_that_was_to_be_told_is_told_once(upgraded: Upgraded) -> None:
    queued = {row["id"] for row in rows(upgraded.stored, "SELECT id FROM outbox WHERE state = 'queued'")}
    assert queued

    def left() -> list[int]:
        return [row["id"] for row in upgraded.here.rows("SELECT id FROM outbox WHERE state != 'delivered'")]

    await upgraded.here.until(lambda: not left(), "everything is told")
    everywhere = [one for channel in upgraded.here.workspace.state.messages.values() for one in channel.values()]
    times = Counter(number for one in everywhere if (number := told_by(one)) is not None)
    assert [number for number, count in times.items() if count > 1] == []
    refused = {(call.method, call.error) for call in upgraded.here.workspace.calls if call.error}
    assert {method for method, _ in refused} <= {"views.open"}, refused  # people click again when a dialog came late


async def test_mail_that_waited_is_sent_or_not_needed_any_more(upgraded: Upgraded) -> None:
    stored = rows(upgraded.stored, "SELECT id FROM second_notices WHERE state = 'queued'")
    assert stored

    def left() -> list[int]:
        return [row["id"] for row in upgraded.here.rows("SELECT id FROM second_notices WHERE state = 'queued'")]

    await upgraded.here.until(lambda: not left(), "no mail waits")
    states = {row["state"] for row in upgraded.here.rows("SELECT state FROM second_notices")}
    assert states <= {"delivered", "unneeded"}


async def test_nothing_is_left_unfinished(upgraded: Upgraded) -> None:
    def left() -> dict[str, list[str]]:
        queries = {
            "flows": "SELECT workflow_uuid AS one FROM workflow_status WHERE status != 'SUCCESS'",
            "locks": "SELECT target AS one FROM target_locks",
            "clicks": "SELECT dedupe_key AS one FROM arrivals WHERE done_at IS NULL",
        }
        found = {what: [row["one"] for row in upgraded.here.rows(query)] for what, query in queries.items()}
        return {what: those for what, those in found.items() if those}

    await upgraded.here.until(lambda: not left(), "nothing is left")
    assert upgraded.here.rows("SELECT * FROM audit_entries WHERE kind = 'flow.failed'") == []


async def test_the_record_goes_on_where_it_was_and_what_was_written_stays_as_it_is(upgraded: Upgraded) -> None:
    entries = "SELECT * FROM audit_entries ORDER BY number"
    stored = [tuple(row) for row in rows(upgraded.stored, entries)]
    await upgraded.here.until(lambda: len(upgraded.here.rows(entries)) > len(stored), "something new is recorded")
    assert [tuple(row) for row in upgraded.here.rows(entries)][: len(stored)] == stored
    database = Database(f"sqlite+aiosqlite:///{upgraded.here.database}", RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.read() as work:
            found = await work.audit.verify()
    finally:
        await database.close()
    assert found.intact, found.problems


def told_by(message: Message) -> int | None:
    """The outbox row that a message of ours came from."""
    payload = (message.metadata or {}).get("event_payload", {})
    number: int | None = payload.get("outbox_id")
    return number
