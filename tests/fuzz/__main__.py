"""Hostile input for the real bot: ``make fuzz``, or ``python -m tests.fuzz --seed 7 --alerts 1000``.

The same seed makes the same requests. What was answered as nothing may be answered is kept in ``.fuzz``.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fixtures.database import create_postgresql_database, running_postgresql
from tests.fuzz import answers
from tests.fuzz.drive import GROWTH_MAX, Figures, bot, run
from tests.scenarios.stage import ROOT

KEPT = ROOT / ".fuzz"
ALERTS, SLACK, ANSWERS = 200_000, 25_000, 10_000


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{folder / 'watch.db'}"
        return
    with running_postgresql(f"fuzz-{time.time_ns()}") as server:
        yield create_postgresql_database(server, "fuzz")


async def _sent(kind: str, seed: int, alerts: int, slack: int) -> list[str]:
    """What is wrong with the bot on this kind of database, after so many requests."""
    with TemporaryDirectory(prefix="watchkeeper-fuzz-") as name, _database(kind, Path(name)) as url:
        folder = Path(name)
        try:
            async with bot(folder, url) as here:
                figures = await run(here, url, seed, alerts, slack, partial(_progress, kind, alerts + slack))
        finally:
            if (log := folder / "bot.log").exists():
                KEPT.mkdir(exist_ok=True)
                (KEPT / f"{kind}.log").write_bytes(log.read_bytes())
    print(f"\n== {kind}\n{figures.table()}", flush=True)
    _keep(kind, figures)
    faults = figures.faults()
    if figures.growth() > GROWTH_MAX:
        faults.append(f"memory grew to {figures.growth():.0%} of what it was after three tenths of the run")
    return [f"{kind}: {fault}" for fault in faults]


def _progress(kind: str, total: int, done: int) -> None:
    print(f"{kind}: {done:,} of {total:,} requests answered", file=sys.stderr, flush=True)


def _keep(kind: str, figures: Figures) -> None:
    for number, status, sent in figures.broken:
        KEPT.mkdir(exist_ok=True)
        head = "".join(f"{name}: {value}\n" for name, value in sent.headers.items())
        file = KEPT / f"{kind}-{number}-{status}.request"
        file.write_bytes(f"POST {sent.path}\n{head}\n".encode(errors="replace") + sent.body)


async def _all(seed: int, alerts: int, slack: int, asked: int, kinds: list[str]) -> list[str]:
    faults = []
    for kind in kinds:
        faults += await _sent(kind, seed, alerts, slack)
    told = await answers.run(seed, asked)
    print(f"\n== answers of others\n{told.table()}", flush=True)
    return faults + told.faults


def main() -> int:
    """Everything; the exit code says whether all is well."""
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--alerts", type=int, default=ALERTS, help="requests to /alerts, on each database")
    options.add_argument("--slack", type=int, default=SLACK, help="requests to /slack/events, on each database")
    options.add_argument("--answers", type=int, default=ANSWERS, help="answers of systems that are asked")
    options.add_argument("--on", nargs="*", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    given = options.parse_args()
    faults = asyncio.run(_all(given.seed, given.alerts, given.slack, given.answers, given.on))
    for fault in faults:
        print(f"FAULT {fault}", file=sys.stderr)
    print(f"\nseed {given.seed}: {f'{len(faults)} fault(s)' if faults else 'no fault'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
