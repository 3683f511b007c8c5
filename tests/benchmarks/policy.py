"""How fast stored situations are judged again: ``python -m tests.benchmarks.policy [number of situations]``.

Each is three alerts under the example policy, read from the text it was sealed with: its seal is checked, it is parsed
and decided, in two processes. A thousand different ones are judged again and again. Beside every time stands that of a
bare ``json.loads`` of the same texts in the same processes: what the machine itself costs. Exits with 1 when the whole
takes longer than a minute for every hundred thousand.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

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
SECONDS_ALLOWED = 60.0
"""For so many."""

Stored = tuple[str, str]
"""The text of a situation, and its seal."""


@dataclass
class Times:
    """Seconds of CPU spent on each step by one process, and what was decided."""

    reading: float = 0.0
    deciding: float = 0.0
    matching: float = 0.0
    """A part of deciding, measured by itself afterwards."""
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
    """Three alerts of one service with everything that was looked up about them; every fifth is different in some way."""
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
        evidenced={runbook: Evidenced(gates=gates)},
        oversight=Oversight(audited=True, notification=Notification.PLANNED),
    )


def judge(stored: Sequence[Stored], count: int) -> Times:
    """Read and decide ``count`` situations, taking ``stored`` in turn; runs in its own process."""
    rules, times = policy(), Times()

    def timed(step: Callable[[Any], object], things: Iterator[Any]) -> tuple[float, list[Any]]:
        begun = time.process_time()
        results = [step(thing) for thing in things]
        return time.process_time() - begun, results

    texts = cycle(stored)
    for begin in range(0, count, len(stored)):
        some = list(islice(texts, min(len(stored), count - begin)))
        seconds, situations = timed(lambda one: read_situation(*one), iter(some))
        times.reading += seconds
        seconds, decisions = timed(lambda one: decide(one, rules), iter(situations))
        times.deciding += seconds
        times.verdicts.update(decision.verdict.value for decision in decisions)
    some = list(islice(texts, min(len(stored), count)))
    situations = [read_situation(*one) for one in some]
    times.bare = timed(lambda one: json.loads(one[0]), iter(some))[0] / len(some) * count
    times.matching = timed(lambda one: match_incident(rules, one.alerts), iter(situations))[0] / len(some) * count
    return times


def main(count: int) -> int:
    """Measure and print."""
    stored = [sealed(situation(policy(), number)) for number in range(DIFFERENT)]
    share = count // PROCESSES
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(judge, [stored[:1]] * PROCESSES, [1] * PROCESSES))  # both have started, and read the policy
        begun = time.perf_counter()
        results = list(pool.map(judge, [stored] * PROCESSES, [share] * PROCESSES))
        seconds = time.perf_counter() - begun

    def line(name: str, spent: float) -> str:
        bare = sum(each.bare for each in results)
        return f"{name:34} {spent / (share * PROCESSES) * 1e6:7.1f} µs each, {spent / bare:5.1f} times json.loads"

    print(line("json.loads alone", sum(each.bare for each in results)))
    print(line("checking the seal and reading", sum(each.reading for each in results)))
    print(line("deciding", sum(each.deciding for each in results)))
    print(line("  of which matching three alerts", sum(each.matching for each in results)))
    verdicts = sum((each.verdicts for each in results), Counter[str]())
    print(f"verdicts: {', '.join(f'{name} {number}' for name, number in verdicts.most_common())}")
    allowed = SECONDS_ALLOWED * count / SITUATIONS
    print(
        f"{share * PROCESSES:,} situations in {seconds:.1f} s with {PROCESSES} processes; allowed are {allowed:.1f} s"
    )
    return 0 if seconds <= allowed else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else SITUATIONS))
