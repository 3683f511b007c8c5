"""deploy/compose.yaml says nothing that Watchkeeper does not know, and keeps both services small."""

import re
from pathlib import Path

import pytest

from bot.settings import ADDRESSES, SECRETS, read_settings
from tests.deploy.composed import CHECKOUT, VALUES, document, environment, service, write_secrets

SERVICES = ("watchkeeper", "database")


def known_variables() -> set[str]:
    """Every variable that the settings read."""
    return set(re.findall(r'"([A-Z]+_[A-Z_]+)"', (CHECKOUT / "bot" / "settings.py").read_text()))


def test_every_variable_that_it_sets_is_a_setting() -> None:
    given = {name.removesuffix("_FILE") for name in environment("watchkeeper")}
    assert {"WATCHKEEPER_LISTEN", "DATABASE_URL"} <= known_variables()
    assert given <= known_variables()


def test_the_settings_take_it_with_the_files_that_it_names(tmp_path: Path) -> None:
    files = write_secrets(tmp_path / "secrets", VALUES)
    told = {
        name: value.replace("/run/secrets", str(files)) for name, value in environment("watchkeeper").items() if value
    }
    settings = read_settings(told)
    assert (settings.listen_host, settings.listen_port) == ("0.0.0.0", 8080)  # noqa: S104 - it is asked for there
    assert settings.alert_token == VALUES["alert-token"]
    assert settings.database_url == VALUES["database-url"]
    assert str(settings.policy_path) in {volume.split(":")[1] for volume in service("watchkeeper")["volumes"]}


def test_secrets_are_files_and_never_variables() -> None:
    may_hold_one = SECRETS | ADDRESSES - {"PROMETHEUS_URL"}
    assert not may_hold_one & environment("watchkeeper").keys()
    assert not any("PASSWORD" in name and not name.endswith("_FILE") for name in environment("database"))
    for name in SERVICES:
        said = service(name)
        named = {Path(value).name for value in environment(name).values() if value.startswith("/run/secrets/")}
        assert named == set(said["secrets"])
    declared = {name: secret["file"] for name, secret in document()["secrets"].items()}
    assert declared == {name: f"secrets/{name}" for name in declared}
    assert set(declared) == {secret for name in SERVICES for secret in service(name)["secrets"]}
    assert "/deploy/secrets/" in (CHECKOUT / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_may_write_nowhere_and_do_nothing_special(name: str) -> None:
    said = service(name)
    assert said["read_only"] is True
    assert said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in said["tmpfs"]  # noqa: S108 - a memory of its own
    assert not {"cap_add", "privileged", "network_mode", "pid"} & said.keys()
    assert set(said["networks"]) <= document()["networks"].keys()
    volumes = {volume.partition(":")[0] for volume in said["volumes"]}
    assert {volume for volume in volumes if not volume.startswith(".")} <= document()["volumes"].keys()


def test_nobody_outside_this_machine_reaches_it_and_nobody_but_it_the_database() -> None:
    assert all(port.startswith("127.0.0.1:") for port in service("watchkeeper")["ports"])
    assert "ports" not in service("database")
    assert service("database")["networks"] == ["database"]
    assert document()["networks"]["database"] == {"internal": True}


def test_it_waits_for_the_database_and_both_say_how_they_are() -> None:
    assert service("watchkeeper")["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert "test" in service("database")["healthcheck"]
    assert "HEALTHCHECK" in (CHECKOUT / "deploy" / "Dockerfile").read_text()
    built = service("watchkeeper")["build"]
    assert (CHECKOUT / "deploy" / built["context"] / built["dockerfile"]).is_file()
