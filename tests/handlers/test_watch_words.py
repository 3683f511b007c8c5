"""What people type after ``/watch``."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.requests import Wanted
from handlers.slack.pause_words import Pause, WordsError
from handlers.slack.watch_words import (
    SUBCOMMANDS,
    Audit,
    Help,
    Incidents,
    Rehearse,
    Request,
    Resume,
    Review,
    RollBack,
    Run,
    Runbooks,
    Show,
    Status,
    Why,
    understand,
)

EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)
CHECKOUT = Scope(kind=ScopeKind.SERVICE, name="checkout")
WEB = Scope(kind=ScopeKind.RUNBOOK, name="restart-web")
TARGET = Scope(kind=ScopeKind.TARGET, name="supervisor:web")


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("", Help()),
        ("   ", Help()),
        ("help", Help()),
        ("help pause", Help()),
        ("status", Status()),
        ("STATUS", Status()),
        ("incidents", Incidents()),
        ("show INC-1", Show(1)),
        ("show inc-12", Show(12)),
        ("why 7", Why(7)),
        ("pause", Pause(EVERYTHING, None, "")),
        ("pause everything", Pause(EVERYTHING, None, "")),
        ("pause all for 2h", Pause(EVERYTHING, timedelta(hours=2), "")),
        ("pause service:checkout 30m", Pause(CHECKOUT, timedelta(minutes=30), "")),
        ("pause 30m service:checkout", Pause(CHECKOUT, timedelta(minutes=30), "")),
        ("pause service:checkout for 1d bad  release", Pause(CHECKOUT, timedelta(days=1), "bad release")),
        ("pause Service:checkout", Pause(CHECKOUT, None, "")),
        ("pause runbook:restart-web it flaps", Pause(WEB, None, "it flaps")),
        ("pause target:supervisor:web", Pause(TARGET, None, "")),
        ("pause service checkout 1h deploying", Pause(CHECKOUT, timedelta(hours=1), "deploying")),
        ("pause service:checkout, for 2h", Pause(CHECKOUT, timedelta(hours=2), "")),
        ("pause because bad release", Pause(EVERYTHING, None, "bad release")),
        ("resume service checkout", Resume(CHECKOUT)),
        ("pause bad release", Pause(None, None, "release", "bad")),
        ("pause everything bad release", Pause(EVERYTHING, None, "bad release")),
        ("pause everything a &lt;b&gt; &amp;amp;", Pause(EVERYTHING, None, "a <b> &amp;")),
        ("pause https://example.org says so", Pause(None, None, "says so", "https://example.org")),
        ("resume", Resume(EVERYTHING)),
        ("run flip", Run(Wanted("flip", {}))),
        ("run flip a=1 b=x=y because it is a=mess", Run(Wanted("flip", {"a": "1", "b": "x=y"}, "it is a=mess"))),
        ('rehearse flip name="two words" b=2', Rehearse(Wanted("flip", {"name": "two words", "b": "2"}))),
        ("run flip name=“typed on a phone”", Run(Wanted("flip", {"name": "typed on a phone"}))),
        ("runbooks", Runbooks()),
        ("review", Review()),
        ("audit", Audit(None)),
        ("audit inc-7", Audit(7)),
        ("resume service:checkout", Resume(CHECKOUT)),
        ("rollback INC-1", RollBack(1, "")),
        ("rollback INC-1 it made things worse", RollBack(1, "it made things worse")),
    ],
)
def test_words_become_a_request(text: str, request_: Request) -> None:
    assert understand(text) == request_


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stauts", "Did you mean `/watch status`?"),
        ("incident", "Did you mean `/watch incidents`?"),
        ("frobnicate", "There is: status, incidents,"),
        ("status now", "`/watch status` takes nothing more"),
        ("show", "Which incident? For example: `/watch show INC-1`"),
        ("show checkout", "“checkout” is not an incident's name"),
        ("show INC-", "“INC-” is not an incident's name"),
        ("show INC-1 INC-2", "One incident at a time"),
        ("why INC-99999999999999999999", "is not an incident's name"),
        ("why INC-\N{ARABIC-INDIC DIGIT ONE}", "is not an incident's name"),
        ("pause for", "For how long?"),
        ("pause for ever", "“ever” is not a duration"),
        ("pause 2hours", "“2hours” is not a duration"),
        ("pause 0s", "is not between a second and 365 days"),
        ("pause 99999999999999999999d", "is not a duration"),
        ("pause 400d", "is not between a second and 365 days"),
        ("pause until 18:00", "Say how long, not until when"),
        ("pause service:", "“service:” names no service"),
        ("pause service", "Which service? For example: `service:checkout`."),
        ("pause servce:checkout", "“servce:checkout” is not a scope"),
        ("resume checkout", "“checkout” is not a scope"),
        ("resume service:a service:b", "is not a scope"),
        ("rollback it", "“it” is not an incident's name"),
        ("rollback INC-1 " + "x " * 5000, "The reason has 9999 characters; please say it in at most 1000"),
    ],
)
def test_what_is_not_understood_is_answered_with_what_to_type_instead(text: str, says: str) -> None:
    with pytest.raises(WordsError) as error:
        understand(text)
    assert says in str(error.value)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_example_of_the_help_is_understood(name: str) -> None:
    subcommand = SUBCOMMANDS[name]
    assert subcommand.usage.split()[0] == subcommand.example.split()[0] == name
    understand(subcommand.example)


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from([*SUBCOMMANDS, "for", "until", "1h", "service:", ":", "INC-1"])).map(" ".join)
)
def test_anything_typed_is_understood_or_explained(text: str) -> None:
    try:
        understand(text)
    except WordsError as error:
        assert str(error)  # noqa: PT017 - both outcomes are right
