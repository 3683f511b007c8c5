"""Alerts of the lamp as monitors send them, and what came of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.policy.file.document import Policy
from bot.policy.situation import AlertFacts
from bot.response.deadlines.reminders import sweep_questions
from bot.response.model.actions import Action, ActionState
from bot.response.model.incidents import Alert, AlertStatus
from bot.response.model.notices import CardNotice, ThreadNotice
from bot.response.model.records import StoredDecision
from tests.response.clicks import approve
from tests.response.world import ALICE, World, written_policy

LONG_AGO = datetime.now(UTC) - timedelta(minutes=30)
"""When an alert began that our acts cannot have caused."""
STAGING = {"when": "'env' in alert.labels && alert.labels.env == 'staging'", "reason": "staging is for trying things"}


def alert(
    fingerprint: str = "f1",
    name: str = "SwitchOff",
    *,
    severity: str = "critical",
    service: str = "lamp",
    source: str = "alertmanager",
    started: datetime = LONG_AGO,
    ended: datetime | None = None,
    **labels: str,
) -> Alert:
    """One that fires, or that has ended at ``ended``."""
    facts = AlertFacts(
        source=source,
        fingerprint=fingerprint,
        name=name,
        severity=severity,
        service=service,
        labels={"alertname": name, "service": service, "severity": severity, **labels},
        annotations={"summary": f"{service} is dark"},
        starts_at=started,
    )
    status = AlertStatus.FIRING if ended is None else AlertStatus.RESOLVED
    return Alert(facts, status, ended, "", datetime.now(UTC))


async def send(here: World, *alerts: Alert, truncated: int = 0) -> None:
    """One delivery of a monitor; returns once it is committed."""
    await here.intake.accept(list(alerts), [], truncated)


def policy_with(level: str = "L1", runbook: dict[str, Any] | None = None, **document: Any) -> Policy:
    """The policy of these stories with changes to its one runbook, and to the whole document."""
    written = written_policy(level, **(runbook or {})).model_dump(by_alias=True, mode="json")
    return Policy.model_validate(written | document)


def two_runbooks(level: str, first: str, second: str, **document: Any) -> Policy:
    """``flip`` for alerts of which ``first`` holds, then ``flip-hard`` for those of which ``second`` holds."""
    written = policy_with(level, {"when": first}, **document).model_dump(by_alias=True, mode="json")
    written["runbooks"]["flip-hard"] = written["runbooks"]["flip"] | {"when": second, "summary": "Flip it hard"}
    return Policy.model_validate(written)


async def decided(here: World) -> StoredDecision:
    """The decision that stands once nothing is queued any more."""
    await here.idle()
    async with here.database.read() as work:
        stored = await work.decisions.latest(1)
    assert stored is not None
    return stored


async def verified(here: World, *alerts: Alert) -> Action:
    """The alerts fire, somebody approves, and the act is verified while they go on firing."""
    await send(here, *alerts)
    await here.until(ActionState.WAITING)
    assert (await approve(here, ALICE)).accepted
    done = await here.until(ActionState.SUCCEEDED)
    await here.idle()
    return done


async def swept(here: World) -> None:
    """The sweep of questions comes round, twice, because nothing may happen twice."""
    await sweep_questions(here.context)
    await sweep_questions(here.context)
    await here.idle()


def said(here: World, title: str) -> list[ThreadNotice]:
    """What the thread says under titles that begin so."""
    return [one for one in here.delivered if isinstance(one, ThreadNotice) and one.title.startswith(title)]


def card(here: World) -> CardNotice:
    """The card as it was delivered last."""
    return [one for one in here.delivered if isinstance(one, CardNotice)][-1]
