"""Whatever is written in any field, Slack takes the card, and no markup is in it but ours."""

import re
import typing
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.policy.decision import Verdict
from bot.policy.evidence import Finding
from bot.policy.levels import Level
from bot.response.model.actions import ActionState
from bot.response.model.incidents import IncidentState
from bot.response.model.notices import (
    BundleLine,
    BundleNotice,
    Button,
    CardNotice,
    EvidenceLine,
    Link,
    ThreadNotice,
    Tone,
)
from bot.response.model.plan_cards import PlanCard
from bot.slack.cards import render
from bot.slack.limits import check_card
from tests.slack.notices import SUBJECT, after

EVIL = st.sampled_from(
    [
        "<!channel>", "<!here>", "<@U01ALICE>", "<#C01INC|x>", "<https://evil|Approve>", "&lt;!channel&gt;", "```", "`",
        "*_~", "\u202e", "\u200b", "\ud800", "\x00", "🔴" * 30, "https://evil.example", "&" * 60, "\n> ", "U01ALICE",
    ]
)  # fmt: skip
ANY = st.lists(st.one_of(EVIL, st.text(max_size=20)), max_size=4).map("".join)
IDS = st.lists(st.sampled_from(["U01ALICE", "U02BOB", "W9", "<!channel>", ""]), max_size=4).map(tuple)
MOMENT = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants naive bounds
PLANS = st.builds(PlanCard, summary=ANY, steps=st.lists(ANY, max_size=9).map(tuple), blast_radius=ANY, rollback=ANY)
SOME_BUTTONS = st.lists(st.sampled_from(list(Button)), unique=True).map(tuple)
ANY_CARD = st.builds(
    CardNotice,
    incident=st.just("INC-7"),
    incident_state=st.sampled_from(IncidentState),
    service=ANY,
    severity=ANY,
    alert_name=ANY,
    summary=ANY,
    alerts_firing=st.integers(0, 10**6),
    opened_at=MOMENT,
    resolved_at=st.none() | MOMENT,
    taken_by=st.none() | st.sampled_from(["U01ALICE", "<!channel>"]),
    runbook=st.none() | ANY,
    verdict=st.sampled_from(Verdict),
    level=st.sampled_from(Level),
    headline=ANY,
    action_state=st.none() | st.sampled_from(ActionState),
    plan=st.none() | PLANS,
    evidence=st.lists(st.builds(EvidenceLine, name=ANY, finding=st.sampled_from(Finding), detail=ANY), max_size=8).map(
        tuple
    ),
    links=st.lists(st.builds(Link, label=ANY, url=ANY | ANY.map("https://example/".__add__)), max_size=8).map(tuple),
    approvers=IDS,
    approvals_needed=st.integers(1, 10),
    approved_by=IDS,
    due_at=st.none() | MOMENT,
    if_nobody_answers=ANY,
    outcome=ANY,
    buttons=SOME_BUTTONS,
    subject=st.just(SUBJECT),
    revision=st.integers(0, 10**9),
)
ANY_ENTRY = st.builds(
    ThreadNotice,
    incident=st.just("INC-7"),
    title=ANY,
    lines=st.lists(ANY, max_size=20).map(tuple),
    tone=st.sampled_from(Tone),
    by=st.none() | st.sampled_from(["U01ALICE", "<!channel>"]),
    to=IDS,
    buttons=SOME_BUTTONS,
    subject=st.just(SUBJECT),
    revision=st.integers(0, 10**9),
    audit=st.lists(st.integers(0, 10**9), max_size=30).map(tuple),
    at=MOMENT,
)
ANY_LINE = st.builds(
    BundleLine,
    incident=st.just("INC-7"),
    service=ANY,
    severity=ANY,
    alert_name=ANY,
    incident_state=st.sampled_from(IncidentState),
    action_state=st.none() | st.sampled_from(ActionState),
    plan=ANY,
    approved_by=IDS,
)
ANY_BUNDLE = st.builds(
    BundleNotice,
    incident=st.just("INC-7"),
    runbook=st.none() | ANY,
    summary=ANY,
    because=ANY,
    lines=st.lists(ANY_LINE, max_size=14).map(tuple),
    headlines=st.lists(ANY, max_size=5).map(tuple),
    targets=st.integers(0, 10**6),
    opened_at=MOMENT,
    approvers=IDS,
    approvals_needed=st.integers(1, 10),
    due_at=st.none() | MOMENT,
    if_nobody_answers=ANY,
    buttons=SOME_BUTTONS,
    subject=st.just(SUBJECT),
    revision=st.integers(0, 10**9),
)
OURS = re.compile(
    r"<@[UW][A-Z0-9]{1,24}>"
    r"|<!date\^\d+\^\{(time\} \{date_short_pretty|time_secs)\}\|[0-9: UTC-]+>"
    r"|<https?://[^<>|\s]+\|[^<>|\n]+>"
)
KNOWN = {"U01ALICE", "U02BOB", "W9"}


def _marked_texts(part: typing.Any) -> typing.Iterator[str]:
    if isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part["text"]
        for value in part.values():
            yield from _marked_texts(value)
    elif isinstance(part, list):
        for one in part:
            yield from _marked_texts(one)


@settings(deadline=None, max_examples=60)
@given(ANY_CARD | ANY_ENTRY | ANY_BUNDLE)
def test_any_text_in_any_field_gives_a_card_that_slack_takes_and_no_markup_of_its_own(
    notice: CardNotice | ThreadNotice | BundleNotice,
) -> None:
    message = render(notice, 41, known_people={"U01ALICE"})
    check_card(message.blocks, message.text)
    for text in [message.text, *_marked_texts(message.blocks)]:
        assert set(re.findall(r"<@(\w+)>", text)) <= KNOWN
        left = OURS.sub("", text)
        assert "<" not in left
        assert ">" not in left.replace("\n> ", "").removeprefix("> ")


def test_a_card_of_the_longest_texts_still_fits() -> None:
    long = "<&>" * 5000
    notice = after(ActionState.SUCCEEDED, long).model_copy(
        update={
            "action_state": ActionState.WAITING,
            "service": long,
            "severity": long,
            "alert_name": long,
            "summary": long,
            "headline": long,
            "runbook": long,
            "if_nobody_answers": long,
            "plan": PlanCard(summary=long, steps=(long,) * 50, blast_radius=long, rollback=long),
            "evidence": tuple(EvidenceLine(name=long, finding=Finding.UNKNOWN, detail=long) for _ in range(20)),
            "links": tuple(Link(label=long, url=f"https://example/{'a' * 1500}{n}") for n in range(20)),
            "approvers": tuple(f"U{number:024}" for number in range(50)),
            "buttons": tuple(Button),
        }
    )
    message = render(notice, 41)
    check_card(message.blocks, message.text)
