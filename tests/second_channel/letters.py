"""Ready-made letters and incidents for tests of the second channel."""

from datetime import timedelta

from bot.response.model.actions import ActionState
from bot.response.model.incidents import Incident, IncidentState
from bot.response.model.notices import BundleLine, BundleNotice, Button, CardNotice, ThreadNotice, Tone
from bot.response.model.plan_cards import PlanCard
from bot.second_channel.letters import Letter, Offered, OfferedLink, write
from bot.second_channel.telling import Kind
from tests.fixtures.incidents import NOW, card

LINKS = Offered((OfferedLink("Stop it", "https://watch.example.com/links/abc"),), NOW + timedelta(hours=4))


def incident(**changes: object) -> Incident:
    """The incident the letters are about."""
    facts = {
        "id": 7,
        "handle": "handle",
        "group_key": "checkout/ServiceDown",
        "service": "checkout",
        "alert_name": "ServiceDown",
        "severity": "critical",
        "state": IncidentState.OPEN,
        "revision": 1,
        "opened_at": NOW,
        "resolved_at": None,
        "taken_by": None,
        "channel": None,
        "thread_ts": None,
    }
    return Incident(**(facts | changes))  # type: ignore[arg-type]  # facts by name


def asking(state: ActionState | None = ActionState.WAITING, **changes: object) -> CardNotice:
    """The card of a question about a restart."""
    plan = PlanCard(
        summary="Restart checkout",
        steps=("stop checkout", "start checkout"),
        blast_radius="1 target, 25 % of the fleet",
        rollback="partly. Start it again.",
    )
    facts = {
        "incident": "INC-7",
        "action_state": state,
        "plan": None if state is None else plan,
        "headline": "L3: it announces, then acts",
        "if_nobody_answers": "It runs 60s after this message unless someone stops it.",
    }
    return card(7).model_copy(update=facts | changes)


def storm(number: int = 3, **changes: object) -> BundleNotice:
    """The card of so many questions of a storm."""
    facts: dict[str, object] = {
        "incident": "INC-7",
        "runbook": "restart-checkout",
        "summary": "Restart a service that stopped answering",
        "because": "More than 5 such incidents came within 5m: these share one card.",
        "lines": tuple(
            BundleLine(
                incident=f"INC-{each}",
                service=f"checkout-{each}",
                severity="critical",
                alert_name="ServiceDown",
                incident_state=IncidentState.OPEN,
                action_state=ActionState.WAITING,
                plan=f"Restart checkout-{each}",
            )
            for each in range(7, 7 + number)
        ),
        "headlines": ("L1, assisted: Watchkeeper proposes, a person approves.",),
        "opened_at": NOW,
        "due_at": NOW + timedelta(minutes=30),
        "if_nobody_answers": "Nothing is done.",
        "buttons": (Button.APPROVE_THESE, Button.CHOOSE, Button.TAKE_THESE, Button.WHY_THESE),
        "subject": "a1",
        "revision": 3,
    }
    return BundleNotice.model_validate(facts | changes)


def outcome(**changes: object) -> ThreadNotice:
    """The thread's entry for an outcome."""
    entry = ThreadNotice(
        incident="INC-7",
        title="Done and verified",
        lines=("Restarted checkout. It answers.",),
        tone=Tone.GOOD,
        subject="a1",
        revision=1,
        broadcast=True,
        at=NOW,
    )
    return entry.model_copy(update=changes)


def announcement(key: str = "k1") -> Letter:
    """The letter that says what Watchkeeper will do by itself."""
    return write(Kind.ANNOUNCEMENT, key, incident(), asking(ActionState.ANNOUNCING), LINKS, NOW)
