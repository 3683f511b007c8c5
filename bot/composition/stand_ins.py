"""Stand-ins for what is not there when it is foretold what would be done: systems, monitoring, people, the database.

None of them knows anything, so each answers as nothing real could answer better: a plan of one target that can be
rolled back exactly, evidence that supports, a runbook that has always worked. What is objected to all the same is
certain; what then has no objection is not known, and never a reason to act.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn

from bot.policy.conditions import FOR_CONDITIONS, condition_variables, evaluate
from bot.policy.confidence import Confidence
from bot.policy.evidence import Answer, Evidence, Finding
from bot.policy.file.document import Policy
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Remaining, Rollback, Target
from bot.policy.rules.forbidden import FORBIDDEN
from bot.policy.rules.matching import Matched
from bot.policy.situation import Evidenced, Planned, Situation
from bot.policy.track_record import Ending, PastCase
from bot.remediation import About, Parameters
from remediations.capability import RemediationClass
from remediations.catalogue import capabilities

ALWAYS_WORKED = 1000
"""Cases of a runbook of which nothing is known; more would make nobody surer."""
UNNAMED = "?"
"""Key of a target that nobody has resolved."""


class Source(StrEnum):
    """Where something that a decision rests on comes from."""

    PLAN = "the plan"
    """What the systems themselves show, from which a plan is made."""
    MONITORING = "monitoring"
    DATABASE = "the database"
    """Pauses, gates, the ledger, earlier cases, what else is open."""


_PLAN, _MONITORING, _DATABASE = Source.PLAN, Source.MONITORING, Source.DATABASE
RESTS_ON: Mapping[str, tuple[Source, ...]] = {
    "runbook": (),
    "plan": (_PLAN,),
    "controls": (_DATABASE, _PLAN),
    "changes": (_DATABASE, _PLAN),
    "oversight": (_PLAN,),
    "targets": (_PLAN,),
    "blast_radius": (_PLAN,),
    "leave_healthy": (_PLAN, _DATABASE),
    "forbidden_effects": (_PLAN,),
    "cautions": (_PLAN,),
    "memory": (_DATABASE,),
    "again": (_DATABASE, _PLAN),
    "alerts": (),
    "request": (),
    "confidence": (_MONITORING, _DATABASE),
    "billing": (_PLAN,),
    "data_integrity": (_PLAN,),
    "slo_burn": (_MONITORING, _PLAN),
    "security": (),
    "budgets": (_DATABASE, _PLAN),
    "notification": (),
    "licence": (_DATABASE,),
    "cases": (_DATABASE,),
    "common_cause": (_DATABASE, _MONITORING),
    "conditions": (_PLAN, _MONITORING, _DATABASE),
    "veto_window": (_PLAN,),
    "level": (_DATABASE,),
}
"""What each rule of the decision reads beside the policy, the alerts and the clock."""


_READS: Mapping[str, set[Source]] = {
    "confidence": {_MONITORING, _DATABASE},
    "recent_failures": {_DATABASE},
    "slo_burn": {_MONITORING, _PLAN},
    "targets": {_PLAN},
    "share": {_PLAN},
}
"""What each variable of a condition comes from, beside the alerts and the clock."""


class StandInMonitor:
    """Is asked in place of Prometheus, and answers as well as any monitor could."""

    def __init__(self, policy: Policy) -> None:
        self._burns = {entry.slo_burn for entry in policy.services.values()}
        self._least = "0" if policy.escalate.slo_burn_above == 0 else "1e-9"  # not 0: it may be evidence as well

    async def ask(self, queries: Collection[str]) -> Mapping[str, Answer]:
        """Every piece of evidence supports the alert, and no error budget burns."""
        return {query: Answer(samples=(self._least if query in self._burns else "1",)) for query in queries}

    async def healthy(self, promql: str | None, url: str | None) -> Evidence:
        """Nothing is verified here."""
        return Evidence(name="verify", query=promql or url or "", finding=Finding.UNKNOWN, detail="it was not asked")


class NamedPeople:
    """Who is in a group, as far as the policy says it; a user group of Slack counts as somebody."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def members(self, groups: Sequence[str], *, sure_of: Collection[str] = ()) -> tuple[str, ...]:
        """The user ids that the policy writes, and in place of those in a user group its own id."""
        known = [self._policy.people[group] for group in groups if group in self._policy.people]
        named = {person for group in known for person in (*group.users, *filter(None, (group.usergroup,)))}
        return tuple(sorted(named))

    def forget(self, usergroup: str) -> None:
        """Nothing is remembered."""


class NoDatabase:
    """Stands where a database would: foretelling asks nothing of it and changes nothing in it."""

    def begin(self) -> AbstractAsyncContextManager[Any]:
        """No transaction begins here."""
        _refuse()

    def read(self) -> AbstractAsyncContextManager[Any]:
        """Nothing is read here."""
        _refuse()


class StandInRemediation:
    """Plans in place of a real one: as little as a plan of it can be, and asks no system."""

    def __init__(self, real: RemediationClass) -> None:
        self.name: Any = real.name
        self.title: Any = real.title
        self.version: Any = getattr(real, "version", 1)
        self.parameters: Any = real.parameters
        self.effects: Any = real.effects

    async def plan(self, parameters: Parameters, about: About) -> Plan:
        """One target, and no effect that calls people unless every effect of it does."""
        return Plan(
            remediation=self.name,
            summary=self.title,
            service=about.service,
            targets=(Target(key=UNNAMED, label=UNNAMED),),
            effects=frozenset({_mildest(self.effects)}),
            blast_radius=BlastRadius(targets=1, share=0.0),
            rollback=Rollback(summary="as before", exactness=Exactness.EXACT),
            touches_service=bool(about.service),
            remaining=Remaining(healthy=0, total=0, taken=0),
        )


def stand_in_catalogue() -> dict[str, Any]:
    """Every remediation there is, each with a stand-in: connects to nothing, and reads no credential.

    Raises:
        PluginError: a plugin cannot be used.
    """
    return {each.remediation.name: StandInRemediation(each.remediation) for each in capabilities()}


@dataclass(frozen=True, slots=True)
class KnownConditions:
    """The policy with those conditions of one runbook that can be judged, and the others."""

    policy: Policy
    left_open: tuple[str, ...] = ()
    """As they are written: what they read is not known."""


def known_conditions(
    policy: Policy, situation: Situation, matched: Matched, unknown: Collection[Source]
) -> KnownConditions:
    """Leave out the conditions that a stand-in's answer would decide: only they can fail for being answered well."""
    name = matched.runbook
    plan = situation.plans.get(name or "", Planned()).plan
    if name is None or plan is None or not unknown:
        return KnownConditions(policy)
    sure = Confidence(score=1.0, text="", recent_failures=0, parts=(), lower=1.0)
    kept: list[str] = []
    for text in policy.runbooks[name].conditions:
        answers = set[bool | None]()
        for place in matched.filling:
            variables = condition_variables(situation, situation.alerts[place], plan, sure, None)
            known = {key: value for key, value in variables.items() if not _READS.get(key, set()) & set(unknown)}
            answers.add(evaluate(text, known, FOR_CONDITIONS).holds)
        if False in answers or answers == {True}:
            kept.append(text)
    written = policy.runbooks[name]
    judged = written.model_copy(update={"conditions": tuple(kept)})
    left_open = tuple(text for text in written.conditions if text not in kept)
    return KnownConditions(policy.model_copy(update={"runbooks": policy.runbooks | {name: judged}}), left_open)


def always_worked(policy: Policy, kinds: Collection[str], now: datetime) -> Evidenced:
    """What is on record of a runbook at best: more cases than the policy asks for on each kind of alert, all good."""
    count = max(ALWAYS_WORKED, policy.escalate.cases_below)
    return Evidenced(cases=tuple(_cases(kinds, count, now)))


def _cases(kinds: Collection[str], count: int, now: datetime) -> Iterator[PastCase]:
    for kind in sorted(kinds):
        case = PastCase(key="stand-in", alert=kind, ending=Ending.VERIFIED, at=now)
        yield from (case,) * count


def _mildest(effects: frozenset[Effect] | None) -> Effect:
    """The effect that is objected to least; where a class cannot know what it does, the policy says it."""
    costly = {Effect.BILLING, Effect.DATA_INTEGRITY}
    every = effects or frozenset({Effect.RESTART})
    return min(every, key=lambda effect: (effect in FORBIDDEN, effect in costly, effect))


def _refuse() -> NoReturn:
    raise RuntimeError("what is foretold without a database asked one: give it a stand-in's answer")
