"""The image, built as deploy/Dockerfile says and run as deploy/compose.yaml says: read-only, and not by root."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from bot.local.servers import until
from bot.local.workspace import Server, Workspace
from tests.architecture.test_dependencies import pins
from tests.deploy.composed import VALUES, options
from tests.fixtures.podman import IMAGE, Container, Podman, running_container
from tests.fixtures.servers import free_port, get_json
from tests.fixtures.workspaces import patient_workspace

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

READY_WITHIN_SECONDS = 120.0
CLOSED = ("/", "/etc", "/home", "/opt/watchkeeper", "/opt/watchkeeper/share", "/run", "/usr/bin", "/var/tmp")  # noqa: S108
OPEN = ("/tmp", "/var/lib/watchkeeper")  # noqa: S108
SAID = (
    "starting Watchkeeper ",
    "starting: the database is opened",
    "starting: Slack is asked",
    "starting: what was under way",
    "bot.app: running at",
    "stopping: what is under way",
)
"""What the log says of a start and an end, in this order."""
DISTRIBUTIONS = "import importlib.metadata as m; print(*sorted(d.metadata['Name'] for d in m.distributions()))"
STATUS = "import re; print(re.findall('^(Uid|CapEff|CapBnd|NoNewPrivs):(.*)$', open('/proc/1/status').read(), re.M))"


def told(workspace: Workspace, server: Server) -> tuple[dict[str, str], dict[str, str | None], str]:
    """The secrets and variables that lead to the local workspace, and where Watchkeeper will answer."""
    port = free_port()
    secrets = {"slack-bot-token": workspace.bot_token, "slack-app-token": workspace.app_token}
    # A port of its own, for the network is this machine's.
    variables = {"SLACK_API_URL": server.api_url, "WATCHKEEPER_LISTEN": f"0.0.0.0:{port}"}
    return secrets, dict(variables), f"http://127.0.0.1:{port}"


async def until_ready(container: Container, address: str) -> None:
    async def ready() -> object:
        return await get_json(f"{address}/readyz")

    await until(ready, "every part is well", within_seconds=READY_WITHIN_SECONDS)


def writes(container: Container, folder: str) -> bool:
    """Whether the container's user can make a file there."""
    script = "import pathlib, sys; pathlib.Path(sys.argv[1], 'written').touch()"
    return container.inside("python3", "-c", script, folder).returncode == 0


@contextmanager
def database_of(kind: str, request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The secret with the database's address, and what the container needs besides to reach it."""
    if kind == "sqlite":
        yield {"database-url": "sqlite+aiosqlite:////var/lib/watchkeeper/watchkeeper.db"}, []
        return
    url = str(request.getfixturevalue("empty_postgresql_url"))
    address, _, place = url.partition("?host=")
    (socket,) = Path(place.partition("&")[0].replace("%2F", "/")).glob(".s.PGSQL.*[0-9]")
    yield {"database-url": f"{address}?host=/run/postgresql"}, [f"--volume={socket}:/run/postgresql/{socket.name}"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_it_is_ready_healthy_writes_only_its_volume_and_ends_when_it_is_told(
    kind: str, image: Podman, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    workspace = patient_workspace()
    with database_of(kind, request) as (database, mounts):
        async with workspace.serve() as server:
            secrets, variables, address = told(workspace, server)
            arguments = [*options(tmp_path, {**secrets, **database}, variables), *mounts]
            async with running_container(image, arguments) as container:
                await until_ready(container, address)
                assert container.is_healthy()
                assert [folder for folder in CLOSED if writes(container, folder)] == []
                assert [folder for folder in OPEN if not writes(container, folder)] == []
                of_the_first_process = container.inside("python3", "-c", STATUS).stdout
                assert "10001\\t10001" in of_the_first_process
                assert of_the_first_process.count("0000000000000000") == 2
                assert "'NoNewPrivs', '\\t1'" in of_the_first_process
                written = container.inside("ls", "/var/lib/watchkeeper").stdout.split()
                assert ("watchkeeper.db" in written) == (kind == "sqlite")
                assert container.stop() == 0
                said = [container.log.find(line) for line in SAID]
                assert -1 not in said
                assert said == sorted(said)
    if kind == "postgresql":
        native = str(request.getfixturevalue("empty_postgresql_url")).replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(native) as connection:
            (count,) = connection.execute("SELECT count(*) FROM audit_entries").fetchone() or (None,)
        assert count is not None


async def test_it_is_not_healthy_where_nothing_answers(image: Podman) -> None:
    listens_nowhere = image.run("--network=none", "--entrypoint=python3", IMAGE, "/opt/watchkeeper/share/health.py")
    assert (listens_nowhere.returncode, listens_nowhere.stdout) == (1, "")
    assert "Watchkeeper does not answer" in listens_nowhere.stderr


def test_whoever_lets_others_reach_it_must_give_an_alert_token(image: Podman, tmp_path: Path) -> None:
    without: Mapping[str, str | None] = {"WATCHKEEPER_ALERT_TOKEN_FILE": None}
    done = image.run("--network=none", *options(tmp_path, {}, without), IMAGE)
    assert done.returncode == 2
    assert "which others can reach, but WATCHKEEPER_ALERT_TOKEN is not set" in done.stderr


def test_it_has_what_production_installs_and_nothing_of_the_developers(image: Podman, installed: Path) -> None:
    done = image.run("--network=none", "--entrypoint=python3", IMAGE, "-c", DISTRIBUTIONS)
    found = {name.lower().replace("_", "-").replace(".", "-") for name in done.stdout.split()}
    production = set(pins("requirements.lock"))
    assert found - {"pip", "setuptools", "watchkeeper"} == production
    assert not (set(pins("requirements-dev.lock")) - production) & found
    assert done.returncode == 0
    programs = {path.name for path in (installed / "bin").iterdir()}
    assert "watchkeeper" in programs
    assert not {"pytest", "mypy", "ruff", "coverage", "hypothesis", "lint-imports", "playwright", "uv"} & programs


def test_its_commands_run_with_nothing_but_what_production_installs(image: Podman) -> None:
    closed = ("--network=none", "--read-only", "--cap-drop=all")
    version = image.run(*closed, IMAGE, "--version")
    assert (version.returncode, version.stdout.split()[0]) == (0, "watchkeeper")
    checked = image.run(*closed, IMAGE, "check", "/opt/watchkeeper/share/policy.example.yml")
    assert (checked.returncode, "good" in checked.stdout) == (0, True), checked.stderr


def test_nothing_that_lies_about_in_the_checkout_comes_in(image: Podman) -> None:
    script = "import os; print(*sorted({*os.listdir('/opt/watchkeeper/share'), *os.listdir('/var/lib/watchkeeper')}))"
    done = image.run("--network=none", "--entrypoint=python3", IMAGE, "-c", script)
    assert done.stdout.split() == ["health.py", "policy.example.yml", "policy.schema.json"]
    configuration = json.loads(image.do("inspect", IMAGE))[0]
    said = configuration["Config"]
    assert (said["User"], said["Entrypoint"], said["Cmd"]) == ("10001:10001", ["watchkeeper"], ["run"])
    assert said["StopSignal"] == "SIGTERM"
    assert list(said["Volumes"]) == ["/var/lib/watchkeeper"]
    assert configuration["Healthcheck"]["Test"][0] == "CMD"
    assert not any(value in text for value in VALUES.values() for text in said["Env"])
