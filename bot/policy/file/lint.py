"""What is allowed in a policy, but will surprise somebody: better now than at 3 a.m."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import takewhile

from bot.policy.conditions import FOR_ALERTS, FOR_CONDITIONS, constant, evaluate
from bot.policy.confidence import Cases, supporting_factor
from bot.policy.file.document import Policy, Runbook
from bot.policy.file.problems import Problem, Weight
from bot.policy.file.source import Mark, Path, Source, dotted
from bot.policy.file.templates import names_in
from bot.policy.levels import Level
from bot.policy.promql import one_text
from bot.policy.situation import GATES_THAT_RUN

Found = tuple[Mark, Path, str, str]
"""Where, what, and what to do about it."""


def lint(policy: Policy, source: Source, now: datetime | None) -> tuple[Problem, ...]:
    """Every warning about a policy without errors; ``source`` is the file it came from."""
    found = [*_people(policy, source), *_budgets(policy, source), *_mutes(policy, source)]
    found += _freezes(policy, source, now)
    found += _own_channel(policy, source)
    found += _second_channel(policy, source)
    for name, runbook in policy.runbooks.items():
        for check in _OF_A_RUNBOOK:
            found += check(policy, source, name, runbook)
    return tuple(
        Problem(mark.line, mark.column, dotted(path), Weight.WARNING, message, remedy)
        for mark, path, message, remedy in dict.fromkeys(found)
    )


def _people(policy: Policy, source: Source) -> Iterator[Found]:
    all_approvals = [policy.approvals_of(name) for name in ("", *policy.runbooks)]
    used = {group for approvals in all_approvals for group in (*approvals.groups, *approvals.escalation)}
    used.update(policy.gates.sign_off)
    for name in policy.people:
        if name not in used:
            path = ("people", name)
            told = f"group {name!r} approves nothing: its members may only stop, pause, take, review and ask"
            yield source.key_at(path), path, told, "name it in an `approvals.from`, or leave it if that is meant"


def _own_channel(policy: Policy, source: Source) -> Iterator[Found]:
    own = policy.channels.own_channel
    if own is None:
        return
    asked = {group for name in ("", *policy.runbooks) for group in policy.approvals_of(name).groups}
    if missing := sorted(asked - set(own.invite)):
        path = ("channels", "own_channel")
        told = f"whoever may approve but is not invited has to find the channel: {', '.join(missing)}"
        yield source.key_at(path), path, told, "name them in `invite`, or leave it if they join by themselves"


def _budgets(policy: Policy, source: Source) -> Iterator[Found]:
    if not policy.budgets and policy.runbooks:
        told = "there are no budgets: nothing limits how often Watchkeeper acts"
        yield Mark(1, 1), ("budgets",), told, "add `budgets: [{scope: all, actions: 20, per: 1h}]`"


def _mutes(policy: Policy, source: Source) -> Iterator[Found]:
    for index, mute in enumerate(policy.mute):
        value, path = constant(mute.when, FOR_ALERTS), ("mute", index, "when")
        if value is True:
            yield source.value_at(path), path, "this mutes every alert: nobody is told of anything", "narrow `when`"
        if value is False:
            yield source.value_at(path), path, "this never mutes anything: `when` is always false", "correct `when`"


def _freezes(policy: Policy, source: Source, now: datetime | None) -> Iterator[Found]:
    for index, freeze in enumerate(policy.freezes):
        if now is not None and freeze.until <= now:
            path = ("freezes", index, "until")
            told = f"the freeze {freeze.name!r} is over since {freeze.until:%Y-%m-%d %H:%M %Z}"
            yield source.value_at(path), path, told, "remove it, or correct the year"


def _second_channel(policy: Policy, source: Source) -> Iterator[Found]:
    channel = policy.second_channel
    if channel is not None and channel.links is None:
        path = ("second_channel",)
        told = "its messages cannot offer to stop or pause: there is no `links`"
        yield source.key_at(path), path, told, "add `links: {base_url: https://...}`, where people reach this listener"


def _reachable(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    path = ("runbooks", name, "when")
    if constant(runbook.when, FOR_ALERTS) is False:
        yield source.value_at(path), path, f"{name!r} can never match: its `when` is always false", "correct `when`"
        return
    for earlier, other in takewhile(lambda entry: entry[0] != name, policy.runbooks.items()):
        if constant(other.when, FOR_ALERTS) is True or _conjuncts(other.when) <= _conjuncts(runbook.when):
            told = f"{name!r} can never match: whatever it is for matches {earlier!r} first"
            yield (
                source.value_at(path),
                path,
                told,
                f"move {name!r} above {earlier!r}: the first match in the file wins",
            )
            return


def _conjuncts(when: str) -> frozenset[str]:
    """The parts of ``a && b``, each of which must be true; anything more involved is one part."""
    involved = any(character in when for character in "|?()")
    return frozenset(" ".join(part.split()) for part in ([when] if involved else when.split("&&")))


def _level(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    path, levels = ("runbooks", name, "level"), policy.levels
    if runbook.level > levels.highest:
        told = f"{name!r} is written for {runbook.level}, but the organisation's highest level is {levels.highest}"
        yield source.value_at(path), path, told, f"it runs at {levels.highest}; write that, or raise levels.highest"
    if runbook.level < levels.lowest:
        told = f"{name!r} is written for {runbook.level}, below the organisation's lowest level {levels.lowest}"
        yield source.value_at(path), path, told, f"write {levels.lowest} or higher, or lower levels.lowest"


def _licence(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    if runbook.level < Level.L2:
        return
    path = ("runbooks", name)
    if runbook.staging is None:
        told = f"{name!r} can never earn {runbook.level}: without `staging` its gates cannot be run, so it stays at L1"
        yield source.key_at(path), path, told, "add `staging: {with: {...}, inject: kill}`; there is no waiver"
    else:
        merged = runbook.parameters | runbook.staging.parameters
        waiting = [key for key, value in merged.items() if names_in(value)]
        if waiting:
            told = f"in staging there is no alert to fill {', '.join(waiting)} of {name!r}"
            at = (*path, "staging")
            yield source.key_at(at), at, told, f"give {', '.join(waiting)} a fixed value in `staging.with`"
    if not runbook.evidence:
        told = f"{name!r} has no evidence, so its confidence is always below the floor: it will only ever ask"
        yield (
            source.key_at(path),
            path,
            told,
            "add `evidence:` with a PromQL query that is true while the trouble lasts",
        )
    yield from _cases(policy, source, name, runbook)


def _cases(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    """What the gates alone can never reach, however well they go: it is for people to know that, not an error."""
    escalate, queries = policy.escalate, {one_text(query) for query in runbook.evidence.values()}
    if not queries:
        return
    path, gates = ("escalate", "confidence_below"), Cases(staging_worked=len(GATES_THAT_RUN))
    most = supporting_factor(len(queries))
    best, floor = round(most * gates.posterior.mean, 4), escalate.confidence_below
    if most <= floor:
        told = f"the confidence of {name!r} stays below {most:g}, whatever its cases, and the floor is {floor:g}"
        yield source.value_at(path), path, told, "it will only ever ask; add evidence, or write a lower floor"
    elif best < floor:
        told = f"with its gates alone {name!r} has a confidence of {best:g}, below {floor:g}"
        remedy = "it will ask until it has worked often enough in production; add evidence, or write a lower floor"
        yield source.value_at(path), path, told, remedy
    for number, condition in enumerate(runbook.conditions):
        if "confidence" not in condition:
            continue
        at = ("runbooks", name, "conditions", number)
        if _fails_below(condition, most):
            told = f"{condition!r} never holds: the confidence of {name!r} stays below {most:g}, whatever its cases"
            yield source.value_at(at), at, told, "it will only ever ask; add evidence, or ask for less"
        elif _fails_below(condition, best):
            told = f"{condition!r} does not hold with the gates of {name!r} alone, which give a confidence of {best:g}"
            yield source.value_at(at), at, told, "it will ask until it has worked often enough in production"
    path = ("escalate", "cases_below")
    if gates.count < escalate.cases_below:
        told = f"the gates of {name!r} are {gates.count} cases, fewer than the {escalate.cases_below} it needs"
        yield source.value_at(path), path, told, "it will ask until it has run often enough in production"


def _fails_below(condition: str, most: float) -> bool:
    """Whether a condition is false for every confidence below ``most``, whatever else is the case."""
    scores = [most * 0.9999, *(hundredth / 100 for hundredth in range(100) if hundredth / 100 < most)]
    return all(evaluate(condition, {"confidence": score}, FOR_CONDITIONS).holds is False for score in scores)


def _sign_off(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    """Above L1 somebody who has not written it must answer for it."""
    if runbook.level < Level.L2:
        return
    path = ("runbooks", name)
    if runbook.authors is None:
        told = f"{name!r} can never earn {runbook.level}: it does not say who wrote it, so nobody can sign it off"
        yield source.key_at(path), path, told, "add `authors: [...]` with the Slack user ids of who wrote it"
    groups = [policy.people[group] for group in policy.gates.sign_off]
    if not groups:
        told = f"{name!r} can never earn {runbook.level}: `gates.sign_off` names nobody who may sign it off"
        yield source.key_at(path), path, told, "add `gates: {sign_off: [group]}` with a group from `people`"
    elif all(group.usergroup is None and set(group.users) <= set(runbook.authors or ()) for group in groups):
        told = f"{name!r} can never earn {runbook.level}: whoever may sign off has written it"
        yield source.key_at(path), path, told, "name a group in `gates.sign_off` with somebody else in it"


def _conditions(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    path = ("runbooks", name, "conditions")
    if runbook.level is Level.L2 and not runbook.conditions:
        told = f"{name!r} is conditional (L2) without conditions: it acts at once, without a veto window"
        yield source.key_at(path), path, told, "add `conditions:`, or write L3 to have a veto window"
    if runbook.level < Level.L2 and runbook.conditions:
        told = f"the conditions of {name!r} are judged before it acts by itself, and {runbook.level} never does"
        yield source.key_at(path), path, told, "remove them, or write L2 or L3"


def _veto_window(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    if runbook.level is Level.L3 and not policy.veto_window_of(name):
        own = runbook.veto_window is not None
        path = ("runbooks", name, "veto_window") if own else ("defaults", "veto_window")
        told = f"nobody can stop {name!r} before it starts: its veto window is 0"
        remedy = "write some time; zero works only with an exact rollback and one target, else it asks"
        yield source.value_at(path), path, told, remedy


def _approvers(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    approvals = policy.approvals_of(name)
    groups = [policy.people[group] for group in approvals.groups]
    if any(group.usergroup is not None for group in groups):
        return  # only Slack knows how many they are
    persons = {user for group in groups for user in group.users}
    own = runbook.approvals is not None
    path: Path = ("runbooks", name, "approvals") if own else ("defaults", "approvals")
    subject = f"{name!r}" if own else "every runbook with the default approvals"
    if len(persons) < approvals.needed:
        told = f"{subject} needs {approvals.needed} approvals, but its approvers are only {len(persons)} in all"
        yield source.key_at(path), path, told, "name more people, or lower `needed`"
    elif len(persons) == approvals.needed:
        told = f"{subject} needs every one of its approvers ({approvals.needed}); a request of one of them cannot pass"
        yield source.key_at(path), path, told, "name more people: the requester's own vote does not count"


def _escalation(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    """A chain that hands over to nobody new, was lost unnoticed, or lets everybody sleep."""
    approvals = policy.approvals_of(name)
    own = runbook.approvals is not None
    path: Path = ("runbooks", name, "approvals") if own else ("defaults", "approvals")
    subject = f"{name!r}" if own else "every runbook with the default approvals"
    for index, group in enumerate(approvals.escalation):
        if group in approvals.groups or group in approvals.escalation[:index]:
            at = (*path, "escalation", index)
            told = f"{group!r} has been asked already by then"
            yield source.value_at(at), at, told, "remove it, or name another group"
    lost = set(policy.defaults.approvals.escalation) - set(approvals.groups)
    if own and lost and not approvals.escalation:
        told = f"the own approvals of {name!r} replace the defaults, escalation included: nobody is asked next"
        yield source.key_at(path), path, told, "add `escalation:`, or leave it if that is meant"
    asked = {*approvals.groups, *approvals.escalation}
    if asked and all(policy.people[group].quiet_hours is not None for group in asked):
        told = f"everybody whom {subject} asks has quiet hours: when they overlap, nobody is called"
        yield source.key_at(path), path, told, "end `escalation` with a group that can always be called"


def _fleet(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    if runbook.blast_radius.share is None:
        return
    unknown = [service for service, entry in policy.services.items() if entry.fleet is None]
    if unknown or not policy.services:
        path = ("runbooks", name, "blast_radius", "share")
        whose = ", ".join(unknown) or "any service"
        told = f"{name!r} bounds the share of the fleet, but the fleet of {whose} is unknown: there it will only ask"
        yield source.value_at(path), path, told, "write `fleet:` (number of instances) for the services it may touch"


def _grouping(policy: Policy, source: Source, name: str, runbook: Runbook) -> Iterator[Found]:
    """Alerts about different things that become one incident, of which the runbook acts on one at a time."""
    names = sorted(names_in(runbook.parameters))
    labels = [_LABEL_OF.get(each, each.removeprefix("alert.labels.")) for each in names]
    lacking = [label for label in labels if label not in policy.group_by and not label.startswith("alert.")]
    if lacking:
        path = ("runbooks", name, "with")
        told = f"alerts that differ in {', '.join(lacking)} become one incident, but {name!r} acts for one of them"
        remedy = f"add {', '.join(lacking)} to `group_by`, so that each gets an incident of its own"
        yield source.value_at(path), path, told, remedy


_LABEL_OF = {"alert.service": "service", "alert.name": "alertname", "alert.severity": "severity"}
"""Which label tells what an alert is about."""

_OF_A_RUNBOOK: tuple[Callable[[Policy, Source, str, Runbook], Iterator[Found]], ...] = (
    _reachable,
    _level,
    _licence,
    _sign_off,
    _conditions,
    _veto_window,
    _approvers,
    _escalation,
    _fleet,
    _grouping,
)
