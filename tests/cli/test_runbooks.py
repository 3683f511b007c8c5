"""``watchkeeper runbooks``, on a database in which a runbook has passed gates."""

import asyncio
import copy
from datetime import timedelta

import yaml

from bot.policy.file.loading import load_policy
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.situation import GatePass
from bot.response.interventions.candidacies import IN_ORDER
from bot.response.ports.context import utc_now
from remediations.catalogue import build_catalogue, parameter_models
from storage.database import Database
from tests.cli.shell import Shell
from tests.cli.test_pauses import POLICY
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer


def written(**runbook: object) -> str:
    document = yaml.safe_load(POLICY)
    document["gates"] = {"sign_off": ["sre-oncall"]}
    document["runbooks"]["restart-checkout"] |= {"level": "L3", "authors": ["U01ALICE"], **runbook}
    asks = copy.deepcopy(document["runbooks"]["restart-checkout"])
    document["runbooks"]["ask-only"] = asks | {"level": "L1", "when": "false"}
    return str(yaml.safe_dump(document, sort_keys=False))


async def passed(shell: Shell, text: str) -> None:
    """Every gate, with the policy as it is."""
    policy = load_policy(text, filename="policy.yml", parameter_models=parameter_models())
    version = build_catalogue(policy.backends)["restart_service"].version
    seal, now = seal_of(policy, "restart-checkout", version), utc_now()
    database = Database(shell.url, RecordingEnqueuer(), AUDIT_KEY)
    try:
        async with database.begin() as work:
            for gate in IN_ORDER:
                row = GatePass(
                    gate=gate,
                    digest=policy.runbooks["restart-checkout"].digest,
                    passed_at=now,
                    until=now + timedelta(days=20, hours=1),
                    seal=digest_of_seal(seal),
                    by="U02BOB",
                )
                await work.licences.pass_gate("restart-checkout", row, seal)
    finally:
        await database.close()


async def test_every_runbook_is_listed_with_levels_reasons_gates_and_what_has_changed(shell: Shell) -> None:
    policy = shell.folder / "policy.yml"
    await asyncio.to_thread(policy.write_text, written())
    await passed(shell, written())
    code, said = await shell.run("runbooks")
    assert code == 0, said
    header, *lines = said.splitlines()
    assert header.split() == ["RUNBOOK", "WRITTEN", "IN", "FORCE", "WHY", "NOT", "HIGHER", "GATES"]
    (licensed,) = [line for line in lines if line.startswith("restart-checkout")]
    assert licensed.split()[1:3] == ["L3", "L3"]
    assert "chaos test: passed, for 20 days more" in said
    (asks,) = [line for line in lines if line.startswith("ask-only")]
    assert asks.split()[1:3] == ["L1", "L1"]
    assert "L1: the policy says L1" in said
    assert "staging dry run: not passed yet" in said

    await asyncio.to_thread(policy.write_text, written(summary="Restart checkout!"))
    code, said = await shell.run("runbooks")
    assert code == 0, said
    changed = "the runbook changed (summary: Restart checkout -> Restart checkout!)"
    (line,) = [line for line in said.splitlines() if line.startswith("restart-checkout")]
    assert line.split()[1:3] == ["L3", "L1"]
    assert f"L1: every gate is void: {changed}" in line
    assert f"failure simulation: is void: {changed}" in said


async def test_without_a_policy_or_database_it_says_what_to_do(shell: Shell) -> None:
    code, said = await shell.run("runbooks")
    assert code == 2
    assert "set WATCHKEEPER_POLICY" in said
    await asyncio.to_thread((shell.folder / "policy.yml").write_text, written())
    shell.url = "sqlite+aiosqlite:///nowhere.db"
    code, said = await shell.run("runbooks")
    assert code == 1
    assert "set DATABASE_URL to the one in use" in said
