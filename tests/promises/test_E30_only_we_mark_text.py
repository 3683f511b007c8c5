"""Point 30: bold, quotes, code and emoji in Slack say how things stand, so no text from outside can make them."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.policy.decision import Reason
from bot.policy.plan import Plan
from bot.response.interventions.explanations import Choice
from bot.slack.cards import render
from bot.slack.home_tab import home_view
from bot.slack.modals import override_modal, why_modal
from bot.slack.replies import IncidentLine
from bot.slack.text import (
    Url,
    bold,
    code,
    concat,
    escape,
    link,
    naming,
    paragraph,
    plain,
    plain_lines,
    quotation,
    words,
)
from tests.slack.facts import DECISION, INCIDENT, PLAN, explanation
from tests.slack.notices import ALICE, BOB, CAROL
from tests.slack.risings import RISINGS
from tests.slack.short_notices import DIRECT, DIRECT_ENDS, POINTERS
from tests.slack.test_cards import NOTICES
from tests.slack.test_home_tab import ACTION, BUSY

ADDRESS = Url("https://grafana.example/d")
STAR, TILDE, LOW, COLON, ANGLE = "\u2217\u223c\u02cd\u2236\u203a"
"""What is shown for an asterisk, a tilde, a low line, a colon and an angle."""
OUTSIDE: dict[str, Callable[[str], str]] = {
    "escape": escape,
    "paragraph": paragraph,
    "naming": lambda text: naming(text, {ALICE}),
    "quotation": lambda text: quotation(text).removeprefix("> "),
    "link": lambda text: link(ADDRESS, text),
}
"""Each way of text from outside into markup."""
MARKING = [
    ("*Approved*", f"{STAR}Approved{STAR}"),
    ("a*b*c", f"a{STAR}b{STAR}c"),
    ("_all is well_", f"{LOW}all is well{LOW}"),
    ("(_so_)", f"({LOW}so{LOW})"),
    ("é_so_é", f"é{LOW}so{LOW}é"),
    ("~not~", f"{TILDE}not{TILDE}"),
    ("`code`", "'code'"),
    ("```fence```", "'''fence'''"),
    ("> quoted", f"{ANGLE} quoted"),
    (">>> quoted", f"{ANGLE}&gt;&gt; quoted"),
    (":white_check_mark:", f"{COLON}white_check_mark:"),
    (":+1::skin-tone-2:", f"{COLON}+1:{COLON}skin-tone-2:"),
    ("a:fire:b", f"a{COLON}fire:b"),
    (":100:", f"{COLON}100:"),
    ("1:1234:2", f"1{COLON}1234:2"),
    (":éclair:", f"{COLON}éclair:"),
    ("✅ Resolved", "Resolved"),
    ("all\N{ROCKET}good 1\ufe0f\u20e3", "all good 1"),
    ("\N{REGIONAL INDICATOR SYMBOL LETTER D}\N{REGIONAL INDICATOR SYMBOL LETTER E} x", "x"),
    ("\N{WOMAN}\u200d\N{ROCKET} x", "x"),
    ("\N{LEFT RIGHT ARROW}\ufe0f x", "x"),
    ("\U0001d400\U0001d429\U0001d429\U0001d42b\U0001d428\U0001d42f\U0001d41e\U0001d41d", "Approved"),
    ("\U0001d63c\U0001d7cf and \U0001d6a8", "A1 and \u0391"),
    (":\U0001d41f\U0001d422\U0001d42b\U0001d41e:", f"{COLON}fire:"),
]
SAME = [
    "restart_service on web_1",
    "at 12:30:45, 03:12+02:00 or 03:12-04:15",
    "prometheus.example:9090 and https://grafana.example/d",
    "supervisor:checkout",
    "pressure > 0.8 of 1",
    "Überlast, 30 %, 東京, ©",
    "# not a heading",
    "- not a list",
    "1. nor this",
    "a: b: c",
]
"""What is shown as it came: it means nothing to Slack, and people want to read and copy it."""


@pytest.mark.parametrize("way", OUTSIDE)
@pytest.mark.parametrize(("said", "shown"), MARKING)
def test_what_would_mark_text_is_shown_by_a_character_that_marks_nothing(way: str, said: str, shown: str) -> None:
    assert shown in OUTSIDE[way](said)


@pytest.mark.parametrize("way", OUTSIDE)
@pytest.mark.parametrize("said", SAME)
def test_what_marks_nothing_stays_as_it_is(way: str, said: str) -> None:
    assert said.replace(">", "&gt;") in OUTSIDE[way](said)


def test_each_line_of_a_paragraph_is_no_quote() -> None:
    assert paragraph("a\n> b\n   >c\n\n&gt; d") == f"a\n{ANGLE} b\n   {ANGLE}c\n\n&amp;gt; d"


def test_where_slack_knows_no_markup_there_are_no_emoji_either() -> None:
    said = "*a* > b :fire: ✅"
    assert plain(said, 75) == plain_lines(said, 75) == f"*a* > b {COLON}fire:"


def test_letters_that_are_bold_by_themselves_are_ordinary_ones_in_headers_and_labels_too() -> None:
    said = "\U0001d5d4\U0001d5e3\U0001d7ce :\U0001d5d4:"
    assert plain(said, 75) == plain_lines(said, 75) == f"AP0 {COLON}A:"
    assert words(said) == f"AP0 {COLON}A:"


def test_a_value_among_our_own_words_marks_nothing_either() -> None:
    assert words("✅ done by *b* :fire:") == f"✅ done by {STAR}b{STAR} {COLON}fire:"


def test_in_code_names_stay_as_they_are_written() -> None:
    assert code("supervisor:web:web_1 *_~") == "`supervisor:web:web_1 *_~`"


def test_two_texts_together_make_no_emoji_that_neither_makes_alone() -> None:
    assert concat(escape("a:fire"), words(": b")) == f"a{COLON}fire: b"
    assert concat(words("at:"), escape("fire: b")) == f"at{COLON}fire: b"
    assert concat(escape("a:fi"), escape("re:")) == f"a{COLON}fire:"
    kept = concat(link(ADDRESS, "x"), words(" "), code("a:b:c"), words(": "), escape("d"))
    assert kept == f"<{ADDRESS}|x> `a:b:c`: d"


def test_bold_ends_where_we_end_it() -> None:
    assert bold(escape("a* b *c")) == f"*a{STAR} b {STAR}c*"


DAVE = "U04DAVE"
EVIL = "> x*zq*y _zq_ ~zq~ `zq` :zq: ✅🦀 a:zq"
"""Every mark at once; what is ours never touches the letters."""
BROKEN_OUT = re.compile(r"x\*zq|zq\*y|(?<![A-Za-z0-9])_zq|zq_ |~zq|zq~|`zq|:zq:|🦀|^ *&gt;", re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`|```.*?```", re.DOTALL)


def marked(part: Any) -> Iterator[str]:
    """Every text in which Slack looks for markup."""
    if isinstance(part, dict):
        if part.get("type") == "mrkdwn":
            yield part["text"]
        for value in part.values():
            yield from marked(value)
    elif isinstance(part, list):
        for one in part:
            yield from marked(one)


def broken_out(texts: Iterable[str]) -> list[str]:
    return [found[0] for text in texts for found in BROKEN_OUT.finditer(CODE.sub("", text))]


def hostile(value: Any, name: str = "", says: str = "") -> Any:
    """The document of a notice with the hostile text wherever a monitor's, a system's or a person's words stand."""
    if isinstance(value, dict):
        return {key: hostile(one, key, says) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [hostile(one, name, says) for one in value]
    return (says or EVIL) if isinstance(value, str) and name in SAID else value


SAID = frozenset(
    {
        "service", "severity", "alert_name", "summary", "headline", "headlines", "outcome", "if_nobody_answers",
        "if_nobody_takes", "if_rolled_back", "way_back", "plan", "steps", "rollback", "blast_radius", "detail", "title",
        "lines", "because", "progress", "halted", "text", "unmatched", "asked_at", "cause_of", "sure", "label", "group",
        "runbook", "name", "names",
    }
)  # fmt: skip
ALL_NOTICES = {**NOTICES, **POINTERS, **DIRECT, **DIRECT_ENDS, **RISINGS}


@pytest.mark.parametrize("name", ALL_NOTICES)
def test_no_id_in_a_text_from_outside_wakes_anybody(name: str) -> None:
    notice = ALL_NOTICES[name]
    evil = type(notice).model_validate(hostile(notice.model_dump(mode="json"), says=f"ask {DAVE} zq"))
    message = render(evil, 1, {ALICE, BOB, CAROL, DAVE})
    assert DAVE in str(message.blocks)
    assert f"<@{DAVE}>" not in f"{message.text} {message.blocks}"


@pytest.mark.parametrize("name", ALL_NOTICES)
def test_no_message_is_marked_by_what_it_tells_of(name: str) -> None:
    notice = ALL_NOTICES[name]
    evil = type(notice).model_validate(hostile(notice.model_dump(mode="json")))
    message = render(evil, 1, {ALICE})
    assert "zq" in str(message.blocks)
    assert broken_out([message.text, *marked(message.blocks)]) == []


INCIDENT_OF_EVIL = replace(INCIDENT, service=EVIL, alert_name=EVIL, severity=EVIL)
PLAN_OF_EVIL = Plan.model_validate(PLAN.model_dump() | {"summary": EVIL, "steps": (EVIL, EVIL), "service": EVIL})


def test_no_dialog_is_marked_by_what_it_explains() -> None:
    reasons = tuple(Reason.model_validate(hostile(one.model_dump(mode="json"), "text")) for one in DECISION.reasons)
    why = replace(explanation(DECISION.model_copy(update={"reasons": reasons})), incident=INCIDENT_OF_EVIL)
    for view in (why_modal(why, "v.1", {ALICE}), override_modal("INC-7", (Choice("x", EVIL, True),), "v.1")):
        assert "zq" in str(view)
        assert broken_out(marked(view)) == []


def test_home_is_marked_by_nothing_that_it_lists() -> None:
    waiting = replace(ACTION, plan=PLAN_OF_EVIL)
    line = IncidentLine(INCIDENT_OF_EVIL, None, "")
    evil = replace(BUSY, problems=(EVIL,), waiting=(waiting,), incidents=(line,), ended=(), to_take=(INCIDENT_OF_EVIL,))
    view = home_view(evil)
    assert "zq" in str(view)
    assert broken_out(marked(view)) == []
