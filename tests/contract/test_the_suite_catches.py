"""Every promise of the suite can be broken: a remediation that breaks it is caught, in words."""

import fcntl
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.policy.file.protected import Protected
from bot.policy.plan import Target
from bot.remediation import PermanentError, TemporaryError
from remediations.backends.base import Backend
from remediations.capability import RemediationClass
from remediations.testing import Ability, BrokenPromiseError, Subject
from remediations.testing.checks import PROMISES, breaking, keeping
from remediations.testing.subject import faults
from tests.contract import later_mutants as later
from tests.contract import mutants
from tests.contract.sample import FlagFileSettings, SetFlag


class Held(mutants.MutantInAFile):
    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Protecting(mutants.MutantInAFile):
    def protected(self) -> Protected:
        return Protected(accounts=("ann",))


class Touched(mutants.MutantInAFile):
    async def by_itself(self, target: Target) -> None:
        os.utime(self.file, (1, 1))


class WithASecret(mutants.MutantInAFile):
    canary = mutants.SECRET


class Ending(mutants.MutantInAFile):
    def ends(self) -> dict[str, Any]:
        return self.parameters()


class Staged(mutants.MutantInAFile):
    made_of: type[Backend]

    def staging(self) -> tuple[str, str, str]:
        return "flip", "cart-new", "search"

    def backend(self) -> Backend:
        return self.made_of("flag_file", FlagFileSettings(path=self.file, staging=("cart-*",)))


@dataclass(frozen=True)
class Case:
    mutant: RemediationClass
    sentence: str
    """The beginning of the promise that it breaks."""
    seen: str
    """What the suite says."""
    subject: type[mutants.MutantInAFile] = mutants.MutantInAFile
    shows: frozenset[Ability] = frozenset()
    lacks: frozenset[Ability] = frozenset()
    values: Mapping[str, Any] = field(default_factory=dict)


def broken(how: Ability, error: Exception, seen: str, *, reads: bool = False) -> Case:
    shown = {"shows": frozenset({how}), "values": {"error": error, "reads": reads}}
    return Case(SetFlag, breaking.SENTENCES[how], seen, later.BrokenInAFile, **shown)  # type: ignore[arg-type]


CANARY = frozenset({Ability.CANARY})
BY_ITSELF = frozenset({Ability.BY_ITSELF})
STAGING = frozenset({Ability.STAGING})
DIGEST, DATABASE = "The same situation gives", "A plan and a snapshot survive"
PARAMETERS, HOSTILE, EFFECTS = "Parameters come back", "Hostile parameters", "A plan's effects"
SAYS, HEALTHY, STOPPED, CANCELLED = (
    "It does what it says",
    "It is never called",
    "It can be stopped",
    "Cancelled whenever",
)
ROLLED_BACK, SECRET, STAGED = "Rolled back, it is", "A secret", "Faults are injected"
CASES = (
    Case(mutants.SwitchesWhilePlanning, "Reading changes nothing", "plan has changed the system"),
    Case(mutants.SwitchesWhenAskedForHealth, "Reading changes nothing", "health has changed the system"),
    Case(mutants.NeverTheSamePlan, DIGEST, "have two digests: summary"),
    Case(mutants.InTheOrderOfASet, DIGEST, "another process plans it with another digest"),
    Case(mutants.ATupleInThePlan, DATABASE, "holds a tuple, which is not JSON"),
    Case(mutants.ATimeInTheSnapshot, DATABASE, "it holds what changes by itself"),
    Case(mutants.TakesAnyParameter, PARAMETERS, "a parameter that does not exist is taken"),
    Case(mutants.TakesAnyText, HOSTILE, "gives a plan that touches something"),
    Case(mutants.FailsOnOddText, HOSTILE, "raised ValueError"),
    Case(mutants.WithoutEffects, EFFECTS, "the plan has no effects"),
    Case(mutants.WithAnotherEffect, EFFECTS, "is not of the class"),
    Case(mutants.EverythingWhereNothingMatches, "Where nothing matches", "and the plan touches"),
    Case(mutants.WithoutALimit, "Too many at once", "too many at once give None"),
    Case(mutants.IgnoresWhatIsProtected, "A target that the policy protects", "is protected, and plan gives None"),
    Case(SetFlag, "A network or an account", "and plan gives None", Protecting, frozenset({Ability.PROTECTED})),
    Case(mutants.WithoutSteps, SAYS, "without a step"),
    Case(mutants.DoesNothing, SAYS, "after execute the targets are unhealthy"),
    Case(mutants.SaysThatItLeftSomethingElse, SAYS, "left\\(\\) says"),
    Case(mutants.SealsNothing, "What has changed since it was planned", "what changed is not sealed"),
    Case(mutants.ActsOnWhatHasChanged, "What has changed since it was planned", "and execute gives None"),
    Case(mutants.AlwaysHealthy, HEALTHY, "nobody carried it out"),
    Case(mutants.SaysSoAndDoesNothing, HEALTHY, "and from outside it is not so"),
    Case(mutants.HealthyOnceBegun, "While the system", "called healthy too early", Held, frozenset({Ability.HELD})),
    Case(mutants.APlanForNothing, "Doing it again", "planned again it gives None"),
    Case(mutants.OneMoreEachTime, "Done twice with one key", "executed again with the same key it changed more"),
    Case(mutants.SwallowsTheStop, STOPPED, "execute gave None: let it pass"),
    Case(mutants.OneStepForAll, STOPPED, "put a step around each change"),
    Case(mutants.ChangesBeforeTheFirstStep, STOPPED, "step 1 of 2, it has changed the system"),
    Case(mutants.GoesOnAfterAFailure, "A step that fails", "execute gave None"),
    Case(mutants.GoesOnWhenCancelled, CANCELLED, "it went on"),
    Case(mutants.LeavesAThread, CANCELLED, "a thread went on"),
    Case(mutants.LeavesATask, CANCELLED, "a task goes on"),
    Case(mutants.LeavesAChild, CANCELLED, "a child process lives on"),
    Case(later.TogglesToRollBack, ROLLED_BACK, "rolled back twice"),
    Case(later.AlmostExact, ROLLED_BACK, "and rolled back it is"),
    Case(later.RollsBackWhatWasNotDone, "Rolled back though nothing", "the rollback changed the system"),
    Case(later.NeedsEverythingDone, "Stopped half-way", "before step 1, the rollback gives PermanentError"),
    Case(later.CannotBeStoppedGoingBack, "A rollback can be stopped", "a rollback goes on"),
    Case(later.RestoresAll, "What somebody has changed since", "the rollback made"),
    Case(later.RestoresAll, "A target that was not touched", "only what was touched is restored"),
    Case(later.ComparesTheTime, "What the system does by", "compared\\(\\) went", Touched, BY_ITSELF),
    Case(
        *(later.NothingToUndoAndNotRepeatable, "Where there is nothing to roll back", "say `repeatable = True`"),
        lacks=frozenset({Ability.ROLL_BACK}),
    ),
    broken(Ability.REFUSED, TemporaryError("Not let in."), "to be refused does not pass by itself"),
    broken(Ability.DEAD, OSError("no such file"), "plan raised OSError"),
    broken(Ability.DEAD, PermanentError("Not there."), "must give a TemporaryError"),
    broken(Ability.SLOW, TimeoutError(), "plan let a TimeoutError pass"),
    broken(Ability.LYING, TemporaryError("What is that?"), "must give a PermanentError"),
    broken(Ability.LYING, PermanentError("Expecting value"), "is no sentence"),
    broken(Ability.HALF, EOFError(), "plan raised EOFError"),
    broken(Ability.LIMITED, PermanentError("Too many."), "must give a TemporaryError"),
    broken(Ability.CONFLICT, KeyError("conflict"), "execute raised KeyError", reads=True),
    Case(later.LogsItsSecret, SECRET, "the log: flags, DEBUG", WithASecret, CANARY),
    Case(later.ASecretInThePlan, SECRET, "appears in the plan", WithASecret, CANARY),
    Case(later.ASecretAsAnArgument, SECRET, "the arguments of a child process", WithASecret, CANARY),
    Case(later.ASecretInAnEnvironment, SECRET, "the environment of a child process", WithASecret, CANARY),
    Case(later.NeverEnds, "What is to end by itself", "does not end by itself", Ending, frozenset({Ability.ENDS})),
    Case(SetFlag, STAGED, "and must be refused", Staged, STAGING, values={"made_of": later.InjectsAnywhere}),
    Case(SetFlag, STAGED, "mended, it was", Staged, STAGING, values={"made_of": later.MendsNothing}),
    Case(later.WithoutAnOldPlan, "Plans of every version", "no plan of version 2"),
    Case(later.ForgetsOldRecords, "Plans of every version", "of version 1 cannot be rolled back"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.mutant.__name__}: {case.seen}")
async def test_what_breaks_a_promise_is_caught(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "SETTLED_WITHIN_SECONDS", 0.2)
    (promise,) = (each for each in PROMISES if each.sentence.startswith(case.sentence))
    absent = {each: reason for each, reason in case.subject.absent.items() if each not in case.shows}
    absent |= dict.fromkeys(case.lacks, "so that it is not asked")
    subject = type("Mutated", (case.subject,), {"mutant": case.mutant, "absent": absent, **case.values})
    assert promise.is_asked_of(subject)
    try:
        with pytest.raises(BrokenPromiseError, match=case.seen):
            await promise.of(subject(tmp_path))
    finally:
        mutants.LeavesAChild.end_those_left()


def test_each_promise_is_shown_to_be_one_that_can_be_broken() -> None:
    assert [
        each.sentence for each in PROMISES if not any(each.sentence.startswith(case.sentence) for case in CASES)
    ] == []


def test_each_promise_has_a_sentence_of_its_own() -> None:
    assert len({each.sentence for each in PROMISES}) == len(PROMISES)


def test_what_a_subject_neither_shows_nor_declares_absent_is_told() -> None:
    class Undeclared(mutants.MutantInAFile):
        absent = {Ability.DRIFT: "nobody else is here", Ability.CANARY: " "}  # noqa: RUF012

    told = faults(Undeclared)
    assert "drift is there, and drift is declared absent: leave one of them out" in told
    assert "canary is declared absent without a reason: write one" in told
    assert "ends can neither be shown nor is it declared absent: write ends, or a reason" in told
    assert not any(text.startswith(("golden", "dead")) for text in told)
    assert faults(mutants.MutantInAFile) == ()
    assert issubclass(Undeclared, Subject)
