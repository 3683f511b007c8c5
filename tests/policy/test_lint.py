"""Warnings: what is allowed, but will surprise somebody."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.policy.file import document
from bot.policy.file.loading import check_policy, load_policy
from bot.policy.plan import Facts
from bot.policy.rules.matching import match
from tests.policy.calm import calm_alert

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

QUIET = """\
version: 1
channels: {incidents: C01INC}
people:
  sre: {users: [U01ALICE, U02BOB]}
defaults:
  approvals: {from: [sre]}
services:
  checkout: {fleet: 4}
budgets:
  - {scope: all, actions: 5, per: 1h}
freezes:
  - {name: release, from: 2026-12-01T00:00Z, until: 2026-12-02T00:00Z}
mute:
  - {when: alert.name == 'Watchdog', reason: always fires}
gates: {sign_off: [sre]}
runbooks:
  restart:
    summary: Restart it
    when: alert.name == 'ServiceDown'
    level: L3
    remediation: restart_service
    with: {service: checkout}
    blast_radius: {share: 0.5}
    evidence: {down: up == 0}
    verify: {within: 2m, healthy: up == 1}
    staging: {with: {service: checkout-staging}, inject: kill}
    authors: [U04DAN]
"""


def warnings_of(text: str) -> list[tuple[int, int, str]]:
    findings = check_policy(text, now=NOW)
    assert findings.errors == ()
    assert findings.policy is not None
    assert all(problem.remedy for problem in findings.warnings)
    return [(problem.line, problem.column, problem.message) for problem in findings.warnings]


def changed(old: str, new: str) -> str:
    assert QUIET.count(old) == 1, old
    return QUIET.replace(old, new)


def second_runbook(when: str) -> str:
    entry = QUIET[QUIET.index("  restart:") :].replace("  restart:", "  second:")
    return QUIET + entry.replace("alert.name == 'ServiceDown'", f'"{when}"')


def test_a_thoughtful_policy_has_no_warnings() -> None:
    assert warnings_of(QUIET) == []


@pytest.mark.parametrize(
    ("old", "new", "warning"),
    [
        (
            "  sre: {users: [U01ALICE, U02BOB]}\n",
            "  sre: {users: [U01ALICE, U02BOB]}\n  leads: {users: [U03CAROL]}\n",
            (5, 3, "group 'leads' approves nothing: its members may only stop, pause, take, review and ask"),
        ),
        (
            "[U01ALICE, U02BOB]",
            "[U01ALICE]",
            (
                6,
                3,
                "every runbook with the default approvals needs every one of its approvers (1); "
                "a request of one of them cannot pass",
            ),
        ),
        (
            "{from: [sre]}",
            "{from: [sre], needed: 3}",
            (
                6,
                3,
                "every runbook with the default approvals needs 3 approvals, but its approvers are only 2 in all",
            ),
        ),
        (
            "budgets:\n  - {scope: all, actions: 5, per: 1h}\n",
            "",
            (1, 1, "there are no budgets: nothing limits how often Watchkeeper acts"),
        ),
        (
            "from: 2026-12-01T00:00Z, until: 2026-12-02T00:00Z",
            "from: 2025-12-01T00:00Z, until: 2026-11-23T12:00Z",
            (12, 53, "the freeze 'release' is over since 2026-11-23 12:00 UTC"),
        ),
        ("alert.name == 'Watchdog'", "true", (14, 12, "this mutes every alert: nobody is told of anything")),
        ("alert.name == 'Watchdog'", "1 == 2", (14, 12, "this never mutes anything: `when` is always false")),
        (
            "when: alert.name == 'ServiceDown'",
            "when: false && alert.name == 'x'",
            (19, 11, "'restart' can never match: its `when` is always false"),
        ),
        (
            "level: L3",
            "level: L1\n    conditions: [hour > 3]",
            (21, 5, "the conditions of 'restart' are judged before it acts by itself, and L1 never does"),
        ),
        (
            "level: L3",
            "level: L2",
            (17, 3, "'restart' is conditional (L2) without conditions: it acts at once, without a veto window"),
        ),
        (
            "level: L3",
            "level: L3\n    veto_window: 0s",
            (21, 18, "nobody can stop 'restart' before it starts: its veto window is 0"),
        ),
        (
            "  approvals: {from: [sre]}",
            "  approvals: {from: [sre]}\n  veto_window: 0s",
            (7, 16, "nobody can stop 'restart' before it starts: its veto window is 0"),
        ),
        (
            "    staging: {with: {service: checkout-staging}, inject: kill}\n",
            "",
            (17, 3, "'restart' can never earn L3: without `staging` its gates cannot be run, so it stays at L1"),
        ),
        (
            "{service: checkout}",
            "{service: checkout, mode: '${alert.name}'}",
            (26, 5, "in staging there is no alert to fill mode of 'restart'"),
        ),
        (
            "    authors: [U04DAN]\n",
            "",
            (17, 3, "'restart' can never earn L3: it does not say who wrote it, so nobody can sign it off"),
        ),
        (
            "gates: {sign_off: [sre]}\n",
            "",
            (16, 3, "'restart' can never earn L3: `gates.sign_off` names nobody who may sign it off"),
        ),
        (
            "authors: [U04DAN]",
            "authors: [U02BOB, U01ALICE]",
            (17, 3, "'restart' can never earn L3: whoever may sign off has written it"),
        ),
        (
            "    evidence: {down: up == 0}\n",
            "",
            (17, 3, "'restart' has no evidence, so its confidence is always below the floor: it will only ever ask"),
        ),
        (
            "{fleet: 4}",
            "{tier: 1}",
            (
                23,
                27,
                "'restart' bounds the share of the fleet, but the fleet of checkout is unknown: there it will only ask",
            ),
        ),
        (
            "services:\n  checkout: {fleet: 4}\n",
            "",
            (
                21,
                27,
                "'restart' bounds the share of the fleet, but the fleet of any service is unknown: "
                "there it will only ask",
            ),
        ),
        (
            "runbooks:",
            "levels: {highest: L1}\nrunbooks:",
            (21, 12, "'restart' is written for L3, but the organisation's highest level is L1"),
        ),
    ],
)
def test_a_surprise_is_warned_about_at_its_place(old: str, new: str, warning: tuple[int, int, str]) -> None:
    assert warnings_of(changed(old, new)) == [warning]


WAITING = "{service: '${alert.service}', deep: ['${alert.labels.instance}', {of: '${alert.severity}'}]}"


def test_what_the_parameters_tell_apart_should_tell_incidents_apart() -> None:
    text = changed("{service: checkout}", WAITING)
    text = text.replace("{service: checkout-staging}", "{service: staging, deep: []}")
    assert warnings_of(text) == [
        (22, 11, "alerts that differ in instance, severity become one incident, but 'restart' acts for one of them")
    ]
    grouped = text.replace("runbooks:\n", "group_by: [alertname, service, severity, instance]\nrunbooks:\n")
    assert warnings_of(grouped) == []
    annotated = text.replace("${alert.severity}", "${alert.annotations.cause}").replace(
        "alert.labels.instance", "alert.name"
    )
    assert warnings_of(annotated) == [], "nothing can be grouped by an annotation"


def test_a_value_that_staging_would_wait_for_is_found_however_deep_it_stands() -> None:
    text = changed("{service: checkout}", WAITING).replace(
        "runbooks:\n", "group_by: [service, severity, instance]\nrunbooks:\n"
    )
    (warning,) = warnings_of(text)
    assert warning[2] == "in staging there is no alert to fill deep of 'restart'"


def test_a_level_below_the_lowest_is_a_surprise() -> None:
    text = changed("level: L3", "level: L0").replace("runbooks:", "levels: {lowest: L1}\nrunbooks:")
    assert warnings_of(text) == [(21, 12, "'restart' is written for L0, below the organisation's lowest level L1")]


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_what_never_acts_alone_needs_neither_staging_nor_evidence(level: str) -> None:
    text = changed("level: L3", f"level: {level}")
    for line in (
        "    staging: {with: {service: checkout-staging}, inject: kill}\n",
        "    evidence: {down: up == 0}\n",
        "    authors: [U04DAN]\n",
        "gates: {sign_off: [sre]}\n",
    ):
        text = text.replace(line, "")
    assert warnings_of(text) == []


@pytest.mark.parametrize(
    "when",
    [
        "alert.name == 'ServiceDown'",
        "alert.name  ==  'ServiceDown'",
        "alert.name == 'ServiceDown' && alert.severity == 'critical'",
        "alert.severity == 'critical' && alert.name == 'ServiceDown'",
    ],
)
def test_a_runbook_shadowed_by_an_earlier_one_is_a_surprise(when: str) -> None:
    text = second_runbook(when)
    assert warnings_of(text) == [(30, 11, "'second' can never match: whatever it is for matches 'restart' first")]
    policy = load_policy(text, filename="p")
    assert match(policy, calm_alert(severity="critical")).runbook == "restart"


@pytest.mark.parametrize(
    "when",
    [
        "alert.name == 'Other'",
        "alert.name == 'ServiceDown' || alert.severity == 'critical'",
        "!(alert.name == 'ServiceDown' && alert.severity == 'critical')",
        "true",
    ],
)
def test_a_runbook_that_may_still_match_is_not_called_shadowed(when: str) -> None:
    assert warnings_of(second_runbook(when)) == []


def test_everything_after_a_runbook_for_every_alert_is_shadowed() -> None:
    text = second_runbook("alert.name == 'Other'").replace("alert.name == 'ServiceDown'", "true || alert.name == ''")
    assert warnings_of(text) == [(30, 11, "'second' can never match: whatever it is for matches 'restart' first")]


def test_a_user_group_is_not_counted_because_only_slack_knows_its_members() -> None:
    assert warnings_of(changed("{users: [U01ALICE, U02BOB]}", "{usergroup: S0123}")) == []


def test_whoever_may_sign_off_approves_something() -> None:
    text = changed("[U01ALICE, U02BOB]}", "[U01ALICE, U02BOB]}\n  leads: {users: [U03CAROL]}")
    assert warnings_of(text.replace("{sign_off: [sre]}", "{sign_off: [leads]}")) == []


def test_a_user_group_may_have_somebody_who_has_not_written_it() -> None:
    text = changed("[U01ALICE, U02BOB]}", "[U01ALICE, U02BOB]}\n  leads: {usergroup: S0123, users: [U01ALICE]}")
    assert warnings_of(text.replace("{sign_off: [sre]}", "{sign_off: [leads]}")) == []


def test_a_runbooks_own_approvers_are_counted_for_it() -> None:
    text = changed("level: L3", "level: L3\n    approvals: {from: [sre], needed: 2}")
    assert warnings_of(text) == [
        (21, 5, "'restart' needs every one of its approvers (2); a request of one of them cannot pass")
    ]


def test_a_default_that_surprises_every_runbook_is_said_once() -> None:
    text = second_runbook("alert.name == 'Other'").replace("[U01ALICE, U02BOB]", "[U01ALICE]")
    assert [told for _, _, told in warnings_of(text) if "default approvals" in told] == [
        "every runbook with the default approvals needs every one of its approvers (1); "
        "a request of one of them cannot pass"
    ]


def test_nothing_is_of_the_past_when_nobody_says_what_time_it_is() -> None:
    text = changed("until: 2026-12-02T00:00Z", "until: 2026-12-01T00:01Z").replace("2026-12-01", "2020-12-01")
    assert check_policy(text).warnings == ()
    assert len(check_policy(text, now=NOW).warnings) == 1


# The documentation


def test_the_example_has_neither_errors_nor_warnings() -> None:
    findings = check_policy((DOCS / "policy.example.yml").read_text(), now=NOW)
    assert findings.problems == ()
    assert findings.policy is not None
    assert {str(runbook.level) for runbook in findings.policy.runbooks.values()} == {"L0", "L1", "L2", "L3"}


def test_the_reference_explains_every_key() -> None:
    reference = (DOCS / "policy.md").read_text()
    models = [each for each in vars(document).values() if isinstance(each, type) and issubclass(each, Facts)]
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert {"from", "with", "approved_targets", "watch_after"} <= keys
    assert {key for key in keys if not re.search(rf"[`.]{key}[`.]", reference)} == set()


def test_a_hand_over_to_people_who_were_asked_already_is_pointed_out() -> None:
    text = changed("{from: [sre]}", "{from: [sre], escalation: [sre]}")
    (warning,) = warnings_of(text)
    assert warning == (6, 41, "'sre' has been asked already by then")


def test_own_approvals_that_lose_the_escalation_of_the_defaults_are_pointed_out() -> None:
    text = changed(
        "  sre: {users: [U01ALICE, U02BOB]}", "  sre: {users: [U01ALICE, U02BOB]}\n  leads: {users: [U03CAROL]}"
    )
    text = text.replace("{from: [sre]}", "{from: [sre], escalation: [leads]}")
    assert warnings_of(text) == []
    text = text.replace("    level: L3", "    level: L3\n    approvals: {from: [sre]}")
    assert [told for _, _, told in warnings_of(text)] == [
        "the own approvals of 'restart' replace the defaults, escalation included: nobody is asked next"
    ]


def test_a_chain_in_which_everybody_may_be_asleep_is_pointed_out() -> None:
    hours = "{users: [U01ALICE, U02BOB], quiet_hours: {from: 22:00, until: 07:00, timezone: Europe/Berlin}}"
    (warning,) = warnings_of(changed("{users: [U01ALICE, U02BOB]}", hours))
    assert "when they overlap, nobody is called" in warning[2]


@pytest.mark.parametrize(
    ("escalate", "warned"),
    [
        ("{confidence_below: 0.82}", None),
        (
            "{confidence_below: 0.85}",
            "with its gates alone 'restart' has a confidence of 0.8217, below 0.85",
        ),
        ("{cases_below: 3}", None),
        ("{cases_below: 4}", "the gates of 'restart' are 3 cases, fewer than the 4 it needs"),
    ],
)
def test_what_the_gates_alone_can_never_reach_is_pointed_out(escalate: str, warned: str | None) -> None:
    found = [told for _, _, told in warnings_of(f"{QUIET}escalate: {escalate}\n") if "gates" in told]
    assert found == ([] if warned is None else [warned])


def test_a_floor_that_the_evidence_can_never_reach_is_pointed_out() -> None:
    found = [told for _, _, told in warnings_of(f"{QUIET}escalate: {{confidence_below: 0.9}}\n")]
    assert "the confidence of 'restart' stays below 0.9, whatever its cases, and the floor is 0.9" in found


@pytest.mark.parametrize(
    ("condition", "warned"),
    [
        ("confidence >= 0.8", None),
        ("hour >= 6 && confidence > 0.8", None),
        ("confidence < 0.5", None),
        ("hour == 99", None),
        ("alert.labels.confidence == 'low'", None),
        ("confidence > 0.85", "does not hold with the gates of 'restart' alone, which give a confidence of 0.8217"),
        ("confidence >= 0.9", "never holds: the confidence of 'restart' stays below 0.9, whatever its cases"),
        (
            "hour >= 6 && confidence > 0.9",
            "never holds: the confidence of 'restart' stays below 0.9, whatever its cases",
        ),
    ],
)
def test_a_condition_that_asks_for_more_confidence_than_there_can_be_is_pointed_out(
    condition: str, warned: str | None
) -> None:
    text = changed("    level: L3\n", f'    level: L3\n    conditions: ["{condition}"]\n')
    found = [told for _, _, told in warnings_of(text) if "confidence of" in told]
    assert found == ([] if warned is None else [f"{condition!r} {warned}"])
