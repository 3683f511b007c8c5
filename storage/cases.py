"""Cases: what came of a runbook's plans in production, as its actions and their reviews tell it.

A plan that people refused counts as well, where it had been our proposal: they stopped it, chose something else, or
took the incident over while it was on the card.
"""

from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.policy.situation import Trigger
from bot.policy.track_record import Ending, Judged, PastCase
from bot.response.model.actions import ENDED_AFTER_AN_EFFECT, SETTLED_BY_PEOPLE, ActionState
from bot.response.model.endings import ending_of, result_of_older
from bot.response.model.incidents import incident_name
from storage.actions import action_of
from storage.tables import ACTIONS, INCIDENTS, REVIEWS

LIMIT = 100
"""The newest that count, of those that acted, and as many of those that people refused: none hides the other."""
LEFT_UNANSWERED = frozenset({ActionState.WAITING, ActionState.EXPIRED, ActionState.LAPSED, ActionState.SUPERSEDED})
"""Where a question may stand, or end, of which somebody has taken the incident over."""


async def cases_in_production(session: AsyncSession, runbook: str) -> tuple[PastCase, ...]:
    """The newest first."""
    cases = [*await _acted(session, runbook), *await _refused(session, runbook)]
    return tuple(sorted(cases, key=lambda case: case.at, reverse=True))


async def _acted(session: AsyncSession, runbook: str) -> list[PastCase]:
    rows = await session.execute(
        _cases(runbook)
        .where(
            ACTIONS.c.finished_at.is_not(None),
            ACTIONS.c.state.in_(ENDED_AFTER_AN_EFFECT) | ACTIONS.c.ending.is_not(None),
        )
        .order_by(ACTIONS.c.finished_at.desc(), ACTIONS.c.id)
        .limit(LIMIT)
    )
    return [case for row in rows if (case := _case(row)) is not None]


async def _refused(session: AsyncSession, runbook: str) -> list[PastCase]:
    """Plans that did not begin. What a person asked for, and another did not want, is between the two of them."""
    said_no = ACTIONS.c.state.in_(SETTLED_BY_PEOPLE)
    taken_over = (
        ACTIONS.c.state.in_(LEFT_UNANSWERED)
        & (ACTIONS.c.revision == INCIDENTS.c.revision)
        & (ACTIONS.c.created_at <= INCIDENTS.c.taken_at)
    )
    rows = await session.execute(
        _cases(runbook)
        .where(ACTIONS.c.trigger == Trigger.ALERT, said_no | taken_over)
        .order_by(ACTIONS.c.created_at.desc(), ACTIONS.c.id)
        .limit(LIMIT)
    )
    return [_as_case(row, Ending.OVERRIDDEN, acted=False) for row in rows]


def _cases(runbook: str) -> Select[Any]:
    return (
        select(
            ACTIONS,
            INCIDENTS.c.alert_name,
            INCIDENTS.c.taken_at,
            REVIEWS.c.due_at.label("review_due"),
            REVIEWS.c.done_at.label("reviewed_at"),
            REVIEWS.c.answers,
        )
        .join(INCIDENTS, INCIDENTS.c.id == ACTIONS.c.incident_id)
        .outerjoin(REVIEWS, REVIEWS.c.action_id == ACTIONS.c.id)
        .where(ACTIONS.c.runbook == runbook)
    )


def _case(row: Row[Any]) -> PastCase | None:
    """None where nothing was changed."""
    ending = _of_older(row) if row.ending is None else Ending(row.ending)
    return None if ending is None else _as_case(row, ending, acted=True)


def _of_older(row: Row[Any]) -> Ending | None:
    """What an action came to that ended before that was kept with it."""
    action = action_of(row)
    return ending_of(action, action.result or result_of_older(action.state))


def _as_case(row: Row[Any], ending: Ending, *, acted: bool) -> PastCase:
    return PastCase(
        key=row.id,
        incident=incident_name(row.incident_id),
        alert=row.alert_name,
        ending=ending,
        at=row.finished_at or row.taken_at,
        digest=row.runbook_digest or "",
        acted=acted,
        judged=None if row.reviewed_at is None else Judged(str((row.answers or {}).get("judgement"))),
        review_due=row.review_due,
    )
