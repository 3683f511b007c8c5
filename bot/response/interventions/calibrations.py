"""Whether confidence has meant what it said, from stored cases."""

from datetime import datetime, timedelta

from bot.policy.confidence.calibration import Calibration, Forecast, calibration
from bot.response.ports.work import Work

MEASURED_OVER = timedelta(days=90)
"""Longer than history counts for: a curve needs many cases."""


async def confidence_measured(work: Work, now: datetime) -> Calibration:
    """How sure we were at the moment of acting, beside what came of it, over all runbooks there are cases of.

    Runs of gates are none: nobody states a confidence for them.
    """
    stated, forecasts = await work.hindsight.stated(now - MEASURED_OVER), list[Forecast]()
    for runbook in sorted({one.runbook for one in stated.values()}):
        cases = (await work.licences.of(runbook)).cases or ()
        forecasts += [
            Forecast(stated[case.key].confidence, case.worked)
            for case in cases
            if case.key in stated and not case.staging
        ]
    return calibration(forecasts)
