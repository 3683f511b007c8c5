"""What must hold beside a single act: secrets, what ends by itself, staging, and plans of older versions."""

import asyncio
from functools import partial

from bot.policy.plan import Exactness
from bot.remediation import Condition, PermanentError
from remediations.testing import golden
from remediations.testing.life import (
    POLL_SECONDS,
    SETTLED_WITHIN_SECONDS,
    Done,
    carried_out,
    error_of,
    in_time,
    is_back,
    planned,
    rolled_back,
    settled,
    succeeded,
)
from remediations.testing.observing import Leaks, searching
from remediations.testing.promise import BrokenPromiseError, expect, promise
from remediations.testing.subject import BREAKAGES, Ability, Subject


@promise("A secret appears in no text, no log and no child process", Ability.CANARY)
async def _(subject: Subject) -> None:
    expect(len(subject.canary) >= 12, "the canary is too short to be told from other words")
    with searching(subject.canary) as leaks:
        leaks.search(subject.backends(), "backends(), which is what the policy says: name the secret there")
        done = await succeeded(subject)
        leaks.search(repr(subject.remediation) + str(vars(subject.remediation)), "the remediation's repr")
        _search(leaks, done)
        if Ability.ROLL_BACK not in subject.absent:
            leaks.search(await rolled_back(subject, done), "the rollback's report")
        for how in sorted(BREAKAGES - subject.absent.keys()):
            await subject.begin()
            await _broken(subject, how, leaks)
    expect(not leaks.places, f"the secret appears in {'; '.join(leaks.places)}")


def _search(leaks: Leaks, done: Done) -> None:
    leaks.search(done.plan.model_dump_json(), "the plan")
    leaks.search(done.record.model_dump_json(), "the record: a snapshot, a step or the report")


async def _broken(subject: Subject, how: Ability, leaks: Leaks) -> None:
    wanted = subject.remediation.parameters.model_validate(subject.parameters())
    async with subject.broken(how) as broken:
        error: BaseException | None = await error_of(lambda: broken.plan(wanted, subject.about()), "plan")
        leaks.search(vars(broken), "the remediation's repr")
        while error is not None:  # a log shows the causes, too
            leaks.search(f"{error!r} {error}", f"an error while the system is {how}")
            error = error.__cause__ or error.__context__


@promise("What is to end by itself ends", Ability.ENDS)
async def _(subject: Subject) -> None:
    before = await subject.outside()
    done = await carried_out(subject, await planned(subject, subject.ends()))
    expect(done.error is None, f"execute gives {done.error!r}")
    expect(done.plan.ends_after_seconds is not None, "the plan does not say when it ends: `ends_after_seconds`")
    try:
        async with asyncio.timeout(SETTLED_WITHIN_SECONDS + (done.plan.ends_after_seconds or 0)):
            while await subject.outside() != before:  # noqa: ASYNC110  # nobody tells when it ends
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise BrokenPromiseError(f"it does not end by itself: there is {await subject.outside()!r} still") from None
    if Ability.ROLL_BACK not in subject.absent:
        _, error = await rolled_back(subject, done)
        now = await subject.outside()
        expect(now == before, f"it had ended, and a rollback ({error!r}) made {now!r} of {before!r}")


@promise("Faults are injected on staging only, and mended again", Ability.STAGING)
async def _(subject: Subject) -> None:
    fault, staging, production = subject.staging()
    before = await subject.outside()
    backend = subject.backend()
    expect(fault in backend.faults, f"{fault!r} is not among the faults of {backend.kind}: {', '.join(backend.faults)}")
    for target, kind in ((production, fault), (staging, "no-such-fault")):
        error = await error_of(partial(backend.inject, kind, target), "inject")
        expect(isinstance(error, PermanentError), f"inject({kind!r}, {target!r}) gives {error!r}, and must be refused")
        expect(await subject.outside() == before, f"inject({kind!r}, {target!r}) was refused, and changed the system")
    await in_time(backend.inject(fault, staging), "inject")
    expect(await subject.outside() != before, f"inject({fault!r}, {staging!r}) changes nothing")
    for _ in ("once", "twice"):
        await in_time(backend.mend(fault, staging), "mend")
        now = await subject.outside()
        expect(subject.same(before, now), f"mended, it was {before!r} and is {now!r}")


@promise("Plans of every version can still be rolled back, or verified", Ability.GOLDEN)
async def _(subject: Subject) -> None:
    version = subject.remediation.version
    if golden.write_missing and version not in golden.documents(subject):
        golden.write(subject, await succeeded(subject))
    stored = golden.documents(subject)
    expect(version in stored, f"no plan of version {version} is in {subject.golden}: run `pytest --write-golden`")
    for number in sorted(stored):
        await subject.begin()
        before = await subject.outside()
        now = await succeeded(subject)
        done = golden.read(subject, stored[number])
        said = f"the stored plan of version {number}"
        expect(done.plan.digest == stored[number]["digest"] or subject.volatile(), f"{said} has another digest now")
        if done.plan.rollback.exactness in {Exactness.EXACT, Exactness.APPROXIMATE}:
            _, error = await rolled_back(subject, done)
            back = await subject.outside()
            expect(error is None, f"{said} cannot be rolled back: {error!r}")
            expect(is_back(subject, now.plan, before, back), f"{said}, rolled back, makes {back!r} of {before!r}")
        else:
            health = await settled(subject, done)
            expect(health.condition is Condition.HEALTHY, f"{said} is verified as {health.condition}: {health.summary}")
