"""What an execution does: what was approved, step by step, stoppable, once."""

import asyncio
from contextlib import AsyncExitStack

from bot.policy.plan import Target
from bot.remediation import Condition, HaltedError, NothingToDoError, PermanentError, Record, RemediationError
from remediations.testing.life import (
    POLL_SECONDS,
    SETTLED_WITHIN_SECONDS,
    WATCHDOG_SECONDS,
    Done,
    carried_out,
    error_of,
    execution_of,
    in_time,
    is_back,
    new_key,
    planned,
    recorded,
    rolled_back,
    settled,
    succeeded,
)
from remediations.testing.observing import CutShort, children, threads
from remediations.testing.promise import expect, promise
from remediations.testing.subject import Ability, Subject


@promise("It does what it says, in steps, and reports it")
async def _(subject: Subject) -> None:
    expect(not await subject.works(), "in the situation that the subject begins with, nothing is wrong")
    done = await succeeded(subject)
    expect(await subject.works(), "execute ended, it says that it is healthy, and from outside it is not")
    expect(done.record.report is not None and done.record.report.summary.strip(), "the report has no summary")
    expect(done.steps, "it has changed the system without a step: put each change into `execution.step(...)`")
    expect(all(step.ended for step in done.record.steps), "execute ended, and a step did not")
    expect(all(step.words.strip() for step in done.record.steps), "a step has no words")
    keys = {target.key for target in done.plan.targets}
    strange = done.record.touched - keys
    expect(not strange, f"a step names {strange}, which is no target of the plan ({', '.join(sorted(keys))})")
    expect(done.record.touched == keys, f"no step names {keys - done.record.touched}")
    left = subject.remediation.left(done.plan, done.record)
    if left is not None and done.record.after is not None:
        told, seen = (subject.remediation.compared(done.plan, each) for each in (left, done.record.after))
        expect(told == seen, f"left() says that it left {told!r}, and there is {seen!r}")


@promise("What has changed since it was planned has another digest, and is not touched", Ability.DRIFT)
async def _(subject: Subject) -> None:
    plan = await planned(subject)
    snapshot = await in_time(subject.remediation.snapshot(plan), "snapshot")
    drifted = plan.targets[-1]
    await subject.drift(drifted)
    before = await subject.outside()
    again: list[str] = []

    async def plan_again() -> None:
        again.append((await planned(subject)).digest)

    await error_of(plan_again, "plan")
    expect(again != [plan.digest], "what changed is not sealed: put it into `Target.state`")
    for taken in (snapshot, None):  # the snapshot from before the change, and one from after it
        await _refuses_the_drifted(subject, Done(plan, Record(snapshot=snapshot), None), drifted, taken is None)
        if Ability.SEVERAL in subject.absent:
            now = await subject.outside()
            expect(now == before, f"a target that is not as planned was touched: it was {before!r} and is {now!r}")


async def _refuses_the_drifted(subject: Subject, done: Done, drifted: Target, fresh: bool) -> None:
    snapshot = done.record.snapshot
    if fresh:
        try:
            snapshot = await in_time(subject.remediation.snapshot(done.plan), "snapshot")
        except RemediationError:
            return  # it refuses even earlier
    execution = execution_of(new_key())
    error = await error_of(lambda: subject.remediation.execute(done.plan, snapshot, execution), "execute")
    expect(isinstance(error, PermanentError), f"a target is not as planned any more, and execute gives {error!r}")
    ended = [step.words for step in execution.steps if step.target == drifted.key and step.ended]
    expect(not ended, f"a target is not as planned any more, and a step changed it: {ended}")


@promise("It is never called healthy before it is, and a plan that nobody carried out is not")
async def _(subject: Subject) -> None:
    plan = await planned(subject)
    before = await in_time(subject.remediation.snapshot(plan), "snapshot")
    health = await in_time(subject.remediation.health(plan, Record(snapshot=before)), "health")
    expect(health.condition is not Condition.HEALTHY, "nobody carried it out, and health says that it is as wanted")
    done = await carried_out(subject, plan)
    async with asyncio.timeout(SETTLED_WITHIN_SECONDS):
        while True:
            health = await in_time(subject.remediation.health(done.plan, done.record), "health")
            if health.condition is Condition.HEALTHY:
                expect(await subject.works(), f"health says {health.summary!r}, and from outside it is not so")
                return
            expect(health.summary.strip(), "health has no summary")
            expect(health.condition is Condition.SETTLING, f"it became {health.condition}: {health.summary}")
            await asyncio.sleep(POLL_SECONDS)


@promise("While the system is not healthy, it is not called healthy", Ability.HELD)
async def _(subject: Subject) -> None:
    plan = await planned(subject)
    remediation = subject.remediation
    before = await in_time(remediation.snapshot(plan), "snapshot")
    execution = execution_of(new_key())
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(subject.held())
        executing = asyncio.ensure_future(remediation.execute(plan, before, execution))
        try:
            async with asyncio.timeout(WATCHDOG_SECONDS):
                while not executing.done() and not execution.steps:  # noqa: ASYNC110  # what it waits for tells nobody
                    await asyncio.sleep(POLL_SECONDS)
            record = Record(snapshot=before, steps=tuple(execution.steps))
            health = await in_time(remediation.health(plan, record), "health")
            expect(not await subject.works(), "held() does not keep the system from becoming healthy")
            expect(health.condition is not Condition.HEALTHY, f"it is called healthy too early: {health.summary}")
        finally:
            executing.cancel()
            await asyncio.wait({executing})
            if not executing.cancelled():
                executing.exception()


@promise("Doing it again after it worked is nothing to do, or declared repeatable")
async def _(subject: Subject) -> None:
    done = await succeeded(subject)
    expect(await subject.works(), "from outside it did not work")
    error = await error_of(lambda: planned(subject), "plan")
    if isinstance(error, NothingToDoError):
        return
    repeatable = subject.remediation.repeatable
    expect(repeatable, f"planned again it gives {error!r}: raise NothingToDoError, or be `repeatable`")
    expect(error is None, f"it is `repeatable`, and planned again it gives {error!r}")
    again = await succeeded(subject)
    expect(await subject.works(), "done a second time, it does not work")
    expect(again.steps == done.steps, f"done a second time it took {again.steps} step(s), and {done.steps} before")


@promise("Done twice with one key, it is done once")
async def _(subject: Subject) -> None:
    done = await succeeded(subject)
    first = await subject.outside()
    execution = execution_of(done.key)
    execute = subject.remediation.execute
    await error_of(lambda: execute(done.plan, done.record.snapshot, execution), "execute")
    now = await subject.outside()
    expect(now == first, f"executed again with the same key it changed more: from {first!r} to {now!r}")


@promise("It can be stopped before every step, and nothing is done after that")
async def _(subject: Subject) -> None:
    steps = (await succeeded(subject)).steps
    several = Ability.SEVERAL not in subject.absent
    expect(not several or steps > 1, "there are several targets, and one step: put a step around each change")
    for k in range(steps):
        await subject.begin()
        start = await subject.outside()
        done = await carried_out(subject, halt_before=k)
        when = f"stopped before step {k + 1} of {steps}"
        expect(isinstance(done.error, HaltedError), f"{when}, execute gave {done.error!r}: let it pass")
        expect(done.steps == k, f"{when}, it took {done.steps}")
        expect(all(step.ended for step in done.record.steps), f"{when}, an earlier one did not end")
        if k == 0:
            now = await subject.outside()
            expect(now == start, f"{when}, it has changed the system from {start!r} to {now!r}")
        elif several:
            expect(not await subject.works(), f"{when}, everything is done already")


@promise("A step that fails is recorded with its target, and nothing is done after it", Ability.SPOILT)
async def _(subject: Subject) -> None:
    plan = await planned(subject)
    spoilt = await subject.spoilt(plan.targets)
    done = await carried_out(subject, plan)
    expect(isinstance(done.error, PermanentError), f"a target cannot be changed, and execute gave {done.error!r}")
    expect(done.record.steps, "the change failed outside of a step")
    *earlier, last = done.record.steps
    expect(last.target == spoilt.key, f"the last step names {last.target!r}, and {spoilt.key!r} is what failed")
    expect(not last.ended and last.problem.strip(), f"the step that failed is recorded as {last!r}")
    expect(all(step.ended for step in earlier), "a step before the one that failed did not end")
    health = await settled(subject, done)
    expect(health.condition is not Condition.HEALTHY, f"a step failed, and it is called healthy: {health.summary}")


@promise("Cancelled whenever it waits, it ends, and nothing changes later")
async def _(subject: Subject) -> None:
    waits = await _cancelled(subject, None)
    cuts = min(waits, subject.cuts)
    for place in [cut * (waits - 1) // max(cuts - 1, 1) for cut in range(cuts)]:
        await subject.begin()
        await _cancelled(subject, place)


async def _cancelled(subject: Subject, at: int | None) -> int:
    """Execute, cancelled the ``at``-th time that it waits; how often it waited."""
    start, plan = await subject.outside(), await planned(subject)
    before = await in_time(subject.remediation.snapshot(plan), "snapshot")
    execution, tasks, processes = execution_of(new_key()), asyncio.all_tasks(), children()
    with threads() as pool:
        cut = CutShort(subject.remediation.execute(plan, before, execution), at, pool.gate)

        async def run() -> None:
            await cut

        running = asyncio.ensure_future(run())
        await in_time(asyncio.wait({running}), "execute, which was cancelled,")
        when = f"cancelled at wait {at} of execute"
        if cut.was_cut:
            expect(running.cancelled(), f"{when}, it went on: {running!r}")
        elif not running.cancelled() and (problem := running.exception()) is not None:
            raise problem
        expect(not children() - processes, f"{when}, a child process lives on")
        expect(not asyncio.all_tasks() - tasks - {running}, f"{when}, a task goes on: {asyncio.all_tasks() - tasks}")
        then = await subject.outside()
        await pool.ended()
        now = await subject.outside()
        expect(now == then, f"{when}, the system changed later, from {then!r} to {now!r}: a thread went on")
    if cut.was_cut and Ability.ROLL_BACK not in subject.absent:
        done = await recorded(subject, plan, before, execution)
        _, error = await rolled_back(subject, done)
        now = await subject.outside()
        expect(error is None, f"{when}, a rollback gives {error!r}")
        expect(is_back(subject, plan, start, now), f"{when} and rolled back, it was {start!r} and is {now!r}")
    return cut.waits
