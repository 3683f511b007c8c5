"""What other distributions bring is joined with ours, or refused with its name: never passed over in silence."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bot.remediation import Parameters
from remediations import catalogue, plugins
from remediations.backends.base import Backend, BackendSettings
from remediations.backends.supervisor import Supervisor
from remediations.backends.supervisor.restarts import SupervisorRestarts
from remediations.capability import Capability
from remediations.infrastructure.restart_service import RestartService
from remediations.plugins import GROUP, PluginError, joined, loaded


class Mainframe(Backend):
    """A kind of backend that only a plugin knows."""

    kind: ClassVar[str] = "mainframe"
    settings: ClassVar[type[BackendSettings]] = BackendSettings


class Impostor(Backend):
    """A kind of backend that calls itself like one of ours."""

    kind: ClassVar[str] = "supervisor"
    settings: ClassVar[type[BackendSettings]] = BackendSettings


class Reboot(RestartService):
    """Another remediation."""

    name: ClassVar[str] = "reboot"


class Nameless(RestartService):
    """One whose name no policy could write."""

    name: ClassVar[str] = "the big one"


class Untyped(RestartService):
    """One whose parameters are not checked."""

    name: ClassVar[str] = "untyped"
    parameters: ClassVar[type[Parameters]] = dict  # type: ignore[assignment]


REBOOT = Capability(Reboot, {Mainframe: SupervisorRestarts})
SEVERAL = [REBOOT]
AGAIN = Capability(RestartService, {Supervisor: SupervisorRestarts})
IMPOSTOR = Capability(Reboot, {Impostor: SupervisorRestarts})
NAMELESS = Capability(Nameless, {})
UNTYPED = Capability(Untyped, {})
UNFIT = Capability(Reboot, {str: SupervisorRestarts})  # type: ignore[dict-item]
NOTHING: list[Capability] = []
TEXT = "restart_service"


def point(attribute: str) -> EntryPoint:
    return EntryPoint("acme", f"{__name__}:{attribute}", GROUP)


@pytest.mark.parametrize("attribute", ["REBOOT", "SEVERAL"])
def test_a_capability_or_a_list_of_them_is_joined_with_ours_and_brings_its_kinds(attribute: str) -> None:
    brought = loaded([point(attribute)])
    assert [capability for _, capability in brought] == [REBOOT]
    assert joined(catalogue.CAPABILITIES, brought) == (*catalogue.CAPABILITIES, REBOOT)


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("TEXT", "brings a str: name a Capability, or a list of them"),
        ("NOTHING", "brings no capability"),
        ("NAMELESS", "brings a remediation without a name such as restart_service"),
        ("UNTYPED", "brings 'untyped', whose `parameters` are no subclass of Parameters"),
        ("UNFIT", "brings 'reboot' with an adapter for what is no subclass of Backend"),
        ("absent", r"cannot be loaded \(AttributeError\)"),
    ],
)
def test_what_is_no_capability_is_refused_with_the_plugins_name(attribute: str, problem: str) -> None:
    with pytest.raises(PluginError, match=rf"plugin 'acme' \({__name__}:{attribute}\):? {problem}"):
        loaded([point("REBOOT"), point(attribute)])


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("raise RuntimeError('hunter2')", "RuntimeError"),
        ("import sys; sys.exit('hunter2')", "SystemExit"),
        ("def hunter2(:", "SyntaxError"),
        ("import nowhere.to.be.found", "ModuleNotFoundError"),
    ],
)
def test_a_broken_plugin_is_named_with_the_class_of_its_error_and_not_with_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, error: str
) -> None:
    (tmp_path / "acme_broken.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginError, match=rf"plugin 'acme' .* cannot be loaded \({error}\)") as caught:
        loaded([EntryPoint("acme", "acme_broken:CAPABILITY", GROUP)])
    assert "hunter2" not in str(caught.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(PluginError) as caught:
        loaded([point("TEXT"), point("absent")])
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        (["AGAIN"], r"a remediation 'restart_service' already, from Watchkeeper itself; rename one"),
        (["REBOOT", "SEVERAL"], r"a remediation 'reboot' already, from plugin 'acme'"),
        (["IMPOSTOR"], r"a kind of backend 'supervisor' already, remediations\.backends\.supervisor\.Supervisor"),
    ],
)
def test_two_of_one_name_are_refused_whoever_brings_them(attributes: list[str], problem: str) -> None:
    with pytest.raises(PluginError, match=problem):
        joined(catalogue.CAPABILITIES, loaded([point(attribute) for attribute in attributes]))


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A distribution that is really installed, as far as Python can tell."""
    (tmp_path / "acme_plugin.py").write_text(f"from {__name__} import REBOOT\n")
    information = tmp_path / "acme-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{GROUP}]\nacme = acme_plugin:REBOOT\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.installed.cache_clear()
    yield
    plugins.installed.cache_clear()
    sys.modules.pop("acme_plugin", None)


@pytest.mark.usefixtures("acme")
def test_an_installed_plugin_is_in_the_catalogue_and_its_kinds_can_be_configured() -> None:
    made: dict[str, Any] = dict(catalogue.build_catalogue({"big": {"kind": "mainframe"}}))
    assert isinstance(made["reboot"], Reboot)
    assert set(made) == {*(each.remediation.name for each in catalogue.CAPABILITIES), "reboot"}
    assert catalogue.parameter_models()["reboot"] is Reboot.parameters
    assert "mainframe" not in catalogue.matrix()  # which is of ours
