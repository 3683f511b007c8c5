"""Somebody asks beforehand what would be done: it is what the running bot then does, and asking has changed nothing."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from sqlalchemy import select

from bot.policy.decision import Verdict
from bot.policy.situation import Scope, ScopeKind
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.records import StoredDecision
from bot.response.ports.context import utc_now
from storage.database import Database
from storage.tables import INCIDENTS
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer
from tests.scenarios.small_stage import Json, SmallStage, firing, small_stage
from tests.scenarios.stage import ROOT

CHECKOUT = "checkout:checkout"


async def asked(
    here: SmallStage, folder: Path, *alerts: Json, database: bool = True, pause_file: str = "none"
) -> tuple[int, Json]:
    """``watchkeeper decide --live`` beside the running bot: its exit code, and what it says."""
    policy = folder / "policy-in-force.yml"
    document = here.policy.as_written()
    await asyncio.to_thread(policy.write_text, yaml.safe_dump(document, sort_keys=False))
    assert here.prometheus is not None
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "WATCHKEEPER_POLICY": str(policy),
        "PROMETHEUS_URL": here.prometheus.url,
        **({"DATABASE_URL": here.settings.database_url} if database else {}),
        "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
        "WATCHKEEPER_PAUSE_FILE": str(folder / pause_file),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "decide", "-", "--live", "--format", "json"),
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    body = json.dumps({"version": "4", "alerts": alerts}).encode()
    printed, trouble = await process.communicate(body)
    assert trouble == b"", trouble.decode()
    found: Json = json.loads(printed)
    assert process.returncode == found["exit_code"]
    return found["exit_code"], found


async def everything(here: SmallStage) -> dict[str, Sequence[object]]:
    """Every row of every table."""
    async with here.rows() as work:
        return {
            table.name: (await work.session.execute(select(table).order_by(*table.primary_key))).all()
            for table in INCIDENTS.metadata.sorted_tables
        }


async def until_quiet(here: SmallStage) -> None:
    """Wait until everything that the bot has to say of its own is delivered."""
    async with asyncio.timeout(30):
        while True:
            async with here.rows() as work:
                if not await work.outbox.undelivered():
                    return
            await asyncio.sleep(0.1)


async def asked_without_a_trace(here: SmallStage, folder: Path, *alerts: Json) -> tuple[int, Json]:
    """The same, and nothing has changed by it: no row, no message, and nothing on the service."""
    await until_quiet(here)
    rows, state = await everything(here), await here.supervisord.state(CHECKOUT)
    messages = len(here.workspace.calls)
    code, found = await asked(here, folder, *alerts)
    after = await everything(here)
    assert {name for name, before in rows.items() if after[name] != before} == set()
    assert [call.method for call in here.workspace.calls[messages:] if call.method.startswith("chat.")] == []
    assert await here.supervisord.state(CHECKOUT) == state
    return code, found


async def decided(here: SmallStage, incident_id: int = 1) -> StoredDecision:
    """What the running bot has decided last about the incident."""
    async with asyncio.timeout(30):
        while True:
            async with here.rows() as work:
                stored = await work.decisions.latest(incident_id)
            if stored is not None:
                return stored
            await asyncio.sleep(0.1)


async def until_taken(here: SmallStage) -> None:
    async with asyncio.timeout(30):
        while True:
            async with here.rows() as work:
                incident = await work.incidents.get(1)
            if incident is not None and incident.state is IncidentState.TAKEN:
                return
            await asyncio.sleep(0.1)


def same(foretold: Json, stored: StoredDecision) -> None:
    """Whether the bot has decided what was foretold, for the same reasons."""
    [incident] = foretold["incidents"]
    assert incident["certain"]
    assert incident["outcome"] == stored.decision.verdict.value
    assert incident["headline"] == stored.decision.headline
    assert incident["runbook"] == stored.decision.runbook
    assert [(rule["rule"], rule["text"]) for rule in incident["rules"]] == [
        (reason.rule, reason.text) for reason in stored.decision.reasons
    ]


async def pause(here: SmallStage, scope: Scope) -> None:
    database = Database(here.settings.database_url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            await work.pauses.add(scope, "U01ALICE", "disk swap", utc_now(), None)
    finally:
        await database.close()


async def test_what_people_are_asked_and_called_for_is_foretold_and_what_somebody_took_is_theirs(
    tmp_path: Path,
) -> None:
    async with small_stage(tmp_path, with_prometheus=True) as here:
        await here.service.crash()
        down = firing("checkout", "f1")
        code, found = await asked_without_a_trace(here, tmp_path, down)
        assert code == 12
        [incident] = found["incidents"]
        assert incident["plan"]["made"]
        assert "Targets: checkout" in "\n".join(incident["plan"]["lines"])
        assert [(query["about"], query["finding"]) for query in incident["queries"]] == [("still_down", "supports")]
        await here.post(down)
        same(found, await decided(here))

        code, found = await asked_without_a_trace(here, tmp_path, firing("db", "f2", labels={"alertname": "DiskFull"}))
        assert code == 14
        await here.post(firing("db", "f2", labels={"alertname": "DiskFull"}))
        same(found, await decided(here, 2))

        another = firing("checkout", "f3")
        code, found = await asked_without_a_trace(here, tmp_path, another)
        assert (code, found["incidents"][0]["incident"]) == (12, "INC-1")
        assert any(note.startswith("Joins INC-1, which is open since") for note in found["incidents"][0]["notes"])
        _, found = await asked_without_a_trace(here, tmp_path, down)
        assert "Each of these alerts is in it already" in " ".join(found["incidents"][0]["notes"])
        card = await here.card_of("INC-1", "'action_id': 'take'")
        await here.workspace.person("alice").click(card, "take")
        await until_taken(here)
        code, found = await asked(here, tmp_path, another)
        assert code == 0
        assert found["incidents"][0]["headline"].startswith("U01ALICE has taken INC-1 over")


async def test_a_pause_holds_what_is_foretold(tmp_path: Path) -> None:
    async with small_stage(tmp_path, with_prometheus=True, level="L3", licensed=True) as here:
        await here.service.crash()
        await pause(here, Scope(kind=ScopeKind.SERVICE, name="checkout"))
        down = firing("checkout", "f1")
        code, found = await asked_without_a_trace(here, tmp_path, down)
        assert code == 13
        assert "Without that: acts unless somebody stops it." in found["incidents"][0]["notes"]
        await here.post(down)
        same(found, await decided(here))


async def test_what_acts_alone_is_foretold_and_not_begun(tmp_path: Path) -> None:
    async with small_stage(tmp_path, with_prometheus=True, level="L3", licensed=True, veto_window="2s") as here:
        await here.service.crash()
        down = firing("checkout", "f1")
        code, found = await asked_without_a_trace(here, tmp_path, down)
        assert code == 11
        assert await here.supervisord.state(CHECKOUT) == "EXITED"

        code, without = await asked(here, tmp_path, down, database=False)
        [incident] = without["incidents"]
        assert (code, incident["outcome"], incident["at_best"]) == (12, "ask", "act_unless_stopped")
        assert incident["rests_on"] == ["the database"]
        assert without["remarks"] == ["No database was read: DATABASE_URL is not set. Set it to the one in use."]

        await asyncio.to_thread((tmp_path / "paused").write_text, "fire drill")
        code, held = await asked(here, tmp_path, down, database=False, pause_file="paused")
        assert code == 13
        assert "(fire drill)" in held["incidents"][0]["headline"]

        await here.post(down)
        stored = await decided(here)
        assert stored.decision.verdict is Verdict.ACT_UNLESS_STOPPED
        same(found, stored)
        await here.until_state(ActionState.SUCCEEDED)
        assert await here.supervisord.state(CHECKOUT) == "RUNNING"


async def test_what_acts_at_once_is_foretold(tmp_path: Path) -> None:
    async with small_stage(tmp_path, with_prometheus=True, level="L2", licensed=True) as here:
        await here.service.crash()
        down = firing("checkout", "f1")
        code, found = await asked_without_a_trace(here, tmp_path, down)
        assert code == 10
        await here.post(down)
        same(found, await decided(here))
        await here.until_state(ActionState.SUCCEEDED)
