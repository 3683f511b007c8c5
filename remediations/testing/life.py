"""How the checks lead a subject through its life, as Watchkeeper's flows do."""

import asyncio
import json
import traceback
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import JsonValue

from bot.policy.plan import Exactness, Plan
from bot.remediation import Condition, HaltedError, Health, Record, RemediationError, Report, Snapshot
from remediations.testing.execution import ExecutionInMemory
from remediations.testing.promise import BrokenPromiseError, expect
from remediations.testing.subject import Document, Subject

WATCHDOG_SECONDS = 110.0
"""What ends a test whose remediation does not end; many times what a time-out in ``backends`` is to be."""
SETTLED_WITHIN_SECONDS = 240.0
POLL_SECONDS = 0.05

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Done:
    """What an execution left."""

    plan: Plan
    record: Record
    error: RemediationError | HaltedError | None
    """How it ended, if not with a report."""
    key: str = ""
    """The idempotency key of the action."""

    @property
    def steps(self) -> int:
        """How many were begun."""
        return len(self.record.steps)


async def planned(subject: Subject, parameters: Document | None = None) -> Plan:
    """A plan for the situation; with parameters that must fit the model."""
    remediation = subject.remediation
    wanted = remediation.parameters.model_validate(subject.parameters() if parameters is None else parameters)
    return await in_time(remediation.plan(wanted, subject.about()), "plan")


async def carried_out(subject: Subject, plan: Plan | None = None, *, halt_before: int | None = None) -> Done:
    """Plan, take the snapshots, execute; with all that is recorded of it, however it ended."""
    remediation = subject.remediation
    if plan is None:
        plan = await planned(subject)
    before = await in_time(remediation.snapshot(plan), "snapshot")
    execution, report, error = execution_of(new_key(), halt_before=halt_before), None, None
    try:
        report = await in_time(remediation.execute(plan, before, execution), "execute")
    except (RemediationError, HaltedError) as raised:
        error = raised
    return await recorded(subject, plan, before, execution, report, error)


async def recorded(
    subject: Subject,
    plan: Plan,
    before: Snapshot,
    execution: ExecutionInMemory,
    report: Report | None = None,
    error: RemediationError | HaltedError | None = None,
) -> Done:
    """The record of an execution that has ended."""
    await subject.outside()  # it comes to rest
    after = await in_time(subject.remediation.snapshot(plan), "snapshot")
    record = Record(snapshot=stored(before), after=stored(after), steps=tuple(execution.steps), report=report)
    return Done(plan, record, error, execution.idempotency_key)


async def succeeded(subject: Subject, parameters: Document | None = None) -> Done:
    """Carried out, without an error, and healthy."""
    plan = await planned(subject, parameters)
    expect(plan.targets, "the situation that the subject begins with has nothing to do: the plan has no targets")
    done = await carried_out(subject, plan)
    if done.error is not None:
        raise BrokenPromiseError(f"execute failed: {done.error!r}") from done.error
    health = await settled(subject, done)
    expect(health.condition is Condition.HEALTHY, f"after execute the targets are {health.condition}: {health.summary}")
    return done


async def settled(subject: Subject, done: Done) -> Health:
    """The health, once it is not settling any more."""
    try:
        async with asyncio.timeout(SETTLED_WITHIN_SECONDS):
            while True:
                health = await in_time(subject.remediation.health(done.plan, done.record), "health")
                if health.condition is not Condition.SETTLING:
                    return health
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise BrokenPromiseError(f"it is settling for ever: {health.summary}") from None


async def rolled_back(subject: Subject, done: Done) -> tuple[Report | None, RemediationError | None]:
    """Roll back once; what came of it."""
    reports: list[Report] = []

    async def once() -> None:
        execution = execution_of(new_key())
        reports.append(await subject.remediation.roll_back(done.plan, done.record, execution))

    error = await error_of(once, "roll_back")
    return (reports[0] if reports else None), error


def new_key() -> str:
    """The idempotency key of another action."""
    return f"action-{uuid.uuid4().hex[:12]}"


def execution_of(key: str, *, halt_before: int | None = None, patient: bool = True) -> ExecutionInMemory:
    """One that does not wait long between its tries."""
    return ExecutionInMemory(halt_before=halt_before, key=key, poll_seconds=POLL_SECONDS, patient=patient)


def is_back(subject: Subject, plan: Plan, before: JsonValue, now: JsonValue) -> bool:
    """Whether a rollback has kept its word: exact means equal."""
    return before == now if plan.rollback.exactness is Exactness.EXACT else subject.same(before, now)


def stored(snapshot: Snapshot) -> Snapshot:
    """As it comes back from the database."""
    return Snapshot.model_validate(from_the_database(snapshot.model_dump(mode="json")))


def from_the_database(document: Any) -> Any:
    """As JSON comes back: its keys in another order, and nothing but JSON in it."""
    return json.loads(json.dumps(_turned(document)))


def _turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in sorted(value, key=lambda key: (-len(str(key)), str(key)))}
    return [_turned(each) for each in value] if isinstance(value, list) else value


async def in_time(call: Awaitable[Result], what: str) -> Result:
    """Its result, or a broken promise where it does not end."""
    try:
        async with asyncio.timeout(WATCHDOG_SECONDS) as watchdog:
            return await call
    except TimeoutError as error:
        if not watchdog.expired():
            raise BrokenPromiseError(f"{what} let a TimeoutError pass: raise TemporaryError in its place") from error
        raise BrokenPromiseError(f"{what} had not ended after {WATCHDOG_SECONDS:g} s") from None


async def error_of(call: Callable[[], Awaitable[object]], what: str) -> RemediationError | None:
    """The error of the contract that it raises; None when it succeeds.

    Raises:
        BrokenPromiseError: it raises another.
    """
    try:
        await in_time(call(), what)
    except RemediationError as error:
        _for_people(error, what)
        return error
    except BrokenPromiseError:
        raise
    except Exception as error:  # the very thing that a remediation must not let out
        raise BrokenPromiseError(f"{what} raised {error!r}: only the errors of the contract may") from error
    return None


def _for_people(error: RemediationError, what: str) -> None:
    """That its text can be shown to people."""
    text = str(error)
    expect(text.strip() and text.rstrip()[-1] in ".!?)”`", f"the text of {what}'s error is no sentence: {text!r}")
    expect(" object at 0x" not in text and "Traceback" not in text, f"{what}'s error shows a program's words: {text!r}")
    cause = error.__cause__
    if cause is not None and _package(type(cause).__module__) not in _where_raised(error):
        words = str(cause).strip()
        repeated = " " in words and words in text
        expect(not repeated, f"{what}'s error repeats a library's words: {words!r} in {text!r}")


def _where_raised(error: BaseException) -> set[str]:
    """The packages that the error has passed: those of the author, and ours."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return {_package(str(frame.f_globals.get("__name__"))) for frame in frames} | {"bot", "remediations"}


def _package(module: str) -> str:
    return module.partition(".")[0]
