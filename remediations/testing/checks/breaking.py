"""What becomes of it when its system is broken: the right error, in time, and nothing changed."""

from bot.remediation import Condition, PermanentError, Record, RemediationError, TemporaryError
from remediations.testing.life import error_of, execution_of, in_time, new_key, planned
from remediations.testing.promise import expect, promise
from remediations.testing.subject import Ability, Subject

SENTENCES = {
    Ability.REFUSED: "A system that refuses us is an error for a person to mend",
    Ability.DEAD: "A system that nobody answers for is a temporary error",
    Ability.SLOW: "A system that never answers is a temporary error, in time",
    Ability.LYING: "A system that answers something else is an error for a person to mend",
    Ability.HALF: "A system that breaks off in the middle is a temporary error",
    Ability.LIMITED: "A system that asks for patience (429) is a temporary error",
    Ability.CONFLICT: "A change that meets another (409) is an error of the contract",
}
TEMPORARY = frozenset({Ability.DEAD, Ability.SLOW, Ability.HALF, Ability.LIMITED})


def _breaks(how: Ability) -> None:
    @promise(SENTENCES[how], how)
    async def _(subject: Subject) -> None:
        await _broken(subject, how)


for _how in SENTENCES:
    _breaks(_how)


async def _broken(subject: Subject, how: Ability) -> None:
    wanted = subject.remediation.parameters.model_validate(subject.parameters())
    plan = await planned(subject)
    snapshot = await in_time(subject.remediation.snapshot(plan), "snapshot")
    before = await subject.outside()
    async with subject.broken(how) as broken:
        reading = {
            "plan": await error_of(lambda: broken.plan(wanted, subject.about()), "plan"),
            "rehearse": await error_of(lambda: broken.rehearse(plan), "rehearse"),
            "snapshot": await error_of(lambda: broken.snapshot(plan), "snapshot"),
        }
        health = await in_time(broken.health(plan, Record(snapshot=snapshot)), "health")
        execution = execution_of(new_key(), patient=False)
        error = await error_of(lambda: broken.execute(plan, snapshot, execution), "execute")
    _reading(how, reading)
    if how not in {Ability.REFUSED, Ability.CONFLICT}:
        expect(health.condition is Condition.UNKNOWN, f"the system cannot be asked, and health says {health.condition}")
        expect(health.summary.strip(), "health does not say why it is unknown")
    expect(error is not None, "the system is broken, and execute succeeds")
    begun = bool(execution.steps)
    expect(not (begun and isinstance(error, TemporaryError)), f"a step has begun, and it gives {error!r}")
    if not begun and how in TEMPORARY:
        expect(isinstance(error, TemporaryError), f"nothing was begun, and execute gives {error!r}: it is temporary")
    expect(all(step.problem or step.ended for step in execution.steps), "a step failed without a problem on record")
    now = await subject.outside()
    expect(now == before, f"the system was broken, and it changed from {before!r} to {now!r}")


def _reading(how: Ability, found: dict[str, RemediationError | None]) -> None:
    if how is Ability.CONFLICT:
        return
    if how is Ability.REFUSED:
        errors = [error for error in found.values() if error is not None]
        expect(errors, "we are refused, and neither plan nor rehearse nor snapshot tells: rehearse must find it out")
        lasting = all(isinstance(error, PermanentError) for error in errors)
        expect(lasting, f"to be refused does not pass by itself: {errors}")
        return
    kind = TemporaryError if how in TEMPORARY else PermanentError
    for method, error in found.items():
        expect(isinstance(error, kind), f"{method} gives {error!r}, and must give a {kind.__name__}")
        if isinstance(error, TemporaryError):
            expect(error.retry_after > 0, f"{method} says to try again after {error.retry_after} s")
