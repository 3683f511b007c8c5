"""What a plan is: the same twice, sealed, JSON, within its class, and never about what it must not touch."""

import asyncio
import json
import os
import pickle
import sys
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bot.policy.file.protected import Protected
from bot.policy.plan import Exactness, Plan
from bot.remediation import KnowsTargets, PermanentError, Record
from remediations.testing.life import error_of, from_the_database, in_time, planned, stored
from remediations.testing.promise import expect, promise
from remediations.testing.subject import Ability, Document, Subject

HOSTILE = (
    *("", " ", "*", "?", "%", ".", "..", "../../etc/passwd", "/", "-", "--force", "-rf"),
    *("$(reboot)", "`reboot`", "; reboot", "' OR '1'='1", "${alert.labels.service}", "{{ x }}"),
    *("a\nb", "a\x00b", "\u202ea", "a" * 5000, "::/0", "0.0.0.0/0"),
)
"""Texts that an alert's label could hold, where a parameter is filled from one."""
SEEDS = ("1", "2")
PLANNED_ELSEWHERE = """
import asyncio, pickle, sys
path, make, parameters, about = pickle.load(sys.stdin.buffer)
sys.path[:] = path
async def digest():
    remediation = pickle.loads(make)()
    wanted = remediation.parameters.model_validate(parameters)
    return (await remediation.plan(wanted, pickle.loads(about))).digest
print(asyncio.run(digest()))
"""


@promise("Reading changes nothing")
async def _(subject: Subject) -> None:
    remediation, before = subject.remediation, await subject.outside()

    async def after(method: str) -> None:
        now = await subject.outside()
        expect(now == before, f"{method} has changed the system from {before!r} to {now!r}")

    plan = await planned(subject)
    await after("plan")
    await in_time(remediation.rehearse(plan), "rehearse")
    await after("rehearse")
    snapshot = await in_time(remediation.snapshot(plan), "snapshot")
    await after("snapshot")
    await in_time(remediation.health(plan, Record(snapshot=snapshot)), "health")
    await after("health")
    if isinstance(remediation, KnowsTargets):
        known = await in_time(remediation.targets(), "targets")
        await after("targets")
        unknown = [each.key for each in plan.targets if each.key not in known]
        expect(not unknown, f"targets() does not know {', '.join(unknown)}, which a plan is about")


@promise("The same situation gives the same digest, twice, and made by another process")
async def _(subject: Subject) -> None:
    first, second = await planned(subject), await planned(subject)
    expect(first.digest == second.digest, f"two plans for the same have two digests: {_difference(first, second)}")
    for seed in SEEDS:
        elsewhere = await _planned_elsewhere(subject, seed)
        expect(elsewhere == first.digest, "another process plans it with another digest: it holds a set's order")


@promise("A plan and a snapshot survive the database")
async def _(subject: Subject) -> None:
    plan = await planned(subject)
    for name, value in (("parameters", plan.parameters), *((t.key, [t.state, t.becomes]) for t in plan.targets)):
        _only_json(value, f"the plan's {name}")
    back = Plan.model_validate(from_the_database(plan.model_dump(mode="json")))
    expect(back == plan, f"the plan comes back from the database as another: {_difference(plan, back)}")
    expect(back.digest == plan.digest, "the plan comes back from the database with another digest")
    snapshot = await in_time(subject.remediation.snapshot(plan), "snapshot")
    _only_json(snapshot.state, "the snapshot")
    expect(stored(snapshot) == snapshot, "the snapshot comes back from the database as another")
    compared = subject.remediation.compared(plan, snapshot)
    expect(subject.remediation.compared(plan, stored(snapshot)) == compared, "compared() differs after the database")
    again = await in_time(subject.remediation.snapshot(plan), "snapshot")
    expect(
        subject.remediation.compared(plan, again) == compared,
        "two snapshots of the same differ in what compared() gives: it holds what changes by itself",
    )


@promise("Parameters come back as they were, and a field that is not known is refused")
async def _(subject: Subject) -> None:
    model, document = subject.remediation.parameters, subject.parameters()
    wanted = model.model_validate(document)
    back = model.model_validate(from_the_database(wanted.model_dump(mode="json")))
    expect(back == wanted, f"the parameters come back as {back!r} and were {wanted!r}")
    plan = await planned(subject)
    expect(model.model_validate(plan.parameters) == wanted, "the plan's parameters are not those that it was made of")
    try:
        model.model_validate({**document, "no_such_field": 1})
    except ValidationError:
        return
    expect(False, "a parameter that does not exist is taken: the model must forbid it, as `Parameters` does")


@promise("Hostile parameters are refused, or match nothing, and change nothing")
async def _(subject: Subject) -> None:
    before = await subject.outside()
    for document in (*subject.hostile(), *_hostile(subject)):
        try:
            wanted = subject.remediation.parameters.model_validate(document)
        except ValidationError:
            continue
        plans: list[Plan] = []

        async def plan(wanted: Any = wanted, plans: list[Plan] = plans) -> None:
            plans.append(await subject.remediation.plan(wanted, subject.about()))

        await error_of(plan, f"plan({document!r})")
        expect(not plans or not plans[0].targets, f"{document!r} gives a plan that touches something")
    expect(await subject.outside() == before, "planning with hostile parameters has changed the system")


@promise("A plan's effects are within those of its class, and never empty")
async def _(subject: Subject) -> None:
    plan, allowed = await planned(subject), subject.remediation.effects
    expect(plan.targets, "the situation that the subject begins with has nothing to do: the plan has no targets")
    expect(plan.effects, "the plan has no effects, though it has targets")
    expect(allowed is None or plan.effects <= allowed, f"{set(plan.effects) - set(allowed or ())} is not of the class")
    expect(plan.remediation == subject.name, f"the plan says that {plan.remediation!r} made it")
    expect(plan.version == subject.remediation.version, "the plan's version is not its remediation's")
    expect(plan.summary.strip(), "the plan has no summary")
    expect(plan.service == subject.about().service, f"the plan is of service {plan.service!r}")
    keys = [target.key for target in plan.targets]
    backends = subject.backends()
    expect(len(set(keys)) == len(keys), f"two targets have one key: {keys}")
    expect(all(key.partition(":")[0] in backends for key in keys), f"a key begins with its backend's name: {keys}")
    expect(plan.blast_radius.targets >= len(keys), "the blast radius is smaller than the number of targets")
    undoable = plan.rollback.exactness in {Exactness.EXACT, Exactness.APPROXIMATE}
    declared = Ability.ROLL_BACK not in subject.absent
    expect(undoable == declared, f"the rollback is {plan.rollback.exactness}, and the subject says otherwise")
    several = Ability.SEVERAL not in subject.absent
    expect(several == (len(keys) > 1), f"{len(keys)} target(s), and the subject says otherwise of {Ability.SEVERAL}")
    ends = plan.ends_after_seconds is not None
    expect(not ends or Ability.ENDS not in subject.absent, "it ends by itself: show that it does")


@promise("Where nothing matches, nothing is touched", Ability.NOTHING)
async def _(subject: Subject) -> None:
    found: list[Plan] = []

    async def plan() -> None:
        found.append(await planned(subject, subject.nothing()))

    error = await error_of(plan, "plan")
    expect(error is None or isinstance(error, PermanentError), f"what does not exist is no passing trouble: {error!r}")
    expect(not found or not found[0].targets, f"nothing matches, and the plan touches {found and found[0].targets!r}")


@promise("Too many at once are refused", Ability.TOO_MANY)
async def _(subject: Subject) -> None:
    error = await error_of(lambda: planned(subject, subject.too_many()), "plan")
    expect(isinstance(error, PermanentError), f"too many at once give {error!r}, and must give a PermanentError")


@promise("A target that the policy protects is refused, by its key and by its name")
async def _(subject: Subject) -> None:
    for target in (await planned(subject)).targets:
        for pattern in (target.key, target.label):
            await _refused(subject, Protected(targets=(_literal(pattern),)), pattern)


@promise("A network or an account that the policy protects is refused", Ability.PROTECTED)
async def _(subject: Subject) -> None:
    await _refused(subject, subject.protected(), "what the policy protects")


async def _refused(subject: Subject, protected: Protected, what: str) -> None:
    remediation, about = subject.remediation, subject.about().model_copy(update={"protected": protected})
    wanted = remediation.parameters.model_validate(subject.parameters())
    error = await error_of(lambda: remediation.plan(wanted, about), "plan")
    expect(isinstance(error, PermanentError), f"{what} is protected, and plan gives {error!r}, not a PermanentError")


def _literal(text: str) -> str:
    """As a pattern that matches the text and nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)


async def _planned_elsewhere(subject: Subject, seed: str) -> str:
    given = (sys.path, pickle.dumps(subject.make()), subject.parameters(), pickle.dumps(subject.about()))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PLANNED_ELSEWHERE),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    output, complaint = await process.communicate(pickle.dumps(given))
    expect(process.returncode == 0, f"another process cannot plan it: {complaint.decode()}")
    return output.decode().strip()


def _hostile(subject: Subject) -> Iterator[Document]:
    """The subject's parameters with a hostile text in each field that takes text."""
    document = subject.parameters()
    for name, field in subject.remediation.parameters.model_fields.items():
        if name in subject.free or not _takes_text(field.annotation):
            continue
        for text in HOSTILE:
            yield {**document, name: [text] if isinstance(document.get(name), list | tuple) else text}


def _takes_text(annotation: Any) -> bool:
    if annotation is str:
        return True
    return get_origin(annotation) is not dict and any(_takes_text(each) for each in get_args(annotation))


def _only_json(value: Any, where: str) -> None:
    if isinstance(value, dict):
        expect(all(type(key) is str for key in value), f"{where} has a key that is no text")
        for key, each in value.items():
            _only_json(each, f"{where}, {key}")
    elif isinstance(value, list):
        for each in value:
            _only_json(each, where)
    else:
        plain = value is None or type(value) in {str, int, float, bool}
        expect(plain, f"{where} holds a {type(value).__name__}, which is not JSON: {value!r}")


def _difference(one: BaseModel, other: BaseModel) -> str:
    first, second = one.model_dump(mode="json"), other.model_dump(mode="json")
    return "; ".join(f"{k}: {json.dumps(first[k])} and {json.dumps(second[k])}" for k in first if first[k] != second[k])
