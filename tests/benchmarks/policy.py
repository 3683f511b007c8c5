"""How fast stored situations are judged again: ``python -m tests.benchmarks.policy [number of situations]``.

Each is three alerts under the example policy, read from the text it was sealed with: its seal is checked, it is parsed
and decided, in two processes. A thousand different ones are judged again and again. Beside every time stands that of a
bare ``json.loads`` of the same texts in the same processes: what the machine itself costs.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

from bot.policy.decide import decide
from bot.policy.evidence import Answer
from bot.policy.file.document import Policy
from bot.policy.file.loading import load_policy
from bot.policy.plan import BlastRadius, Effect, Exactness, Plan, Rollback, Target
from bot.policy.rules.matching import match_incident
from bot.policy.situation import (
    AlertFacts,
    Evidenced,
    Gate,
    GatePass,
    History,
    LedgerEntry,
    Notification,
    Oversight,
    PastAction,
    Planned,
    Situation,
)
from bot.policy.stored import read_situation, sealed

EXAMPLE = Path(__file__).parents[2] / "docs" / "policy.example.yml"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PROCESSES = 2
DIFFERENT = 1_000
SITUATIONS = 100_000

Stored = tuple[str, str]
"""The text of a situation, and its seal."""


@dataclass
class Times:
    """Seconds of CPU spent on each step by one process, and what was decided."""

    reading: float = 0.0
    deciding: float = 0.0
    matching: float = 0.0
    """A part of deciding, measured once more by itself."""
    bare: float = 0.0
    """``json.loads`` alone."""
    verdicts: Counter[str] = field(default_factory=Counter)


def policy() -> Policy:
    """The example policy."""
    return load_policy(EXAMPLE.read_text(), filename=EXAMPLE.name)


def alert(number: int, place: int, service: str, name: str, severity: str) -> AlertFacts:
    """One of the alerts of a situation, as Alertmanager would send it."""
    labels = {"alertname": name, "service": service, "severity": severity, "job": "node"}
    return AlertFacts(
        source="alertmanager",
        fingerprint=f"{number * 10 + place:016x}",
        name=name,
        severity=severity,
        service=service,
        labels=labels | {"instance": f"10.0.{number % 250}.{place}:9100"},
        annotations={"summary": f"{service} does not answer", "description": "It has not answered for 5 minutes."},
        starts_at=NOW - timedelta(seconds=60 + place),
    )


def situation(policy: Policy, number: int) -> Situation:
    """Three alerts of one service with everything that was looked up about them; not all of them may be acted on."""
    runbook, service = (("restart-checkout", "checkout"), ("restart-search-by-day", "search"))[number % 2]
    third = (("HighLatency", "warning"), ("Watchdog", "none"), ("ServiceDown", "warning"))[number % 3]
    up = "0" if number % 5 else "1"
    plan = Plan(
        remediation="restart_service",
        summary=f"Restart {service} through supervisor.",
        parameters={"backend": "supervisor", "service": service},
        service=service,
        targets=(Target(key=f"supervisor:{service}", label=service, state={"state": "FATAL", "pid": number}),),
        effects=frozenset({Effect.RESTART}),
        blast_radius=BlastRadius(targets=1, share=0.25),
        rollback=Rollback(summary="The process is started again.", exactness=Exactness.APPROXIMATE),
        steps=("Stop it.", "Start it."),
    )
    queries = {
        f"up{{service='{service}'}} == 0": Answer(samples=(up,) if up == "0" else ()),
        "sum(up{service='search'}) >= 4": Answer(samples=("5",)),
        'slo:burn_rate:1h{service="checkout"}': Answer(samples=("0.5",)),
    }
    days = timedelta(days=1)
    gates = tuple(
        GatePass(gate=gate, digest=policy.runbooks[runbook].digest, passed_at=NOW - 3 * days, until=NOW + 80 * days)
        for gate in Gate
    )
    return Situation(
        now=NOW,
        incident=f"INC-{number}",
        alerts=(
            alert(number, 0, service, "ServiceDown", "critical"),
            alert(number, 1, service, "ServiceDown", "critical"),
            alert(number, 2, service, *third),
        ),
        plans={name: Planned(plan=plan) for name in (runbook, "restart-anything-else")},
        answers=queries,
        history=History(
            actions=tuple(
                PastAction(
                    action_id=f"h{past}", runbook=runbook, service=service, outcome="succeeded", at=NOW - past * days
                )
                for past in range(1, 6)
            )
        ),
        ledger=tuple(
            LedgerEntry(action_id=f"l{past}", runbook=runbook, services=(service,), at=NOW - timedelta(minutes=50))
            for past in range(number % 4)
        ),
        evidenced={runbook: Evidenced(gates=gates, cases=())},
        open_incidents=(),
        answered_at=NOW,
        oversight=Oversight(audited=True, notification=Notification.PLANNED),
    )


def judge(stored: Sequence[Stored], count: int) -> Times:
    """Read and decide ``count`` situations, taking ``stored`` in turn; runs in its own process."""
    rules, times, clock = policy(), Times(), time.process_time
    for text, seal in islice(cycle(stored), count):
        begun = clock()
        situation = read_situation(text, seal)
        read = clock()
        decision = decide(situation, rules)
        decided = clock()
        json.loads(text)
        bare = clock()
        match_incident(rules, situation.alerts)
        matched = clock()
        times.reading += read - begun
        times.deciding += decided - read
        times.bare += bare - decided
        times.matching += matched - bare
        times.verdicts[decision.verdict.value] += 1
    return times


def main(count: int) -> None:
    """Measure and print."""
    stored = [sealed(situation(policy(), number)) for number in range(DIFFERENT)]
    shares = [count // PROCESSES] * PROCESSES
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        results = list(pool.map(judge, [stored] * PROCESSES, shares))
    judged, bare = sum(shares), sum(each.bare for each in results)

    def line(name: str, spent: float) -> str:
        return f"{name:34} {spent / judged * 1e6:7.1f} µs each, {spent / bare:5.1f} times json.loads"

    print(line("json.loads alone", bare))
    print(line("checking the seal and reading", sum(each.reading for each in results)))
    print(line("deciding", sum(each.deciding for each in results)))
    print(line("  of which matching three alerts", sum(each.matching for each in results)))
    verdicts = sum((each.verdicts for each in results), Counter[str]())
    print(f"verdicts: {', '.join(f'{name} {number}' for name, number in verdicts.most_common())}")
    cpu = sum(each.reading + each.deciding for each in results)
    each_core = cpu / PROCESSES / judged * SITUATIONS
    print(f"{judged:,} situations took {cpu:.1f} s of CPU: {SITUATIONS:,} take {PROCESSES} cores {each_core:.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SITUATIONS)
