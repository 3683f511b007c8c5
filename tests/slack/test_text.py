import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack import text
from bot.slack.text import (
    Mrkdwn,
    bold,
    channel_mention,
    code,
    escape,
    link,
    listed,
    mention,
    naming,
    paragraph,
    plain,
    plain_lines,
    pre,
    quotation,
    units,
    utc,
    web_address,
    when,
    words,
)

ONE_LINE = (escape, code, quotation, plain)
MANY_LINES = (paragraph, pre, plain_lines)
OVERRIDE = "\N{RIGHT-TO-LEFT OVERRIDE}"


@pytest.mark.parametrize("hostile", ["<!channel>", "<!here|x>", "<@U01ALICE>", "<#C01INC>", "<https://evil|Approve>"])
@pytest.mark.parametrize("entrance", [escape, code, quotation, paragraph, pre, words])
def test_markup_from_outside_is_shown_and_not_obeyed(hostile: str, entrance: Callable[[str], Mrkdwn]) -> None:
    assert "<" not in entrance(hostile)
    assert "&lt;" in entrance(hostile)


def test_an_ampersand_is_escaped_once() -> None:
    assert escape("a && b &lt;") == "a &amp;&amp; b &amp;lt;"


def test_text_is_cut_before_it_is_escaped_so_that_no_entity_is_cut() -> None:
    assert escape("<<<<<<<<<<", 14) == "&lt;&lt;&lt;…"


@given(st.text(max_size=400), st.integers(min_value=10, max_value=80), st.sampled_from(ONE_LINE + MANY_LINES))
def test_any_text_fits_its_limit_and_is_never_empty(
    anything: str, limit: int, entrance: Callable[[str, int], str]
) -> None:
    shown = entrance(anything, limit)
    assert units(shown) <= limit
    assert shown.strip()


@given(st.text(max_size=200))
def test_one_line_stays_one_line(anything: str) -> None:
    assert all(len(entrance(anything, 300).splitlines()) == 1 for entrance in ONE_LINE)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_nothing_invisible_gets_through(anything: str) -> None:
    hidden = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
    for entrance in ONE_LINE + MANY_LINES:
        assert not hidden.search(entrance(anything, 300))


def test_an_override_cannot_turn_the_reading_direction() -> None:
    assert escape(f"stop{OVERRIDE}evorppa") == "stopevorppa"


def test_text_that_shows_nothing_becomes_a_dash() -> None:
    assert escape("\u200b \ufeff\u2800") == "—"


def test_a_lone_surrogate_cannot_break_the_encoding() -> None:
    assert escape("a\ud800b").encode() == b"ab"


@pytest.mark.parametrize("entrance", [escape, code, pre, paragraph])
def test_backticks_cannot_end_or_begin_a_code_span(entrance: Callable[[str], Mrkdwn]) -> None:
    inside = entrance("a`b```c").removeprefix("```\n").removesuffix("\n```").strip("`")
    assert "`" not in inside


def test_an_asterisk_cannot_end_bold() -> None:
    assert bold(escape("5 * 3")).count("*") == 2


def test_line_breaks_survive_only_where_they_are_wanted() -> None:
    assert escape("a\r\nb") == "a b"
    assert paragraph("a\r\n\n\n\n\nb") == "a\n\nb"


def test_length_counts_as_javascript_does() -> None:
    assert units("a🔴") == 3


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "ftp://host/file",
        "https://",
        "//host/path",
        "https://bank.example@evil.example/",
        "https://[broken/",
        "https://evil.example\\@good.example/",
        f"https://example/{OVERRIDE}gpj.exe",
        "https://example/" + "a" * 3000,
        "",
    ],
)
def test_an_address_we_cannot_vouch_for_is_refused(address: str) -> None:
    assert web_address(address) is None


def test_an_address_cannot_end_its_link_early() -> None:
    address = web_address("https://example/q?a=<x>|Approve&b=`1` 2")
    assert address is not None
    made = link(address, "Graph | <!here>")
    assert made == "<https://example/q?a=%3Cx%3E%7CApprove&amp;b=%601%60%202|Graph / &lt;!here&gt;>"


def test_a_host_with_letters_that_look_like_others_is_shown_as_it_is_looked_up() -> None:
    assert web_address("https://b\u00fccher.example/a") == "https://xn--bcher-kva.example/a"


@given(st.text(max_size=300))
def test_any_address_is_refused_or_stays_inside_its_link(anything: str) -> None:
    address = web_address(anything)
    if address is not None:
        made = link(address, anything)
        assert re.fullmatch(r"<https?://[^<>|\s]+\|[^<>|\n]+>", made)


def test_only_ids_become_mentions() -> None:
    assert mention("U01ALICE") == "<@U01ALICE>"
    assert mention("!channel") == "`!channel`"
    assert mention("U01>|<!here") == "`U01&gt;|&lt;!here`"
    assert channel_mention("C01INC") == "<#C01INC>"
    assert channel_mention("incidents") == "`incidents`"


def test_people_in_words_are_named_only_if_we_know_them() -> None:
    known = {"U01ALICE"}
    assert naming("paused by U01ALICE, not U02BOB", known) == "paused by <@U01ALICE>, not U02BOB"
    assert naming("<@U01ALICE> XU01ALICE U01ALICEX", known) == ("&lt;@<@U01ALICE>&gt; XU01ALICE U01ALICEX")


def test_naming_keeps_its_limit_even_if_that_costs_the_mentions() -> None:
    assert units(naming("U01ALICE " * 30, {"U01ALICE"}, 100)) <= 100


def test_a_moment_has_a_fallback_for_readers_without_slack() -> None:
    moment = datetime(2026, 11, 23, 3, 12, tzinfo=UTC)
    assert when(moment) == f"<!date^{int(moment.timestamp())}^{{time}} {{date_short_pretty}}|2026-11-23 03:12 UTC>"
    assert utc(moment) == "2026-11-23 03:12 UTC"


def test_lists_read_like_a_sentence() -> None:
    one, two, three = (words(word) for word in ("a", "b", "c"))
    assert listed([one]) == "a"
    assert listed([one, two, three]) == "a, b and c"
    assert listed([]) == ""


def test_markup_is_made_in_one_place_only() -> None:
    """The type checker refuses a bare str; this catches a cast that would talk it round."""
    package = text.__file__.rsplit("/", 1)[0]
    from pathlib import Path

    makers = {
        path.name
        for path in Path(package).rglob("*.py")
        if re.search(r"\b(Mrkdwn|Plain|Url)\(", path.read_text(encoding="utf-8"))
    }
    assert makers == {"text.py"}
    assert isinstance(Mrkdwn("x"), str)


def test_a_time_in_our_sentences_is_told_in_the_readers_zone_and_nothing_else_is_taken_for_one() -> None:
    said = naming("U01ALICE paused it until 2026-11-23 06:00 UTC & more", {"U01ALICE"})
    assert said == (
        "<@U01ALICE> paused it until <!date^1795413600^{time} {date_short_pretty}|2026-11-23 06:00 UTC> &amp; more"
    )
    for other in ("2026-02-31 06:00 UTC", "12026-11-23 06:00 UTC", "2026-11-23 06:00 UTCX", "2026-11-23T06:00 UTC"):
        assert naming(other, ()) == other
