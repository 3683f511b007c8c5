"""Each import contract catches what it is there for: a wrong import is planted in a copy, and that contract breaks."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "handlers", "remediations", "storage")
VERDICT = re.compile(r"^(?P<contract>.+) (?P<verdict>KEPT|BROKEN)$", re.MULTILINE)
WIDE_ENOUGH_FOR_ANY_NAME = "400"

INWARDS = "Everything points inwards"
POLICY = "The decision core: the verdict rests on rules, rules on the file, the file on facts"
RESPONSE = "The response: flows over rooms, rooms over ports, ports over values"
ENGINE = "Nobody but the composition root knows the durable engine"
PURE = "The decision core does no I/O and knows no framework"
SLACK = "Only the Slack surface and the arrivals import Slack"
ARRIVALS = "Arrivals: four doors, none behind another"
COMMANDS = "The command line: commands over what works offline, and no command behind another"
COMPOSITION = "The composition: every part on the foundation"
GATES = "The gates: a conductor over a worker, runs over what they are made of"
LOCAL_ALONE = "The local world stands alone"
LOCAL_LAYERS = "The local world: a demo on real servers, and a workspace that knows neither"
LOCAL_UNKNOWN = "Nobody but the command line knows the local world"


@dataclass(frozen=True)
class Planted:
    """One wrong import, and the only contract that it breaks. A ``module`` that is not there is made."""

    contract: str
    module: str
    imports: str

    def __str__(self) -> str:
        return f"{self.module} imports {self.imports}"


PLANTED = (
    Planted(INWARDS, "bot.policy.decide", "bot.remediation"),
    Planted(INWARDS, "bot.response.notices.card", "storage.outbox"),
    Planted(INWARDS, "storage.outbox", "bot.slack.text"),
    Planted(INWARDS, "handlers.web.health", "bot.settings"),
    Planted(INWARDS, "bot.gates.report", "bot.doctor.diagnosis"),
    Planted(POLICY, "bot.policy.file.fields", "bot.policy.rules.budgets"),
    Planted(POLICY, "bot.policy.rules.budgets", "bot.policy.approval"),
    Planted(POLICY, "bot.policy.without_a_place", "bot.policy.plan"),
    Planted(RESPONSE, "bot.response.model.lifecycle", "bot.response.ports.rows"),
    Planted(RESPONSE, "bot.response.notices.card", "bot.response.interventions.approvals"),
    Planted(RESPONSE, "bot.response.deadlines.sweep", "bot.response.interventions.approvals"),
    Planted(RESPONSE, "bot.response.without_a_place", "bot.response.model.actions"),
    Planted(ENGINE, "storage.queue", "bot.response.engine.dbos"),
    Planted(ENGINE, "bot.response.act", "dbos"),
    Planted(ENGINE, "bot.doctor.database", "dbos"),
    Planted(PURE, "bot.policy.rules.budgets", "asyncio"),
    Planted(PURE, "bot.policy.decide", "time"),
    Planted(PURE, "bot.policy.file.loading", "sqlalchemy"),
    Planted(SLACK, "storage.outbox", "slack_sdk"),
    Planted(SLACK, "handlers.alerts.webhook", "slack_bolt"),
    Planted(SLACK, "bot.doctor.workspace", "slack_sdk"),
    Planted(ARRIVALS, "handlers.alerts.webhook", "handlers.slack.arrival"),
    Planted(ARRIVALS, "handlers.metrics", "handlers.alerts.source"),
    Planted(ARRIVALS, "handlers.without_a_place", "handlers.metrics"),
    Planted(COMMANDS, "bot.cli.check", "bot.cli.demo"),
    Planted(COMMANDS, "bot.cli.offline", "bot.cli.console"),
    Planted(COMPOSITION, "bot.composition.foundation", "bot.composition.slack"),
    Planted(COMPOSITION, "bot.composition.second_channel", "bot.composition.slack"),
    Planted(INWARDS, "bot.composition.gate_room", "bot.gates.report"),
    Planted(GATES, "bot.gates.driving", "bot.gates.upkeep"),
    Planted(GATES, "bot.gates.report", "bot.gates.missions"),
    Planted(LOCAL_ALONE, "bot.local.servers", "bot.settings"),
    Planted(LOCAL_ALONE, "bot.local.demo.demo", "storage.database"),
    Planted(LOCAL_LAYERS, "bot.local.workspace.state", "bot.local.demo.team"),
    Planted(LOCAL_UNKNOWN, "handlers.web.health", "bot.local.servers"),
    Planted(LOCAL_UNKNOWN, "bot.app", "bot.local.workspace"),
)


@dataclass(frozen=True)
class Copy:
    """The modules of all packages, and the contracts as they are, in a folder of its own."""

    folder: Path

    def broken(self) -> set[str]:
        """Names of the broken contracts."""
        command = Path(sys.executable).with_name("lint-imports")
        linted = subprocess.run(
            [command, "--config", "pyproject.toml", "--no-cache", "--no-logo"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "COLUMNS": WIDE_ENOUGH_FOR_ANY_NAME},
            capture_output=True,
            text=True,
            check=False,
        )
        found = {match["contract"]: match["verdict"] for match in VERDICT.finditer(linted.stdout)}
        assert found.keys() == contracts(), linted.stdout + linted.stderr
        return {contract for contract, verdict in found.items() if verdict == "BROKEN"}

    @contextmanager
    def with_import(self, module: str, imported: str) -> Iterator[None]:
        """``module``, with one import more for as long as the block lasts."""
        file = self.folder / Path(*module.split(".")).with_suffix(".py")
        before = file.read_text() if file.exists() else None
        file.write_text(f"{before or ''}\nimport {imported}\n")
        try:
            yield
        finally:
            if before is None:
                file.unlink()
            else:
                file.write_text(before)


def contracts() -> set[str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    folder = tmp_path_factory.mktemp("contracts")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return Copy(folder)


def test_nothing_is_broken_as_it_is(copy: Copy) -> None:
    assert copy.broken() == set()


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_wrong_import_breaks_exactly_the_contract_that_forbids_it(copy: Copy, planted: Planted) -> None:
    with copy.with_import(planted.module, planted.imports):
        assert copy.broken() == {planted.contract}


def test_every_contract_is_tried() -> None:
    assert {planted.contract for planted in PLANTED} == contracts()
