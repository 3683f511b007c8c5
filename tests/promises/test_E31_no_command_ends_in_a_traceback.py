"""E31: whatever is mistyped, every command ends in our words, with the thing and the remedy, and shows no secret."""

import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli.app import app
from tests.fixtures.hostile import HTTP
from tests.fixtures.logs import log_as_before
from tests.promises.mistakes import GOOD, ROOT, WITHOUT_ROOTS_RIGHTS, ended

LONG = "a" * 5_000
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run",),
    ("check", "{file}"),
    ("audit", "verify"),
    ("audit", "verify", "{file}"),
    ("audit", "export"),
    ("audit", "export", "{file}"),
    ("audit", "anchor"),
    ("audit", "anchor", "{file}"),
    ("change", "begin", "deploy-1", "--what", "a deploy", "--by", "carol", "--service", "checkout"),
    ("change", "end", "deploy-1"),
    ("confidence",),
    ("incident", "INC-1"),
    ("incident", "INC-" + "9" * 400),
    ("incident", "\0"),
    ("pause", "everything", "--reason", "any"),
    ("resume", "everything"),
    ("runbooks",),
    ("schema", "/none/policy.schema.json"),
    ("validate", "restart-checkout"),
    ("validate", LONG),
    ("doctor",),
    ("decide", "{file}"),
    ("decide", "{file}", "--live"),
    ("decide", "{file}", "--at", LONG),
    ("decide", "\0"),
    ("demo", "--no-browser", "--port", "99999"),
    ("demo", "--no-browser", "--port", "-1"),
    ("demo", "--no-browser", "--state", "/dev/null"),
    ("demo", "--no-browser", "--state", "/dev/null/folder"),
    ("demo", "--no-browser", "--state", "{folder}/\0"),
    ("demo", "--no-browser", "--state", "/proc/none"),
)
ALERT = (
    '{"version": "4", "alerts": [{"status": "firing", "fingerprint": "f1", "labels": {"alertname": "ServiceDown", '
    '"service": "checkout", "severity": "critical"}}]}'
)
MISTAKES: dict[str, tuple[str, ...]] = {
    "DATABASE_URL": (
        "foo",
        "'sqlite+aiosqlite:///x.db'",
        f"sqlite+aiosqlite:///{LONG}",
        "sqlite+aiosqlite:///a%00b",
        "sqlite+aiosqlite:///{folder}",
        "sqlite+aiosqlite:///{text}",
        "sqlite+aiosqlite:////dev/zero",
        "sqlite+aiosqlite:////none/watch.db",
        "postgresql+psycopg://u:canary@127.0.0.1:9/d",
        "postgresql+psycopg://u:canary@127.0.0.1:70000/d",
        "postgresql+psycopg://u:can@ary@127.0.0.1/d",
    ),
    "WATCHKEEPER_AUDIT_KEY": ("", "canary", "a\nb" * 9),
    "WATCHKEEPER_AUDIT_KEY_FILE": ("{folder}", "{binary}", "/none/key"),
    "WATCHKEEPER_POLICY": ("/none/policy.yml", "{folder}", "{binary}", "{text}", "/dev/null"),
    "WATCHKEEPER_URL": ("huh", "http://[", "ftp://x", "http://a:99999", "'http://127.0.0.1:9'", "http://127.0.0.1:9"),
    "PROMETHEUS_URL": ("huh", "http://[", "ftp://u:canary@x", "http://a:99999", "http://", "http://a b"),
    "SLACK_API_URL": ("huh", "http://[", "ftp://x", "http://a:99999"),
    "WATCHKEEPER_LISTEN": ("huh", "127.0.0.1:99999", "127.0.0.1:", "a" * 300 + ":80"),
    "WATCHKEEPER_PAUSE_FILE": ("{folder}", "/none/pause", "/dev/null"),
    "WATCHKEEPER_CHANGES_SECRET": ("canary",),
}
"""What may stand in a variable, none of which lets a command succeed here: there is no database, and nobody listens."""
OURS = ("SLACK_", "WATCHKEEPER_", "DATABASE_", "PROMETHEUS_")
OF_RUN = frozenset(MISTAKES) - {"WATCHKEEPER_URL", "WATCHKEEPER_PAUSE_FILE"}
"""What `run` needs; the others would let it run."""


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the mistakes name, by word; the working directory is where they are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database")
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    return {name: str(tmp_path / name) for name in ("folder", "text", "binary")}


def told(command: tuple[str, ...], environment: dict[str, str]) -> tuple[int, str]:
    """As the command line would end, in this process."""
    away: dict[str, str | None] = {name: None for name in os.environ if name.startswith(OURS)}
    with log_as_before():
        done = CliRunner().invoke(app, list(command), env={**away, **environment})
    assert done.exception is None or isinstance(done.exception, SystemExit), f"{command} {done.exception!r}"
    return done.exit_code, done.output


@pytest.mark.parametrize("variable", MISTAKES)
def test_no_mistake_ends_a_command_in_a_traceback(variable: str, places: dict[str, str]) -> None:
    good = GOOD | {
        "WATCHKEEPER_POLICY": str(ROOT / "docs" / "policy.example.yml"),
        "SMTP_PASSWORD": "any",
        "DATABASE_URL": "sqlite+aiosqlite:///not-there.db",
        "WATCHKEEPER_URL": "http://127.0.0.1:9",
        "SLACK_API_URL": "http://127.0.0.1:9/",
    }
    if variable == "WATCHKEEPER_AUDIT_KEY_FILE":
        del good["WATCHKEEPER_AUDIT_KEY"]
    for command in COMMANDS:
        if command == ("run",) and variable not in OF_RUN:
            continue
        for value in MISTAKES[variable]:
            for file in places.values() if "{file}" in command else ("",):
                given = tuple(part.replace("{file}", file) for part in command)
                code, said = told(given, good | {variable: value.format(**places)})
                assert code != 0, (given, value, said)
                assert said.strip(), (given, value)
                assert "Traceback" not in said, (given, value, said)
                assert "canary" not in said, (given, value, said)


@pytest.mark.parametrize(
    "variable", sorted(OF_RUN - {"SLACK_API_URL", "WATCHKEEPER_LISTEN"} | {"WATCHKEEPER_PAUSE_FILE"})
)
def test_no_mistake_ends_a_decision_on_a_real_alert_in_a_traceback(
    variable: str, places: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "alert.json").write_text(ALERT)
    good = GOOD | {
        "WATCHKEEPER_POLICY": str(ROOT / "docs" / "policy.example.yml"),
        "DATABASE_URL": "sqlite+aiosqlite:///not-there.db",
    }
    if variable == "WATCHKEEPER_AUDIT_KEY_FILE":
        del good["WATCHKEEPER_AUDIT_KEY"]
    for value in MISTAKES[variable]:
        code, said = told(("decide", "alert.json", "--live"), good | {variable: value.format(**places)})
        assert code != 0, (value, said)
        assert said.strip(), value
        assert "Traceback" not in said, (value, said)
        assert "canary" not in said, (value, said)


def test_a_file_that_is_no_database_keeps_its_rights(places: dict[str, str]) -> None:
    text = Path(places["text"])
    text.chmod(0o644)
    good = GOOD | {"WATCHKEEPER_POLICY": str(ROOT / "docs" / "policy.example.yml"), "SMTP_PASSWORD": "any"}
    code, said = told(("run",), good | {"DATABASE_URL": f"sqlite+aiosqlite:///{text}"})
    assert (code, "is no SQLite database: name another file" in said) == (1, True), said
    assert text.stat().st_mode & 0o777 == 0o644
    code, said = told(("run",), good | {"DATABASE_URL": "sqlite+aiosqlite:////dev/zero"})
    assert (code, "that is a device, a pipe or a socket: name a file" in said) == (1, True), said


@pytest.mark.skipif(not WITHOUT_ROOTS_RIGHTS, reason="nobody but root can take a right away from itself here")
def test_a_folder_that_cannot_be_written_is_named_with_whose_it_must_be(tmp_path: Path, sqlite_template: Path) -> None:
    folder = tmp_path / "read-only"
    folder.mkdir()
    (folder / "watch.db").write_bytes(sqlite_template.read_bytes())
    (folder / "watch.db").chmod(0o400)
    folder.chmod(0o500)
    url = f"sqlite+aiosqlite:///{folder / 'watch.db'}"
    good = GOOD | {"WATCHKEEPER_POLICY": str(ROOT / "docs" / "policy.example.yml"), "SMTP_PASSWORD": "any"}
    code, said = ended(tmp_path, good | {"DATABASE_URL": url}, "run", through=WITHOUT_ROOTS_RIGHTS)
    assert code == 1, said
    assert "cannot be written by the user with number 0: it and its folder must be that user's" in said, said
    assert "Traceback" not in said


def test_a_port_that_somebody_else_listens_on_is_named_with_the_setting(tmp_path: Path) -> None:
    good = GOOD | {"WATCHKEEPER_POLICY": str(ROOT / "docs" / "policy.example.yml"), "SMTP_PASSWORD": "any"}
    with somebody_else(b"") as url:
        address = url.removeprefix("http://")
        taken = {"WATCHKEEPER_LISTEN": address, "SLACK_API_URL": "http://127.0.0.1:9/"}
        code, said = ended(tmp_path, good | taken, "run")
    assert code == 1, said
    assert f"Cannot listen on {address}: Address already in use. Set WATCHKEEPER_LISTEN to a free one." in said
    assert "Traceback" not in said


@contextmanager
def somebody_else(answer: bytes) -> Iterator[str]:
    """Whoever listens where Watchkeeper should, and says this; the address."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            self.wfile.write(answer)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("name", ["nothing at all", "another protocol", "null", "a list", "nothing in it", "a page"])
def test_somebody_else_who_listens_is_not_taken_for_watchkeeper(name: str) -> None:
    with somebody_else(HTTP[name]) as url:
        code, said = told(COMMANDS[8], GOOD | {"WATCHKEEPER_URL": url})
    assert code == 1, said
    assert url in said
    assert "WATCHKEEPER_URL" in said


def test_every_command_is_tried() -> None:
    groups = {"audit", "change"}
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {command[0] for command in COMMANDS} == names | groups
