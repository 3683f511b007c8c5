"""What a rollback does: no more and no less than it was planned to, and never over somebody's work."""

from bot.policy.plan import Exactness
from bot.remediation import Condition, HaltedError, MovedOnError, Record, Snapshot
from remediations.testing.life import (
    Done,
    carried_out,
    error_of,
    execution_of,
    in_time,
    is_back,
    new_key,
    planned,
    rolled_back,
    settled,
    succeeded,
)
from remediations.testing.promise import BrokenPromiseError, expect, promise
from remediations.testing.subject import Ability, Subject


@promise("Rolled back, it is as it was; exactly so, where the plan says exact; and twice is safe", Ability.ROLL_BACK)
async def _(subject: Subject) -> None:
    before = await subject.outside()
    done = await succeeded(subject)
    changed = await subject.outside()
    expect(changed != before, "from outside, execute has changed nothing: outside() must show what it changes")
    report, error = await rolled_back(subject, done)
    expect(error is None and report is not None and report.summary.strip(), f"the rollback gives {error!r}")
    now = await subject.outside()
    expect(is_back(subject, done.plan, before, now), f"it was {before!r}, and rolled back it is {now!r}")
    await rolled_back(subject, done)
    again = await subject.outside()
    expect(is_back(subject, done.plan, now, again), f"rolled back twice, it went from {now!r} to {again!r}")


@promise("Rolled back though nothing was done, nothing changes", Ability.ROLL_BACK)
async def _(subject: Subject) -> None:
    before, plan = await subject.outside(), await planned(subject)
    snapshot = await in_time(subject.remediation.snapshot(plan), "snapshot")
    for after in (None, snapshot):
        await rolled_back(subject, Done(plan, Record(snapshot=snapshot, after=after), None))
        now = await subject.outside()
        expect(now == before, f"nothing was executed, and the rollback changed the system from {before!r} to {now!r}")


@promise("Stopped half-way and rolled back, it is as it was", Ability.ROLL_BACK)
async def _(subject: Subject) -> None:
    steps = (await succeeded(subject)).steps
    for k in range(steps):
        await subject.begin()
        before = await subject.outside()
        done = await carried_out(subject, halt_before=k)
        for time in ("once", "twice"):
            _, error = await rolled_back(subject, done)
            now = await subject.outside()
            expect(error is None or time == "twice", f"stopped before step {k + 1}, the rollback gives {error!r}")
            same = is_back(subject, done.plan, before, now)
            expect(same, f"stopped before step {k + 1} and rolled back {time}, it was {before!r} and is {now!r}")


@promise("A rollback can be stopped before every step, and goes on when it is tried again", Ability.ROLL_BACK)
async def _(subject: Subject) -> None:
    steps, k = 1, 0
    while k < steps:
        await subject.begin()
        before, done = await subject.outside(), await succeeded(subject)
        halted, again = execution_of(new_key(), halt_before=k), execution_of(new_key())
        try:
            await in_time(subject.remediation.roll_back(done.plan, done.record, halted), "roll_back")
        except HaltedError:
            expect(len(halted.steps) == k, f"stopped before step {k + 1}, a rollback took {len(halted.steps)}")
        else:
            raise BrokenPromiseError(f"stopped before step {k + 1}, a rollback goes on: put each change into a step")
        await in_time(subject.remediation.roll_back(done.plan, done.record, again), "roll_back")
        now = await subject.outside()
        same = is_back(subject, done.plan, before, now)
        expect(same, f"a rollback was stopped before step {k + 1} and tried again: it was {before!r} and is {now!r}")
        steps, k = max(steps, len(again.steps)), k + 1


@promise("What somebody has changed since is seen, and not overwritten", Ability.ROLL_BACK, Ability.MOVED_ON)
async def _(subject: Subject) -> None:
    done = await succeeded(subject)
    await subject.moved_on(done.plan.targets[0])
    moved, remediation = await subject.outside(), subject.remediation
    seen: list[Snapshot] = []

    async def look() -> None:
        seen.append(await remediation.snapshot(done.plan))

    await error_of(look, "snapshot")  # what keeps it from being seen keeps the flow from overwriting it, too
    if seen and done.record.after is not None:
        then, now = (remediation.compared(done.plan, each) for each in (done.record.after, seen[0]))
        expect(then != now, "somebody has changed a target, and compared() gives the same as before")
    _, error = await rolled_back(subject, done)
    now = await subject.outside()
    expect(now == moved, f"somebody had changed the target to {moved!r}, and the rollback made {now!r} of it")
    expect(isinstance(error, MovedOnError), f"somebody has changed the target, and the rollback gives {error!r}")


@promise(
    "A target that was not touched is left as somebody has made it since",
    *(Ability.ROLL_BACK, Ability.MOVED_ON, Ability.SEVERAL),
)
async def _(subject: Subject) -> None:
    untouched = (await planned(subject)).targets[-1]
    await subject.moved_on(untouched)
    expected = await subject.outside()
    await subject.begin()
    plan = await planned(subject)
    done = await carried_out(subject, plan, halt_before=1)
    expect(untouched.key not in done.record.touched, "the first step names the last target of the plan")
    await subject.moved_on(untouched)
    await rolled_back(subject, done)
    now = await subject.outside()
    expect(now == expected, f"only what was touched is restored: expected {expected!r}, found {now!r}")


@promise("What the system does by itself is not taken for somebody's work", Ability.BY_ITSELF)
async def _(subject: Subject) -> None:
    done = await succeeded(subject)
    await subject.by_itself(done.plan.targets[0])
    snapshot = await in_time(subject.remediation.snapshot(done.plan), "snapshot")
    then, now = (subject.remediation.compared(done.plan, each) for each in (done.record.after or snapshot, snapshot))
    expect(then == now, f"the system did what it does, and compared() went from {then!r} to {now!r}")


@promise("Where there is nothing to roll back, doing it again is harmless", unless=(Ability.ROLL_BACK,))
async def _(subject: Subject) -> None:
    done = await succeeded(subject)
    if done.plan.rollback.exactness is Exactness.NONE:
        return  # it is irreversible, and two people have to agree
    expect(subject.remediation.repeatable, "there is nothing to undo, so it may be done again: say `repeatable = True`")
    again = await succeeded(subject)
    health = await settled(subject, again)
    expect(health.condition is Condition.HEALTHY and await subject.works(), f"done again, it is {health.summary}")
