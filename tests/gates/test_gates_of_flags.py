"""What can be rolled back, on a system of another author: the sample plugin's file of flags, seen from outside.

It is found as an installed plugin is, by the child process in which the runs happen.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bot.gates.conductor import Conductor, Progress
from bot.gates.missions import Fault, FaultKind, Kind, Mission, Setup
from bot.gates.report import Ending, Run
from bot.policy.situation import Gate
from tests.fixtures.database import AUDIT_KEY
from tests.scenarios.stage import ROOT, document, loaded

FLAGS = {
    "cart-staging-east": {"on": True, "by": "ann"},
    "tips": {"on": True, "by": "ann"},
    "tips-staging-east": {"on": True, "by": "ben"},
    "tips-staging-west": {"on": True, "by": "cleo"},
}
PLUGIN = '''
"""The sample plugin, through a file of which it can say what is there."""

from bot.remediation import Report
from remediations.capability import Capability
from watchkeeper_flags.flag_file import FlagFile
from watchkeeper_flags.set_flag import Flag, SetFlag, SetFlagParameters

MEDDLED = Flag(on=False, by="mallory")


class SeenFile(FlagFile):
    kind = "seen_file"
    faults = {"wrong": "switches it the other way"}

    async def _inject(self, fault, target):
        was = (await self.all())[target]
        await self.switch(target, was, Flag(on=not was.on, by=f"broken, {was.by}"))

    async def _mend(self, fault, target):
        was = (await self.all())[target]
        if was.by.startswith("broken, "):
            await self.switch(target, was, Flag(on=not was.on, by=was.by.removeprefix("broken, ")))

    async def survey(self):
        return {name: flag.model_dump() for name, flag in (await self.all()).items() if self.is_staging(name)}


class NamedFlag(SetFlagParameters):
    def named(self):
        return (self.flag,)


class SaysWhichFlag(SetFlag):
    name = "says_which_flag"
    parameters = NamedFlag


class ChangesWhereItOnlyLooks(SetFlag):
    name = "changes_where_it_only_looks"

    async def rehearse(self, plan):
        await meddle(self._flags(plan), plan.targets[0].label)
        return Report(summary="It can be done.")


class ChangesMoreThanItSays(SetFlag):
    name = "changes_more_than_it_says"

    async def execute(self, plan, snapshot, execution):
        await meddle(self._flags(plan), "cart-staging-east")
        return await super().execute(plan, snapshot, execution)


class RestoresNothing(SetFlag):
    name = "restores_nothing"

    async def roll_back(self, plan, record, execution):
        return Report(summary="As before.")


async def meddle(flags, name):
    await flags.switch(name, (await flags.all())[name], MEDDLED)


THROUGH = {SeenFile: lambda file: file}
ALL = (SetFlag, SaysWhichFlag, ChangesWhereItOnlyLooks, ChangesMoreThanItSays, RestoresNothing)
CAPABILITIES = [Capability(each, THROUGH) for each in ALL]
'''


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """The plugin is installed, and a policy uses it."""
    information = tmp_path / "seen_flags-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: seen-flags\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[watchkeeper.remediations]\nflags = seen_flags:CAPABILITIES\n")
    (tmp_path / "seen_flags.py").write_text(PLUGIN)
    (tmp_path / "flags.json").write_text(json.dumps(FLAGS))
    here = os.pathsep.join((str(ROOT), str(ROOT / "docs" / "plugin"), str(tmp_path)))
    monkeypatch.setenv("PYTHONPATH", here)
    written = document("unix:///nowhere.sock")
    written["backends"] = {"seen_file": {"path": str(tmp_path / "flags.json"), "staging": ["*-staging-*"]}}
    written["runbooks"] = {
        "without-tips": {
            "summary": "Switch the tips off",
            "when": "alert.name == 'CartIsSlow'",
            "level": "L1",
            "remediation": "set_flag",
            "with": {"backend": "seen_file", "flag": "tips", "on": False},
            "blast_radius": {"targets": 2},
            "verify": {"within": "2s", "own": True, "stable": 1},
            "staging": {"with": {"flag": "tips-staging-*"}, "alert": {"alertname": "CartIsSlow", "service": "cart"}},
        }
    }
    return Setup(
        runbook="without-tips",
        policy=loaded(written).model_dump(mode="json", by_alias=True),
        audit_key=AUDIT_KEY.decode(),
        verify_interval_seconds=0.1,
        fires_within_seconds=5,
    )


async def carried_out(setup: Setup, folder: Path, *missions: tuple[Kind, Fault | None]) -> list[Run]:
    """Each in turn, by one conductor; after each, the flags are as they were."""
    runs: list[Run] = []
    notes: list[str] = []

    def watch(progress: Progress) -> None:
        notes.append(progress.text)

    async with Conductor(setup, watch) as conductor:
        for number, (kind, fault) in enumerate(missions):
            at = folder / f"run-{number}"
            mission = Mission(kind=kind, gate=Gate.CHAOS_TEST, name=str(number), folder=at, fault=fault)
            run = await conductor.carry_out(mission)
            assert run.passed, (run, notes)
            assert flags(folder) == FLAGS
            runs.append(run)
    return runs


def flags(folder: Path) -> Any:
    return json.loads((folder / "flags.json").read_text())


@pytest.mark.timeout(120)
async def test_what_is_rolled_back_or_half_done_is_as_before_seen_from_outside(setup: Setup, tmp_path: Path) -> None:
    dry, rolled, lost, refused, killed, again = await carried_out(
        setup,
        tmp_path,
        (Kind.DRY_RUN, None),
        (Kind.ROLL_BACK, None),
        (Kind.DISTURB, Fault(kind=FaultKind.LOST, call="switch")),
        (Kind.DISTURB, Fault(kind=FaultKind.REFUSED, step=2)),
        (Kind.DISTURB, Fault(kind=FaultKind.KILLED_BEFORE, step=2)),
        (Kind.ROLL_BACK, Fault(kind=FaultKind.UNREACHABLE, call="switch")),
    )
    assert again.ending is Ending.ROLLED_BACK  # it was tried again within its step, and so carried out
    assert [step.ended for step in again.steps] == [True, True]
    assert dry.ending is Ending.NOTHING_RUN
    staging = {name: flag for name, flag in FLAGS.items() if "staging" in name}
    assert [run.ending for run in (rolled, lost, refused)] == [Ending.ROLLED_BACK] * 3
    assert killed.ending is Ending.INTERRUPTED  # this author does not say what a dead process has left, so people look
    for run in (rolled, lost, refused, killed):
        assert run.before is not None
        assert run.before.survey == staging
        assert run.after == run.before
        assert run.record.whole
        assert "Rolled back" in run.told
    assert rolled.seconds["rollback"] >= 0
    assert [len(run.steps) for run in (rolled, lost, refused, killed)] == [2, 1, 2, 2]
    assert (lost.calls, rolled.calls) == (("switch",), ("switch",))
    assert "Planned: Switch tips-staging-east, tips-staging-west off in seen_file." in killed.seen


@pytest.mark.timeout(60)
async def test_what_there_is_nothing_to_do_for_is_rehearsed_on_what_was_broken_first(
    setup: Setup, tmp_path: Path
) -> None:
    entry = setup.policy["runbooks"][setup.runbook]
    entry |= {"remediation": "says_which_flag", "with": entry["with"] | {"on": True}}
    entry["staging"] |= {"with": {"flag": "tips-staging-east"}, "inject": "wrong"}
    ((dry,),) = [await carried_out(setup, tmp_path, (Kind.DRY_RUN, None))]
    assert (*dry.seen[:2], dry.seen[-1]) == (
        "Nothing could be planned where all is well: tips-staging-east of seen_file is on already.",
        "Injected 'wrong' into tips-staging-east.",
        "tips-staging-east is mended.",
    )
    assert dry.before is not None
    assert dry.before == dry.after
    assert dry.before.survey != {name: flag for name, flag in FLAGS.items() if "staging" in name}


@pytest.mark.parametrize(
    ("inject", "remediation", "told"),
    [
        (None, "says_which_flag", "tips-staging-east of seen_file is on already."),
        (
            "wrong",
            "set_flag",
            "tips-staging-east of seen_file is on already. `staging.with` of 'without-tips' names nothing into which a "
            "fault could be injected.",
        ),
    ],
)
@pytest.mark.timeout(60)
async def test_what_cannot_be_planned_and_not_be_broken_does_not_pass(
    setup: Setup, tmp_path: Path, inject: str | None, remediation: str, told: str
) -> None:
    entry = setup.policy["runbooks"][setup.runbook]
    entry |= {"remediation": remediation, "with": entry["with"] | {"on": True}}
    entry["staging"] |= {"with": {"flag": "tips-staging-east"}, "inject": inject}
    mission = Mission(kind=Kind.DRY_RUN, gate=Gate.STAGING_DRY_RUN, name="tried", folder=tmp_path / "run")
    async with Conductor(setup, lambda _: None) as conductor:
        run = await conductor.carry_out(mission)
    assert (run.passed, run.problem) == (False, told)
    assert flags(tmp_path) == FLAGS


@pytest.mark.parametrize(
    ("remediation", "kind", "told"),
    [
        ("changes_where_it_only_looks", Kind.DRY_RUN, "Planning, rehearsing and looking has changed something: "),
        ("changes_more_than_it_says", Kind.ROLL_BACK, "After the rollback it is not as before: cart-staging-east was "),
        ("restores_nothing", Kind.ROLL_BACK, "It could not be rolled back: As before. But tips-staging-east"),
    ],
)
@pytest.mark.timeout(60)
async def test_what_does_more_or_less_than_it_says_does_not_pass(
    setup: Setup, tmp_path: Path, remediation: str, kind: Kind, told: str
) -> None:
    setup.policy["runbooks"][setup.runbook]["remediation"] = remediation
    mission = Mission(kind=kind, gate=Gate.ROLLBACK_VERIFICATION, name="tried", folder=tmp_path / "run")
    async with Conductor(setup, lambda _: None) as conductor:
        run = await conductor.carry_out(mission)
    assert not run.passed
    assert run.problem.startswith(told), run.problem
