"""A policy is held to the systems it names before anything is connected to: ``watchkeeper check`` and every start."""

from pathlib import Path

import pytest

from bot.policy.file.loading import check_policy
from remediations.catalogue import parameter_models
from remediations.policy_check import policy_troubles

ROOT = Path(__file__).parents[2]
POLICY = """\
version: 1
channels: {incidents: C01INC, audit: C02AUD}
people:
  sre: {users: [U01ALICE, U02BOB]}
levels: {lowest: L0, highest: L3}
backends:
  supervisor: {server: "unix:///run/supervisor.sock", staging: ["*-staging"]}
  units: {kind: systemd, staging: ["checkout-staging"]}
  firewall: {kind: nftables}
defaults:
  approvals: {from: [sre], needed: 1, approve_within: 30m, execute_within: 10m}
runbooks:
  restart:
    summary: Restart it
    when: alert.name == 'ServiceDown'
    level: L1
    remediation: restart_service
    with: {backend: supervisor, service: checkout}
    verify: {within: 2m, healthy: "up == 1"}
    staging: {with: {service: checkout-staging}, inject: kill}
"""


def found(*changes: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Where, what and which remedy, of every error."""
    text = POLICY
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    errors = check_policy(text, parameter_models=parameter_models(), systems=policy_troubles).errors
    return [(f"{each.path} in line {each.line}", each.message, each.remedy) for each in errors]


def test_a_policy_whose_backends_can_do_what_is_asked_of_them_is_good() -> None:
    assert found() == []
    assert found(("backend: supervisor, service: checkout}", "backend: units, service: checkout}")) == []


def test_the_example_is_good_with_all_that_is_known() -> None:
    text = (ROOT / "docs" / "policy.example.yml").read_text()
    assert check_policy(text, parameter_models=parameter_models(), systems=policy_troubles).problems == ()


def test_a_backend_of_a_kind_that_cannot_serve_is_refused_with_those_that_can() -> None:
    assert found(("backend: supervisor, service: checkout}", "backend: firewall, service: checkout}")) == [
        (
            "runbooks.restart.with.backend in line 18",
            "backend 'firewall' is of kind nftables, and restart_service cannot act through that",
            "choose supervisor or units, or add a backend of kind kubernetes or supervisor or systemd",
        ),
        (
            "runbooks.restart.staging.inject in line 20",
            "backend 'firewall' cannot inject 'kill'",
            "a backend of its kind can inject no fault; or leave `inject` out",
        ),
    ]


def test_staging_may_be_another_system_which_must_be_able_to_serve_as_well() -> None:
    elsewhere = ("{service: checkout-staging}", "{backend: units, service: checkout-staging}")
    assert found(elsewhere) == []
    assert [place for place, _, _ in found(("{service: checkout-staging}, inject: kill", "{backend: firewall}"))] == [
        "runbooks.restart.staging.with.backend in line 20"
    ]


def test_the_backend_that_is_used_where_none_is_named_must_be_there() -> None:
    assert found(
        ("backend: supervisor, service: checkout}", "service: checkout}"),
        ('supervisor: {server: "unix:///run/supervisor.sock"', 'main: {kind: supervisor, server: "unix:///run/x"'),
    ) == [
        (
            "runbooks.restart.with in line 18",
            "there is no backend 'supervisor', and restart_service needs one",
            "choose main or units, or add a backend of kind kubernetes or supervisor or systemd",
        )
    ]


def test_a_backend_that_only_an_alert_would_name_is_not_guessed_at() -> None:
    named = ("backend: supervisor, service: checkout}", 'backend: "${alert.labels.backend}", service: checkout}')
    assert all("kind" not in message for _, message, _ in found(named))


@pytest.mark.parametrize(
    ("staging", "message", "remedy"),
    [
        (
            "{service: billing}",
            "'kill' would be injected into 'billing', which backend 'supervisor' does not call staging",
            "name another target, or add a pattern to `staging:` of the backend (it has *-staging)",
        ),
        (
            "{backend: units, service: billing}",
            "'kill' would be injected into 'billing', which backend 'units' does not call staging",
            "name another target, or add a pattern to `staging:` of the backend (it has checkout-staging)",
        ),
        (
            '{service: "${alert.labels.service}"}',
            "'kill' would be injected where an alert says: nothing fills alert.labels.service on staging",
            "give it a fixed value in `staging.with`",
        ),
    ],
)
def test_a_fault_is_only_injected_into_what_is_named_like_staging(staging: str, message: str, remedy: str) -> None:
    assert found(("{service: checkout-staging}", staging)) == [
        ("runbooks.restart.staging.inject in line 20", message, remedy)
    ]


@pytest.mark.parametrize(("service", "places"), [("web", []), ("db", ["staging.inject"]), ("app=shop", [])])
def test_a_deploy_is_only_broken_where_it_is_named_like_staging(service: str, places: list[str]) -> None:
    """What a label selects has no name here: it is known once a plan is made."""
    said = found(
        ("  firewall: {kind: nftables}", "  cluster: {kind: kubernetes, in_cluster: true, staging: [web]}"),
        ("remediation: restart_service", "remediation: roll_back_deploy"),
        ("backend: supervisor, service: checkout}", "backend: cluster, service: shop}"),
        ("{service: checkout-staging}, inject: kill", f"{{service: {service}}}, inject: bad_image"),
    )
    assert [where.removeprefix("runbooks.restart.").partition(" ")[0] for where, _, _ in said] == places


def test_without_staging_at_the_backend_nothing_is_injected() -> None:
    [(_, message, remedy)] = found((', staging: ["*-staging"]', ""))
    assert message.endswith("'checkout-staging', which backend 'supervisor' does not call staging")
    assert remedy.endswith("(it has none)")


def test_staging_without_a_fault_needs_no_name_like_staging() -> None:
    assert found(("{service: checkout-staging}, inject: kill", "{service: billing}")) == []


def test_a_fault_that_the_backend_does_not_have_is_answered_with_those_it_has() -> None:
    [(place, message, remedy)] = found(("inject: kill", "inject: sulk"))
    assert place == "runbooks.restart.staging.inject in line 20"
    assert message == "backend 'supervisor' cannot inject 'sulk'"
    assert remedy.startswith("it can inject hang (its process is halted, and answers nobody), kill (its process is")


def test_a_backend_that_cannot_be_used_is_told_once_and_in_its_line() -> None:
    assert found(('server: "unix:///run/supervisor.sock"', "server: nowhere")) == [
        (
            "backends.supervisor in line 7",
            "`server` must look like unix:///run/supervisor.sock or http://127.0.0.1:9001",
            "docs/remediations.md shows backends of kind supervisor",
        )
    ]
    [(place, message, remedy)] = found(("kind: nftables", "kind: mainframe"))
    assert (place, message) == ("backends.firewall in line 9", "'mainframe' is not a kind of backend")
    assert remedy.endswith("one of kubernetes, nftables, supervisor, systemd")


def test_a_pattern_that_could_be_empty_is_no_pattern() -> None:
    [(place, _, _)] = found((', staging: ["*-staging"]', ', staging: [""]'))
    assert place.startswith("backends.supervisor.staging[0]")
