"""Whoever runs gates for the bot holds the row's lease, and a row of a dead process is told of and begun by nobody."""

import asyncio
from datetime import timedelta

import pytest

from bot.cli.offline_evidence import look
from bot.gates.attendant import Attendant, Board
from bot.gates.conductor import Progress
from bot.gates.keeping import keep
from bot.gates.twin import GateError
from bot.gates.unsigned import ask_for_sign_offs
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.situation import Gate
from bot.response.interventions.candidacies import IN_ORDER
from bot.response.model.candidacies import Candidacy, CandidacyKind, CandidacyState, Findings, GateSeen
from bot.response.model.notices import CandidacyNotice, ThreadNotice
from bot.response.ports.context import Context, utc_now
from remediations.catalogue import build_catalogue
from storage.database import Database
from storage.held_leases import HeldLeases
from tests.fixtures.database import AUDIT_KEY
from tests.gates.test_keeping import report
from tests.handlers.rising import rising
from tests.handlers.ship import RUNBOOK, NoMonitoring

GATES = Findings(gates=tuple(GateSeen(gate=gate) for gate in IN_ORDER))


class Nobody:
    """A workspace without anybody in it."""

    async def members(self, groups: object, *, sure_of: object = ()) -> tuple[str, ...]:
        return ()

    def forget(self, usergroup: str) -> None:
        return None


def attendant(database: Database, name: str, remediation: str = "no_such_remediation") -> Attendant:
    policy = rising(remediation=remediation)
    context = Context(
        database=database,
        policy=lambda: policy,
        catalogue=build_catalogue(policy.backends),
        evidence=NoMonitoring(),
        people=Nobody(),
    )
    return Attendant(context, name=name, audit_key=AUDIT_KEY, prometheus_url=None)


async def asked(database: Database) -> Candidacy:
    async with database.begin() as work:
        begun = await work.candidacies.begin(
            "c1", RUNBOOK, CandidacyKind.GATES, by="U01ALICE", findings=GATES, now=utc_now()
        )
    assert begun is not None
    return begun


async def ended(database: Database) -> Candidacy:
    async with asyncio.timeout(60):
        while True:
            async with database.read() as work:
                found = await work.candidacies.get("c1")
            if found is not None and found.state is not CandidacyState.RUNNING:
                return found
            await asyncio.sleep(0.05)


async def test_what_a_dead_process_has_begun_is_broken_off_once_its_lease_is_free(database: Database) -> None:
    begun = await asked(database)
    now = utc_now()
    async with database.begin() as work:
        assert await work.candidacies.claim(begun.id, by="dead", now=now, until=now + timedelta(hours=1))
    leases = HeldLeases(database, utc_now, settle=timedelta(0))
    assert "dead" in await leases.holders()
    assert await leases.free("dead") == 1
    us = attendant(database, "us")
    us.start()
    over = await ended(database)
    await us.close()
    assert over.state is CandidacyState.BROKEN_OFF
    assert "has ended in the middle" in over.findings.text
    assert await told(database) == ["candidacy", "The gates of restart-checkout were broken off"]
    async with database.read() as work:
        assert [entry.kind async for entry in work.audit.entries()] == ["gates.broken_off"]


async def test_of_two_replicas_one_runs_the_gates_and_says_how_they_ended(database: Database) -> None:
    await asked(database)
    replicas = [attendant(database, name) for name in ("one", "other")]
    for replica in replicas:
        replica.start()
    over = await ended(database)
    for replica in replicas:
        await replica.close()
    assert over.state is CandidacyState.FAILED
    assert over.tries == 1
    assert (await told(database))[-1] == "The gates of restart-checkout have not passed"
    async with database.read() as work:
        kinds = [entry.kind async for entry in work.audit.entries()]
        held = await work.licences.of(RUNBOOK)
    assert kinds.count("gates.failed") == 1
    assert held.gates == ()


async def test_gates_run_from_the_command_line_are_put_to_people_once(database: Database) -> None:
    us = attendant(database, "us", remediation="restart_service")
    policy = us.context.policy()
    seal = seal_of(policy, RUNBOOK, us.context.catalogue["restart_service"].version)
    seen = report().model_copy(update={"runbook": RUNBOOK, "digest": policy.runbooks[RUNBOOK].digest})
    assert await ask_for_sign_offs(us.context) == 0
    async with database.begin() as work:
        await keep(work, seen, policy, seal, "by hand", utc_now())
    assert await ask_for_sign_offs(us.context) == 1
    assert await ask_for_sign_offs(us.context) == 0
    async with database.read() as work:
        (waits,) = await work.candidacies.of(RUNBOOK, *CandidacyState)
    assert waits.state is CandidacyState.WAITING
    assert waits.findings.seal == digest_of_seal(seal)
    assert [one.passed for one in waits.findings.gates] == [True, True, True, True, None]
    title = f"Every gate that needs no person has passed: {RUNBOOK} waits to be signed off"
    assert await told(database) == ["candidacy", title]


async def test_the_command_line_does_not_break_a_twin_that_the_bot_is_at(database: Database, database_url: str) -> None:
    await look(database_url, AUDIT_KEY, RUNBOOK)
    await asked(database)
    with pytest.raises(GateError, match="are being run by Watchkeeper already"):
        await look(database_url, AUDIT_KEY, RUNBOOK)


def test_the_card_has_one_line_for_each_gate_which_is_replaced_as_its_runs_pass() -> None:
    board = Board(GATES)
    board.note(Progress(Gate.CHAOS_TEST, "the first"))
    assert board.findings.gates[2].text == "the first"
    board.note(Progress(Gate.CHAOS_TEST, "the first", passed=True))
    board.note(Progress(Gate.CHAOS_TEST, "the second"))
    board.note(Progress(Gate.CHAOS_TEST, "the second", passed=True))
    assert (board.findings.gates[2].text, board.findings.gates[2].passed) == ("2 runs so far; the second", None)
    board.note(Progress(Gate.CHAOS_TEST, "2 runs: 2 healthy", passed=True, ends_gate=True))
    assert (board.findings.gates[2].text, board.findings.gates[2].passed) == ("2 runs: 2 healthy", True)
    assert board.ended == [Gate.CHAOS_TEST]
    assert board.line(Gate.CHAOS_TEST).title == "Chaos test passed"
    assert [one.gate for one in board.findings.gates] == list(IN_ORDER)


async def told(database: Database) -> list[str]:
    """What waits to be delivered, in order: cards by their kind, lines by their title."""
    found, now = list[str](), utc_now()
    async with database.begin() as work:
        while due := await work.outbox.due(now):
            item = await work.outbox.claim(due[0], by="test", now=now, until=now + timedelta(minutes=1))
            assert item is not None
            assert item.incident_id is None
            match item.notice:
                case CandidacyNotice(kind=kind):
                    found.append(kind)
                case ThreadNotice(title=title):
                    found.append(title)
            await work.outbox.delivered(item.id, channel="C01INC", ts=f"1700000000.{item.id:06}", now=now)
    return found
