"""What a value of a policy file may be: times, conditions, addresses, names; each error at its place."""

from datetime import time

import pytest

from bot.policy.file.loading import check_policy, load_policy
from tests.policy.small_file import GOOD, changed, errors_of

NO_WAY = (
    18,
    5,
    "verify needs exactly one of `healthy` (PromQL), `http` (a URL) and `own: true` (the remediation's view)",
)


def test_a_verify_without_a_way_to_know_is_an_error() -> None:
    text = changed('{within: 2m, healthy: "up == 1"}', "{within: 2m}")
    [error] = check_policy(text).errors
    assert (error.line, error.column) == (18, 5)
    assert error.remedy == "add one of them: without it nobody knows whether it worked"


@pytest.mark.parametrize(
    ("ways", "errors"),
    [
        ("own: true", []),
        ('own: false, healthy: "up == 1"', []),
        ("own: false", [NO_WAY]),
        ('own: true, healthy: "up == 1"', [NO_WAY]),
        ('own: true, http: "https://x"', [NO_WAY]),
    ],
)
def test_the_remediations_own_view_is_a_way_to_know(ways: str, errors: list[tuple[int, int, str]]) -> None:
    assert errors_of(changed('healthy: "up == 1"', ways)) == errors


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[restart, notify]", None),
        ("[restrat]", "'restrat' is not an effect; choose from restart, capacity"),
        ("[unknown]", "'unknown' is not an effect"),
        ("[5]", "5 is not an effect"),
        ("[]", "effects is empty; name what it touches, or remove it"),
    ],
)
def test_a_declared_effect_is_one_that_there_is(written: str, told: str | None) -> None:
    errors = check_policy(changed("    level: L1\n", f"    level: L1\n    effects: {written}\n")).errors
    assert (told is None) == (not errors)
    assert told is None or told in f"{errors[0].message}; {errors[0].remedy}"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{count: 2}", None),
        ("{share: 0.5}", None),
        ("{}", "needs exactly one of count and share; write {count: 2} or {share: 0.5}"),
        ("{count: 2, share: 0.5}", "needs exactly one"),
        ("{count: 0}", "greater than or equal to 1"),
        ("{share: 1.5}", "less than or equal to 1"),
    ],
)
def test_what_must_stay_healthy_is_a_number_or_a_share(written: str, told: str | None) -> None:
    errors = check_policy(changed("{fleet: 4}", f"{{leave_healthy: {written}}}")).errors
    assert (told is None) == (not errors)
    assert told is None or told in f"{errors[0].message}; {errors[0].remedy}"


def test_a_verify_of_another_shape_is_one_error() -> None:
    assert errors_of(changed('{within: 2m, healthy: "up == 1"}', "soon")) == [(18, 13, '"soon": should be a mapping')]


@pytest.mark.parametrize(
    ("since", "error"),
    [
        ("", (20, 5, "'from' is missing")),
        ("from: soon, ", (20, 12, '"soon": should be a valid datetime, input is too short')),
        ("from: [], ", (20, 12, "[]: should be a valid datetime")),
    ],
)
def test_a_freeze_whose_beginning_cannot_be_read_is_one_error(since: str, error: tuple[int, int, str]) -> None:
    assert errors_of(GOOD + f"freezes:\n  - {{{since}name: x, until: 2026-12-20T00:00Z}}\n") == [error]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/health", "https://x"])
def test_a_url_is_a_way_to_know(url: str) -> None:
    assert errors_of(changed('healthy: "up == 1"', f'http: "{url}"')) == []


def test_a_url_is_never_filled_from_an_alert() -> None:
    text = changed('healthy: "up == 1"', 'http: "http://${alert.labels.host}/"')
    assert errors_of(text) == [(18, 32, "'http://${alert.labels.host}/' is not a fixed http:// or https:// URL")]


def test_a_service_query_has_no_alert_to_be_filled_from() -> None:
    text = changed("{fleet: 4}", "{slo_burn: \"burn{service='${alert.service}'}\"}")
    assert errors_of(text) == [(10, 24, "this query is asked without an alert, so nothing could fill ${...}")]


@pytest.mark.parametrize("where", ["approve_within", "execute_within"])
def test_people_always_get_some_time(where: str) -> None:
    assert [error[2] for error in errors_of(changed("{from: [sre]}", f"{{from: [sre], {where}: 0m}}"))] == [
        "0m is no time at all"
    ]


@pytest.mark.parametrize("where", ["review_within", "announce_within", "watch_after"])
def test_no_default_wait_is_zero(where: str) -> None:
    text = changed("  approvals: {from: [sre]}\n", f"  approvals: {{from: [sre]}}\n  {where}: 0s\n")
    assert [error[2] for error in errors_of(text)] == ["0s is no time at all"]


def test_a_mutes_condition_is_checked_too() -> None:
    text = GOOD + "mute:\n  - {when: hour > 3, reason: night}\n"
    assert errors_of(text) == [(20, 12, "in the condition: unknown name hour")]


def test_a_runbook_is_no_alternative_to_itself() -> None:
    text = changed("    level: L1\n", "    level: L1\n    alternatives: [restart]\n")
    assert errors_of(text) == [(16, 20, "there is no other runbook 'restart'")]


@pytest.mark.parametrize("word", ["true", "false"])
def test_a_bare_true_or_false_is_a_condition(word: str) -> None:
    text = changed("alert.name == 'ServiceDown'", word) + f"    conditions: [{word}, hour > 3]\n"
    runbook = load_policy(text, filename="p").runbooks["restart"]
    assert (runbook.when, runbook.conditions) == (word, (word, "hour > 3"))


def test_a_condition_that_yaml_takes_for_a_tag_says_how_to_write_it() -> None:
    [problem] = check_policy(changed("alert.name == 'ServiceDown'", "!(alert.name == 'x')")).errors
    assert (problem.line, problem.column, problem.remedy) == (14, 11, "put a text that begins with ! in quotes")


def test_quiet_hours_are_read_as_people_write_them() -> None:
    hours = "{from: 22:00, until: '7:30', timezone: Europe/Berlin, except: [critical]}"
    policy = load_policy(changed("U02BOB]}", f"U02BOB], quiet_hours: {hours}}}"), filename="policy.yml")
    quiet = policy.people["sre"].quiet_hours
    assert quiet is not None
    assert (quiet.since, quiet.until, quiet.severities) == (time(22), time(7, 30), ("critical",))


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ("{from: 22, until: 07:00, timezone: UTC}", "22 is not a time of day"),
        ("{from: 24:00, until: 07:00, timezone: UTC}", "'24:00' is not a time of day"),
        ("{from: 22:00, until: 07:00, timezone: Berlin}", "'Berlin' is not a time zone"),
        ("{from: 22:00, until: 07:00, timezone: ../etc/passwd}", "is not a time zone"),
        ("{from: 22:00, until: 22:00, timezone: UTC}", "no time at all, or the whole day"),
        ("{from: 22:00, until: 07:00}", "timezone"),
    ],
)
def test_quiet_hours_that_mean_nothing_are_refused_at_their_line(hours: str, told: str) -> None:
    (found,) = check_policy(changed("U02BOB]}", f"U02BOB], quiet_hours: {hours}}}")).errors
    assert found.line == 4
    assert told in f"{found.message} {found.remedy} {found.path}"


def test_a_group_of_the_escalation_that_does_not_exist_is_named_with_the_nearest() -> None:
    (error,) = errors_of(changed("{from: [sre]}", "{from: [sre], escalation: [ser]}"))
    assert error == (8, 41, "there is no group of people 'ser'")
