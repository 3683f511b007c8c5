"""Every error of a policy file at once, each at its line and column, with a remedy."""

from collections.abc import Iterable
from textwrap import dedent

import pytest

from bot.policy.file.document import Policy
from bot.policy.file.loading import check_policy, load_policy
from bot.policy.file.problems import PolicyError, Problem, Trouble, Weight, render
from bot.policy.file.source import Mark, Source
from bot.policy.levels import Level
from tests.policy.small_file import GOOD, MODELS, changed, errors_of


def test_a_good_policy_loads() -> None:
    policy = load_policy(GOOD, filename="policy.yml", parameter_models=MODELS)
    assert policy.runbooks["restart"].level is Level.L1
    assert policy.defaults.approvals.groups == ("sre",)
    assert policy.runbooks["restart"].parameters == {"backend": "supervisor", "service": "${alert.labels.service}"}


def test_what_the_systems_say_is_an_error_at_its_place() -> None:
    def unreachable(policy: Policy) -> Iterable[Trouble]:
        for name in policy.runbooks:
            yield Trouble(("runbooks", name, "with", "backend"), "is of a kind that cannot restart", "choose another")

    (problem,) = check_policy(GOOD, parameter_models=MODELS, systems=unreachable).errors
    assert problem.path == "runbooks.restart.with.backend"
    assert "is of a kind that cannot restart" in problem.message
    assert "backend: supervisor" in GOOD.splitlines()[problem.line - 1]
    with pytest.raises(PolicyError, match="cannot restart"):
        load_policy(GOOD, filename="policy.yml", parameter_models=MODELS, systems=unreachable)
    assert check_policy(GOOD, parameter_models=MODELS, systems=lambda _: ()).policy is not None


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("backends", "supervisor"), "  supervisor: {server"),
        (("backends", "supervisor", "server"), '"unix:///run'),
        (("backends", "supervisor", "missing"), "supervisor: {server"),
        (("people", "sre", "users"), "users: [U01ALICE"),
        (("people", "sre", "users", 1), "U02BOB]"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_whole_section_is_shown_at_its_name(path: tuple[str | int, ...], found: str) -> None:
    (problem,) = check_policy(GOOD, systems=lambda _: [Trouble(path, "is wrong", "mend it")]).errors
    line = GOOD.splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith(found.strip())


BAD = """\
version: 2
channel: {incidents: C01INC}
channels: {incidents: "#incidents"}
people:
  sre: {users: [U01ALICE, "@bob"]}
  empty: {}
levels: {lowest: L2, highest: L1}
defaults:
  approvals: {groups: [sre], needed: "two", approve_within: 30}
  veto_window: soon
escalate: {confidence_below: 0.2, slo_burn_above: 9, security_severity: critical}
services:
  checkout: {depends_on: [order], fleet: 0}
  orders: {}
budgets:
  - {scope: everything, actions: true, per: 0s}
freezes:
  - {name: x, from: 2027-01-02T00:00Z, until: 2026-12-20T00:00Z, services: [orders, cart]}
  - {name: y, from: 2027-01-02T00:00, until: 2027-02-20T00:00Z}
runbooks:
  restart it:
    summary: 5
    when: alert.nam == 'X' && hour > 3
    level: L4
    remediation: restart_servic
    with: {backend: supervisr, service: "${alert.label.service}"}
    conditions:
      - hour >=
      - confidence > 1
    blast_radius: {targets: 3, approved_targets: 2}
    evidence: {a: "up{job=~'x'} == ${alert.labels.x}"}
    verify: {within: 2m, healthy: up, http: "ftp://x"}
    verify: {within: 2m}
    alternatives: [nothing]
    approvals: {from: [sree]}
"""


def test_every_error_of_a_bad_policy_is_found_at_its_place() -> None:
    assert errors_of(BAD) == [
        (1, 10, "2: should be less than or equal to 1"),
        (2, 1, "unknown key 'channel'"),
        (3, 23, "'#incidents' is a name that people see, not an id"),
        (5, 27, "'@bob' is a name that people see, not an id"),
        (6, 3, "group 'empty' names nobody"),
        (7, 18, "lowest (L2) is above highest (L1)"),
        (9, 3, "nobody may approve anything: defaults.approvals names no group"),
        (9, 15, "unknown key 'groups'"),
        (9, 38, '"two": should be a valid integer'),
        (9, 61, "30 is not a duration"),
        (10, 16, "'soon' is not a duration"),
        (11, 30, "0.2: should be greater than or equal to 0.5"),
        (11, 51, "9: should be less than or equal to 2"),
        (11, 73, "security_severity can be tightened to medium or low, not loosened to critical"),
        (13, 27, "there is no service 'order'"),
        (13, 42, "0: should be greater than or equal to 1"),
        (16, 13, "\"everything\": should be 'all', 'service', 'tier', 'runbook' or 'target'"),
        (16, 34, "true: should be a valid integer"),
        (16, 45, "0s is no time at all"),
        (18, 47, "the freeze ends (2026-12-20T00:00Z) before it begins (2027-01-02T00:00Z)"),
        (18, 85, "there is no service 'cart'"),
        (19, 21, '"2027-01-02T00:00": should have timezone info'),
        (21, 3, "'restart it' cannot be the name of a runbook"),
        (22, 14, "5: should be a valid string"),
        (23, 11, "in the condition: unknown name alert.nam"),
        (23, 31, "in the condition: unknown name hour"),
        (24, 12, "'L4' is not a level"),
        (25, 18, "there is no remediation 'restart_servic'"),
        (26, 21, "there is no backend 'supervisr'"),
        (26, 42, "unknown name ${alert.label.service}"),
        (28, 16, "in the condition: Syntax error: mismatched input '<EOF>'"),
        (29, 20, "in the condition: no matching overload for '_>_' applied to '(double, int)'"),
        (30, 50, "an approver could allow fewer targets (2) than the runbook may touch by itself (3)"),
        (31, 36, "${alert.labels.x} may stand only inside the quoted value of a label matcher"),
        (
            32,
            5,
            "verify needs exactly one of `healthy` (PromQL), `http` (a URL) and `own: true` (the remediation's view)",
        ),
        (32, 45, "'ftp://x' is not a fixed http:// or https:// URL"),
        (33, 5, "'verify' is written twice, first in line 32"),
        (34, 20, "there is no other runbook 'nothing'"),
        (35, 24, "there is no group of people 'sree'"),
    ]


def test_errors_are_rendered_with_remedy_line_and_caret() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy(changed("level: L1", "levle: L1"), filename="policy.yml")
    assert str(caught.value) == dedent("""\
        policy.yml:12:3: error: 'level' is missing
              restart:
              ^
            remedy: add `level:` here; docs/policy.md explains it
        policy.yml:15:5: error: unknown key 'levle'
                levle: L1
                ^
            remedy: did you mean 'level'?""")
    assert [problem.path for problem in caught.value.problems] == ["runbooks.restart.level", "runbooks.restart.levle"]


def test_a_tab_in_the_line_keeps_the_caret_in_its_place() -> None:
    problem = Problem(1, 3, "", Weight.ERROR, "wrong", "right")
    assert render([problem], filename="f", text="a\tb").splitlines()[1:3] == ["    a\tb", "     \t^"]


def test_a_place_outside_the_file_is_still_rendered() -> None:
    problem = Problem(9, 1, "", Weight.ERROR, "wrong", "right")
    assert render([problem], filename="f", text="a") == "f:9:1: error: wrong\n    remedy: right"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", (1, 1), "the policy is empty"),
        ("# nothing\n", (1, 1), "the policy is empty"),
        ("~", (1, 1), "the policy is empty"),
        ("a: [1", (1, 6), "not readable as YAML"),
        ("version: 1\n\tchannels: {}", (2, 1), "not readable as YAML"),
        ("version: 1\n---\nversion: 1", (2, 1), "not readable as YAML: but found another document"),
        ("a: &x 1\nb: *x", (1, 4), "anchors are not accepted"),
        ("b: *x", (1, 4), "aliases are not accepted"),
        ("a: !!python/object/apply:os.system [x]", (1, 4), "tags are not accepted"),
        ("a: b\n  c: \x01", (2, 6), "unreadable character #x0001"),
        ("[" * 3000, (1, 1), "nested too deeply"),
    ],
)
def test_a_file_that_is_not_plain_yaml_is_one_error(text: str, place: tuple[int, int], message: str) -> None:
    [problem] = check_policy(text).errors
    assert (problem.line, problem.column) == place
    assert message in problem.message
    assert problem.remedy


@pytest.mark.parametrize(("text", "shown"), [("- a\n- b\n", '["a", "b"]'), ("hello", '"hello"'), ("'~'", '"~"')])
def test_a_file_of_another_shape_says_so(text: str, shown: str) -> None:
    assert errors_of(text) == [(1, 1, f"{shown}: should be a mapping")]


def test_a_key_that_is_not_a_word_is_an_error() -> None:
    assert errors_of(changed("{incidents: C01INC}", "{[a]: c, incidents: C01INC}")) == [
        (2, 12, "a key must be a word, not a list or mapping")
    ]


@pytest.mark.parametrize("word", ["yes", "on", "No", "0x10", "1:30", "2026-12-20", "1_000", ".inf", "1e"])
def test_words_that_other_readers_of_yaml_convert_stay_texts(word: str) -> None:
    policy = load_policy(changed("summary: Restart it", f"summary: {word}"), filename="p")
    assert policy.runbooks["restart"].summary == word


def test_field_names_of_the_code_are_not_accepted_in_the_file() -> None:
    assert errors_of(changed("    with: {backend", "    parameters: {backend")) == [
        (12, 3, "'service' is missing"),
        (17, 5, "unknown key 'parameters'"),
    ]


def test_an_unknown_key_in_an_item_of_a_list_says_what_is_known_there() -> None:
    findings = check_policy(GOOD + "budgets:\n  - {scope: all, actions: 5, per: 1h, rate: 0.5}\n")
    assert [(error.line, error.column, error.message) for error in findings.errors] == [(20, 39, "unknown key 'rate'")]
    assert findings.errors[0].remedy == "known here: scope, actions, concurrent, share, per"


def test_missing_sections_are_named() -> None:
    assert errors_of("version: 1\n") == [(1, 1, "'channels' is missing"), (1, 1, "'people' is missing")]


def test_something_empty_is_not_taken_for_nothing() -> None:
    assert errors_of(changed("services:\n  checkout: {fleet: 4}\n", "services:\n")) == [
        (9, 10, "nothing: should be a mapping")
    ]


def test_somebody_must_be_able_to_approve() -> None:
    assert errors_of(changed("defaults:\n  approvals: {from: [sre]}\n", "")) == [
        (1, 1, "nobody may approve anything: defaults.approvals names no group")
    ]
    assert errors_of(changed("{from: [sre]}", "{needed: 2}")) == [
        (8, 3, "nobody may approve anything: defaults.approvals names no group")
    ]
    every_runbook_its_own = changed("    level: L1\n", "    level: L1\n    approvals: {from: [sre]}\n")
    for defaults, place in (("", (1, 1)), ("defaults:\n  approvals: {from: []}\n", (8, 3))):
        assert errors_of(every_runbook_its_own.replace("defaults:\n  approvals: {from: [sre]}\n", defaults)) == [
            (*place, "nobody may approve anything: defaults.approvals names no group")
        ]
    own = changed("    level: L1\n", "    level: L1\n    approvals: {needed: 2}\n")
    assert errors_of(own) == [
        (16, 5, "nobody may approve 'restart': its own approvals replace the defaults, and name no group")
    ]


@pytest.mark.parametrize(
    ("with_", "errors"),
    [
        ("{service: web}", []),
        ("{service: '${alert.labels.service}', times: '${alert.labels.n}', mode: '${alert.labels.m}'}", []),
        (
            "{service: web, times: 'x'}",
            [(17, 33, '"x": should be a valid integer, unable to parse string as an integer')],
        ),
        ("{service: web, mode: slow}", [(17, 32, "\"slow\": should be 'hard' or 'soft'")]),
        ("{servce: web}", [(17, 5, "'service' is missing"), (17, 12, "unknown key 'servce'")]),
        ("{service: web, backend: '${alert.labels.b}'}", []),
        ("{service: web, backend: k8s}", [(17, 35, "there is no backend 'k8s'")]),
        ("{service: ['${alert.name}', '${oops}']}", [(17, 40, "unknown name ${oops}")]),
    ],
)
def test_parameters_fit_the_remediation(with_: str, errors: list[tuple[int, int, str]]) -> None:
    assert errors_of(changed('{backend: supervisor, service: "${alert.labels.service}"}', with_)) == errors


ONE_WAY = "verify needs exactly one of `healthy` (PromQL), `http` (a URL) and `own: true` (the remediation's view)"
NO_URL = "'web' is not a fixed http:// or https:// URL"
SAME_AS_PRODUCTION = "as it stands, staging is production: `staging.with` changes nothing of `with`"


def test_parameters_go_unchecked_without_the_catalogue() -> None:
    text = changed("remediation: restart_service", "remediation: something_else")
    assert check_policy(text).errors == ()
    assert [problem.message for problem in check_policy(text, parameter_models=MODELS).errors] == [
        "there is no remediation 'something_else'"
    ]


@pytest.mark.parametrize(
    ("staging", "errors"),
    [
        ("{with: {service: web-staging}}", []),
        ("{with: {times: 2}}", []),
        ("{inject: kill}", [(16, 5, SAME_AS_PRODUCTION)]),
        ("{}", [(16, 5, SAME_AS_PRODUCTION)]),
        ("{with: {backend: supervisor}}", [(16, 5, SAME_AS_PRODUCTION)]),
        ("{with: {service: '${alert.labels.service}'}, inject: kill}", [(16, 5, SAME_AS_PRODUCTION)]),
        ("kill", [(16, 14, '"kill": should be a mapping')]),
        ("{with: {servce: web}}", [(16, 22, "unknown key 'servce'")]),
        ("{with: {times: x}}", [(16, 29, '"x": should be a valid integer, unable to parse string as an integer')]),
        ("{with: {backend: k8s}}", [(16, 31, "there is no backend 'k8s'")]),
        ("{with: {service: '${alert.nam}'}}", [(16, 32, "unknown name ${alert.nam}")]),
        ("{with: {service: web-staging}, alert: {service: web-staging}, verify: {within: 1m, own: true}}", []),
        ("{with: {service: web-staging}, alert: {tier: 1}}", [(16, 59, "1: should be a valid string")]),
        ("{with: {service: web-staging}, verify: {within: 0s, own: true}}", [(16, 62, "0s is no time at all")]),
        ("{with: {service: web-staging}, verify: {within: 1m, http: web}}", [(16, 72, NO_URL)]),
        ("{with: {service: web-staging}, verify: {within: 1m}}", [(16, 45, ONE_WAY)]),
    ],
)
def test_staging_parameters_are_laid_over_the_runbooks(staging: str, errors: list[tuple[int, int, str]]) -> None:
    text = changed("    level: L1\n", f"    level: L1\n    staging: {staging}\n")
    assert errors_of(text) == errors


def test_what_staging_takes_over_from_the_runbook_is_wrong_only_once() -> None:
    text = changed("{backend: supervisor,", "{times: x, backend: supervisor,")
    text = text.replace("    level: L1\n", "    level: L1\n    staging: {with: {service: web-staging}}\n")
    assert errors_of(text) == [(18, 19, '"x": should be a valid integer, unable to parse string as an integer')]


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("when: alert.nam == 'x'", 14, 11),
        ("when: 'alert.nam == \"x\"'", 14, 12),
        ("when: |\n      true &&\n      alert.nam == 'x'", 16, 7),
        ("when: >\n      true &&\n      alert.nam == 'x'", 14, 11),
        ("when: \"\\x61lert.nam == 'x'\"", 14, 11),
    ],
)
def test_an_error_within_a_text_points_into_it_where_that_can_be_told(written: str, line: int, column: int) -> None:
    assert errors_of(changed("when: alert.name == 'ServiceDown'", written)) == [
        (line, column, "in the condition: unknown name alert.nam")
    ]


def test_a_place_within_what_is_no_text_is_where_it_begins() -> None:
    assert Source("a: 1\nb: [x, y]\n").inside(("b",), 1, 3) == Mark(2, 4)
