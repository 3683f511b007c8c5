"""What a raw answer says: a condition, a quantity, and everything that is no whole answer."""

import pytest

from bot.policy.evidence import NOT_ASKED, Answer, Evidence, Finding, as_number, highest, judge

SUPPORTS, CONTRADICTS, UNKNOWN = Finding.SUPPORTS, Finding.CONTRADICTS, Finding.UNKNOWN


def judged(query: str, *samples: str, every_sample: bool = False) -> Evidence:
    return judge("down", query, Answer(samples=samples), every_sample=every_sample)


@pytest.mark.parametrize(
    ("samples", "finding", "detail", "value"),
    [
        ((), CONTRADICTS, "nothing matches the query", None),
        (("0",), SUPPORTS, "value 0", 0.0),
        (("0", "1"), SUPPORTS, "value 0 in 2 of 2 series", 0.0),
        (("NaN", "0"), SUPPORTS, "value 0 in 1 of 2 series", 0.0),
        (("NaN",), UNKNOWN, "the value is not a number (NaN)", None),
        (("+Inf",), SUPPORTS, "value inf", None),
    ],
)
def test_a_condition_supports_when_any_series_is_left(
    samples: tuple[str, ...], finding: Finding, detail: str, value: float | None
) -> None:
    piece = judged("up == 0", *samples)
    assert (piece.finding, piece.detail, piece.value) == (finding, detail, value)


@pytest.mark.parametrize(
    ("samples", "finding", "detail"),
    [
        ((), CONTRADICTS, "nothing matches the query"),
        (("0",), CONTRADICTS, "value 0"),
        (("0", "0"), CONTRADICTS, "value 0 in 2 of 2 series"),
        (("0", "3"), SUPPORTS, "value 3 in 1 of 2 series"),
        (("-1",), SUPPORTS, "value -1"),
        (("NaN", "0"), UNKNOWN, "the value is not a number (NaN)"),
    ],
)
def test_a_quantity_supports_when_any_sample_is_not_zero(
    samples: tuple[str, ...], finding: Finding, detail: str
) -> None:
    piece = judged("rate(errors_total[5m])", *samples)
    assert (piece.finding, piece.detail) == (finding, detail)


@pytest.mark.parametrize(
    ("query", "samples", "finding"),
    [
        ("up", ("1", "1"), SUPPORTS),
        ("up", ("1", "0"), CONTRADICTS),
        ("up", ("1", "NaN"), UNKNOWN),
        ("up", ("0", "NaN"), CONTRADICTS),
        ("up", (), CONTRADICTS),
        ("up == 1", ("1", "1"), SUPPORTS),
        ("up == 1", ("1", "NaN"), UNKNOWN),
    ],
)
def test_where_every_sample_counts_one_that_is_zero_is_enough(
    query: str, samples: tuple[str, ...], finding: Finding
) -> None:
    assert judged(query, *samples, every_sample=True).finding is finding


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (NOT_ASKED, "it was not asked"),
        (Answer(error="no answer within 5 s", samples=("0",)), "no answer within 5 s"),
        (Answer(samples=("0",), warnings=("one", "two")), "the answer is incomplete: one"),
        (Answer(samples=("0", "much")), "the answer holds something that is not a number"),
        (Answer(samples=("0", "")), "the answer holds something that is not a number"),
    ],
)
def test_what_is_no_whole_answer_is_unknown_and_says_why(answer: Answer, detail: str) -> None:
    for query in ("up == 0", "up"):
        for every_sample in (False, True):
            piece = judge("down", query, answer, every_sample=every_sample)
            assert (piece.finding, piece.detail, piece.value) == (UNKNOWN, detail, None)


@pytest.mark.parametrize("finding", Finding)
def test_what_was_stored_as_judged_stays_as_it_was_judged(finding: Finding) -> None:
    piece = judge("down", "up == 0", Answer(judged=finding, detail="as it was"))
    assert piece == Evidence(name="down", query="up == 0", finding=finding, detail="as it was")


def test_numbers_are_what_a_monitor_writes_as_such() -> None:
    assert [as_number(text) for text in ("1", "-0.5", "1e3", "+Inf")] == [1, -0.5, 1000, float("inf")]
    assert [as_number(text) for text in ("", "one", "1,5")] == [None] * 3


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (Answer(samples=("0.5", "2")), 2.0),
        (Answer(samples=("-1",)), -1.0),
        (Answer(), None),
        (Answer(samples=("1", "NaN")), None),
        (Answer(samples=("1", "much")), None),
        (Answer(samples=("1",), warnings=("incomplete",)), None),
        (Answer(samples=("1",), error="no answer"), None),
    ],
)
def test_the_highest_sample_is_that_of_a_whole_answer(answer: Answer, number: float | None) -> None:
    assert highest(answer) == number
