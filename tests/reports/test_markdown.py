"""Outside text stays text, whatever it says: no layout, no links, no HTML, no characters that nobody sees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reports.markdown import bullets, code, escape, plain, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1 is down", "web-1 is down"),
        ("*bold* _it_ `code`", r"\*bold\* \_it\_ \`code\`"),
        ("[click](https://evil.example)", r"\[click\](https\://evil.example)"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("&lt;b&gt; AT&T", "&amp;lt;b&amp;gt; AT&T"),
        ("see www.evil.example or a@b.example", r"see www\.evil.example or a\@b.example"),
        ("one\ntwo\r\n\tthree", "one two three"),
        ("# title", r"\# title"),
        ("- item", r"\- item"),
        ("1. first", r"1\. first"),
        ("12) first", r"12\) first"),
        ("--- | ---", r"\--- \| ---"),
        ("a \u202e b\u200b", "a b"),
        (r"a \ b", r"a \\ b"),
    ],
)
def test_outside_text_stays_text(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_long_text_is_cut() -> None:
    assert plain("x" * 50, 10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("up == 0", "`up == 0`"), ("a `b` c", "``a `b` c``"), ("`", "`` ` ``"), ("", "-"), ("two\nlines", "`two lines`")],
)
def test_a_name_is_shown_as_it_is_written(text: str, shown: str) -> None:
    assert code(text) == shown


def test_a_pipe_ends_no_cell() -> None:
    row = table(("Name",), [(code("a | b"),), (escape("c | d"),)]).splitlines()[2:]
    assert row == [r"| `a \| b` |", r"| c \| d |"]


def test_empty_items_are_left_out() -> None:
    assert bullets(["one", "", "two"]) == "- one\n- two"


@given(st.text())
def test_text_of_any_kind_stays_on_its_line_and_without_markup(text: str) -> None:
    shown = escape(text)
    assert len(shown.splitlines()) <= 1
    unescaped = shown.replace("\\\\", "")
    for special in "`*_[]<>|~$":
        assert f"{special}" not in unescaped.replace(f"\\{special}", "")
