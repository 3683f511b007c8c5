"""``watchkeeper confidence``: of what was held for 80 % likely, did 80 % work?"""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.cli.console import fail, out
from bot.cli.inputs import storage_settings

if TYPE_CHECKING:
    from bot.policy.confidence.calibration import Bin, Calibration

WIDTH = 50
"""Characters from 0 % to 100 %."""
WORKED, STATED, MISSED = "█", "│", "·"


def confidence() -> None:
    """Show whether confidence means what it says: what was stated when something began, beside what came of it.

    Reads the cases of the last 90 days from the database that DATABASE_URL names (needs WATCHKEEPER_AUDIT_KEY). Each
    line is the cases whose confidence lay between two tenths: how many they are, what was stated on average, and the
    share that worked, which is also the length of the bar; the stroke is where it should end. The Brier score is the
    mean squared difference: 0 is perfect; what always saying the same share would score is told beside it.

    [bold]Examples[/bold]

    watchkeeper confidence
    """
    from bot.cli.offline import OfflineError
    from bot.cli.offline_calibration import measured

    url, key = storage_settings()
    try:
        found = asyncio.run(measured(url, key))
    except OfflineError as error:
        fail(str(error))
    for line in (*_curve(found), found.text):
        out.print(line, markup=False)


def _curve(found: "Calibration") -> Iterator[str]:
    held = [each for each in found.bins if each.count]
    if held:
        yield f"{'confidence':<14}{'cases':>6}{'stated':>9}{'worked':>9}   0 %{'100 %':>{WIDTH - 3}}"
    for each in held:
        yield _line(each)


def _line(each: "Bin") -> str:
    from bot.policy.confidence.calibration import percent

    stated, worked = each.stated or 0, each.observed or 0
    bar = [WORKED] * round(worked * WIDTH) + [MISSED] * (WIDTH - round(worked * WIDTH))
    bar[min(round(stated * WIDTH), WIDTH - 1)] = STATED
    between = f"{100 * each.low:.0f} to {percent(each.high)}"
    return f"{between:<14}{each.count:>6}{percent(stated):>9}{percent(worked):>9}   {''.join(bar)}"
