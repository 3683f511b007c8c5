"""The catalogue is made from the policy's backends, and says what is wrong with them before anything runs."""

import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from supervisor.xmlrpc import Faults

from bot.remediation import Parameters, PermanentError, Remediation
from remediations.backends.base import Backend
from remediations.backends.supervisor import REMEDIES, ProcessState
from remediations.catalogue import (
    CAPABILITIES,
    BackendError,
    backend_problems,
    build_catalogue,
    capabilities,
    matrix,
    parameter_models,
)
from tests.remediations.restarting import about

SOCKET = {"server": "unix:///run/nobody/listens/here.sock"}


def test_a_catalogue_is_made_while_the_systems_it_names_are_down() -> None:
    catalogue = build_catalogue({"supervisor": SOCKET, "supervisor-east": {"kind": "supervisor", **SOCKET}})
    assert set(catalogue) == set(parameter_models())
    for name, remediation in catalogue.items():
        assert isinstance(remediation, Remediation)
        assert remediation.name == name


def test_every_remediation_is_listed_once_and_keeps_to_the_contract() -> None:
    contract = {name for name, _ in inspect.getmembers(Remediation, inspect.iscoroutinefunction)}
    assert len(parameter_models()) == len(CAPABILITIES)
    for remediation in build_catalogue({}).values():
        for method in contract:
            assert inspect.iscoroutinefunction(getattr(remediation, method)), f"{remediation.name}.{method}"
        assert remediation.title
        assert remediation.effects is None or remediation.effects
        assert issubclass(remediation.parameters, Parameters)


async def test_a_backend_the_policy_does_not_have_is_named_with_the_remedy() -> None:
    remediation = build_catalogue({"supervisor-east": {"kind": "supervisor", **SOCKET}})["restart_service"]
    parameters = remediation.parameters.model_validate({"service": "checkout"})
    with pytest.raises(PermanentError, match=r"'supervisor' cannot do this: choose one of supervisor-east, or add"):
        await remediation.plan(parameters, about())


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({}, r"backends\.supervisor\.server: Field required"),
        ({"server": "run/supervisor.sock"}, "must look like unix:///run/supervisor.sock or http://"),
        ({"server": "unix://run/supervisor.sock"}, "must look like unix:///run/supervisor.sock or http://"),
        ({"server": "http://127.0.0.1:ninety"}, "Port could not be cast"),
        ({"server": "https://example.net"}, "must look like unix:///run/supervisor.sock or http://"),
        ({"server": "http://joe:hunter2@127.0.0.1:9001"}, "must not contain credentials"),
        ({**SOCKET, "password": "hunter2"}, r"supervisor\.password: unknown setting; known are .*password_env"),
        ({**SOCKET, "username": "joe"}, "belong together"),
        ({**SOCKET, "password_env": "PASSWORD"}, "belong together"),
        ({**SOCKET, "username": "joe", "password_env": "hunter2!"}, "the name of an environment variable"),
        ({**SOCKET, "username": "joe", "password_env": "A", "password_file": "b"}, "not both"),
        ({**SOCKET, "timeout": "soon"}, "'soon' is not a duration"),
        ({**SOCKET, "timeout": "0s"}, "longer than 0s"),
    ],
)
def test_an_unusable_setting_is_refused_with_the_remedy_and_without_the_secret(
    section: dict[str, Any], problem: str
) -> None:
    with pytest.raises(BackendError, match=problem) as caught:
        build_catalogue({"supervisor": section})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "section", "problem"),
    [
        ("systemd", {"bus": "tcp:host=198.51.100.1,port=1"}, r"must look like unix:path=/run/dbus/system_bus_socket"),
        ("systemd", {"bus": "unix:path=/a;unix:path=/b"}, r"must look like unix:path=/run/dbus/system_bus_socket"),
        ("systemd", {"timeout": "0s"}, "longer than 0s"),
        ("systemd", {"settle_within": "0s"}, "longer than 0s"),
        ("nftables", {"table": "filter; flush ruleset"}, r"nftables\.table: String should match pattern"),
        ("nftables", {"namespace": "edge"}, "is the path of a network namespace, such as /run/netns/edge"),
        ("nftables", {"timeout": "0s"}, "longer than 0s"),
    ],
)
def test_an_unusable_setting_of_a_backend_on_this_machine_is_refused(
    kind: str, section: dict[str, Any], problem: str
) -> None:
    assert backend_problems({kind: {}}) == ()
    with pytest.raises(BackendError, match=problem):
        build_catalogue({kind: section})


def test_an_unknown_kind_of_backend_lists_the_known_ones() -> None:
    with pytest.raises(
        BackendError,
        match=r"backends\.mainframe: 'mainframe' is not a kind.*one of kubernetes, nftables, supervisor, systemd",
    ):
        build_catalogue({"mainframe": {}})


def test_every_problem_of_every_backend_is_reported_at_once() -> None:
    problems = backend_problems({"mainframe": {}, "supervisor": {"server": "x", "colour": "red"}})
    assert {problem.split(":")[0] for problem in problems} >= {"backends.mainframe", "backends.supervisor.colour"}


def test_a_policy_can_be_checked_without_its_credentials_but_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ABSENT_PASSWORD", raising=False)
    backends = {"supervisor": {**SOCKET, "username": "joe", "password_env": "ABSENT_PASSWORD"}}
    assert backend_problems(backends) == ()
    with pytest.raises(BackendError, match="ABSENT_PASSWORD is not set"):
        build_catalogue(backends)


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff", "cannot be")]
)
def test_a_credential_file_that_holds_no_text_is_named(tmp_path: Path, content: bytes | None, problem: str) -> None:
    secret = tmp_path / "password"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(BackendError, match=f"{secret} {problem}"):
        build_catalogue({"supervisor": {**SOCKET, "username": "joe", "password_file": str(secret)}})


@pytest.mark.parametrize("parameters", [{}, {"service": ""}, {"service": "a", "colour": "red"}, {"service": "a" * 256}])
def test_parameters_that_name_no_service_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        parameter_models()["restart_service"].model_validate(parameters)


def test_the_faults_we_explain_are_the_ones_supervisor_has() -> None:
    assert {name: code for name, code in vars(Faults).items() if name.isupper() and code in REMEDIES} == {
        "UNKNOWN_METHOD": 1,
        "INCORRECT_PARAMETERS": 2,
        "BAD_NAME": 10,
        "NO_FILE": 20,
        "NOT_EXECUTABLE": 21,
        "FAILED": 30,
        "ABNORMAL_TERMINATION": 40,
        "SPAWN_ERROR": 50,
    }
    assert (Faults.SHUTDOWN_STATE, Faults.ALREADY_STARTED, Faults.NOT_RUNNING) == (6, 60, 70)


def test_a_process_state_of_a_newer_supervisor_counts_as_unknown() -> None:
    assert ProcessState(4711) is ProcessState.UNKNOWN


def test_the_documentation_shows_which_remediation_acts_through_what() -> None:
    document = (Path(__file__).parents[2] / "docs" / "remediations.md").read_text()
    assert matrix() in document, f"docs/remediations.md must have this table, as it is:\n{matrix()}"


def test_every_backend_with_faults_can_do_and_mend_them() -> None:
    for kind in {kind for each in capabilities() for kind in each.adapters}:
        for method in ("_inject", "_mend"):
            own = getattr(kind, method) is not getattr(Backend, method)
            assert own == bool(kind.faults), f"{kind.kind} has {sorted(kind.faults) or 'no faults'}: {method}"
