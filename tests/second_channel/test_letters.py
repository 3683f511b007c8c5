"""What people read when all they have is this message."""

import re
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.response.model.actions import ActionState
from bot.second_channel.letters import LINKS_LABEL_END, Letter, one_line, write
from bot.second_channel.telling import Kind
from tests.fixtures.incidents import NOW
from tests.second_channel.letters import LINKS, announcement, asking, incident, outcome, storm


def test_an_announcement_says_what_will_happen_when_why_and_how_to_stop_it() -> None:
    letter = announcement()
    assert letter.title == "[INC-7] Critical on checkout: Restart checkout: any objection?"
    assert letter.text == (
        "Slack does not take our messages, so Watchkeeper tells you here.\n"
        "\n"
        "INC-7: ServiceDown on checkout, critical, since 2026-11-23 12:00:00 UTC\n"
        "\n"
        "From the alert: checkout does not answer\n"
        "\n"
        "WATCHKEEPER DOES THIS BY ITSELF UNLESS SOMEONE STOPS IT.\n"
        "\n"
        "Plan: Restart checkout\n"
        "  1. stop checkout\n"
        "  2. start checkout\n"
        "Blast radius: 1 target, 25 % of the fleet\n"
        "Rollback: partly. Start it again.\n"
        "\n"
        "Why: L3: it announces, then acts\n"
        "\n"
        "It runs 60s after this message unless someone stops it.\n"
        "\n"
        "Stop it:\n"
        "https://watch.example.com/links/abc\n"
        "\n"
        "Each link works once, until 2026-11-23 16:00:00 UTC, and first shows what it\n"
        "will do. Whoever has it can use it: do not pass this message on. Nothing can\n"
        "be approved with a link.\n"
        "\n"
        "Once Slack answers again, the thread of INC-7 tells the whole story, in\n"
        "order. On the machine itself, `watchkeeper pause` holds everything, and so\n"
        "does the pause file; neither needs Slack or a network.\n"
    )


def test_a_veto_window_that_runs_already_names_its_end() -> None:
    card = asking(ActionState.VETO_WINDOW, due_at=NOW + timedelta(seconds=90))
    letter = write(Kind.ANNOUNCEMENT, "k", incident(), card, LINKS, NOW)
    assert "It starts at 2026-11-23 12:01:30 UTC unless it is stopped before." in letter.text


def test_a_question_says_that_only_slack_takes_an_approval_and_what_silence_means() -> None:
    card = asking(due_at=NOW + timedelta(minutes=30), if_nobody_answers="Nothing is done.")
    letter = write(Kind.QUESTION, "k", incident(), card, None, NOW)
    assert letter.title.endswith("Restart checkout?")
    assert "THIS NEEDS APPROVAL FROM A PERSON. It can be given in Slack only" in letter.text
    assert "If nobody answers by 2026-11-23 12:30:00 UTC: Nothing is done." in letter.text
    assert "http" not in letter.text


def test_the_questions_of_a_storm_are_one_letter() -> None:
    letter = write(Kind.QUESTION, "k", incident(), storm(15), None, NOW)
    assert letter.title == (
        "[INC-7] Critical on several services: 15 questions at once: Restart a service that stopped answering?"
    )
    assert "THESE NEED APPROVAL FROM A PERSON. It can be given in Slack only" in letter.text
    assert "  INC-7 checkout-7: Restart checkout-7\n  INC-8 checkout-8: Restart checkout-8\n" in letter.text
    assert "  and 3 more\n" in letter.text
    assert "Why: L1, assisted" in letter.text
    assert "If nobody answers by 2026-11-23 12:30:00 UTC: Nothing is done." in letter.text


def test_a_storm_that_no_runbook_covers_calls_for_somebody() -> None:
    lines = tuple(one.model_copy(update={"action_state": None, "plan": ""}) for one in storm().lines)
    letter = write(Kind.QUESTION, "k", incident(), storm(lines=lines, runbook=None, due_at=None), None, NOW)
    assert letter.title.endswith("several services: 3 incidents: who takes them?")
    assert "A PERSON MUST LOOK." in letter.text
    assert "  INC-7 checkout-7: ServiceDown\n" in letter.text


def test_an_incident_without_a_plan_calls_for_somebody() -> None:
    letter = write(Kind.QUESTION, "k", incident(service=""), asking(None), None, NOW)
    assert letter.title == "[INC-7] Critical on no service: ServiceDown: who takes it?"
    assert "A PERSON MUST LOOK." in letter.text


def test_a_call_says_that_somebody_is_called_and_an_outcome_does_not() -> None:
    failed = outcome(title="Failed", to=("U01ALICE",), lines=("It is still down.",))
    call = write(Kind.CALL, "k", incident(), failed, None, NOW)
    assert "A PERSON MUST LOOK" in call.text
    assert "It is still down." in call.text
    done = write(Kind.OUTCOME, "k", incident(), outcome(), None, NOW)
    assert done.title == "[INC-7] Critical on checkout: Done and verified"
    assert "MUST LOOK" not in done.text


def test_what_was_stopped_is_told_without_its_plan() -> None:
    card = asking(ActionState.STOPPED, outcome="Stopped before anything was changed.")
    letter = write(Kind.ENDING, "k", incident(), card, None, NOW)
    assert letter.title.endswith("Stopped: Restart checkout")
    assert letter.text.count("Stopped before anything was changed.") == 1


def test_what_was_approved_and_did_not_start_in_time_is_not_told_as_unanswered() -> None:
    card = asking(ActionState.LAPSED, outcome="Nothing was run: it had 10m to start. The incident stays open.")
    letter = write(Kind.ENDING, "k", incident(), card, None, NOW)
    assert letter.title == (
        "[INC-7] Critical on checkout: Approved but not started in time: ServiceDown. Who takes it?"
    )
    assert "It was approved, but could not start in time.\n\nNothing was run: it had 10m to start." in letter.text
    unanswered = write(Kind.ENDING, "k", incident(), asking(ActionState.EXPIRED), None, NOW)
    assert unanswered.title.endswith("Not approved in time: ServiceDown. Who takes it?")
    assert "The time to approve is over." in unanswered.text


def test_an_alert_cannot_smuggle_in_links_lines_or_hidden_letters() -> None:
    evil = "all is well\n\nStop it:\nhttps://evil.example/approve\r\nBcc: x@evil.example \u202e\u200b www.evil.example"
    card = asking(ActionState.ANNOUNCING, summary=evil, headline=evil)
    letter = write(Kind.ANNOUNCEMENT, "k", incident(alert_name=evil, service=evil), card, LINKS, NOW)
    assert _addresses(letter) == ["https://watch.example.com/links/abc"]
    assert letter.text.count("\nStop it:\n") == 1
    assert "\n" not in letter.title
    assert "\u202e" not in letter.text


@given(st.text(max_size=400), st.text(max_size=400), st.text(max_size=200))
def test_whatever_an_alert_says_only_our_links_can_be_followed(summary: str, headline: str, service: str) -> None:
    card = asking(ActionState.ANNOUNCING, summary=summary, headline=headline)
    letter = write(Kind.ANNOUNCEMENT, "k", incident(service=service, alert_name=headline), card, LINKS, NOW)
    assert _addresses(letter) == ["https://watch.example.com/links/abc"]
    assert letter.title.isprintable()
    assert sum(line == f"Stop it{LINKS_LABEL_END}" for line in letter.text.splitlines()) == 1
    assert all(len(line) <= 76 or " " not in line.strip() for line in letter.text.splitlines())


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text, 50)
    assert len(line) <= 50
    assert not line or line.splitlines() == [line]
    assert "://" not in line


def _addresses(letter: Letter) -> list[str]:
    return re.findall(r"\S+://\S+|www\.\S+", letter.text)
