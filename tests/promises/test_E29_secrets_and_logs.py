"""E29: no secret and no forged line in the log, fixed words at /readyz, and files for our own user alone."""

import asyncio
import gc
import io
import json
import logging
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.test_utils import make_mocked_request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.logs import READ_MAX_CHARACTERS, SHOWN_MAX_CHARACTERS, Formatter, begin_log
from bot.redaction import redacted, remember
from bot.settings import SECRETS, SettingsError, read_settings
from handlers.metrics import Metrics
from handlers.web.health import CANNOT_TELL, Health
from remediations.backends.credentials import read_secret
from storage.database import Database
from tests.fixtures.logs import log_as_before
from tests.scenarios.stage import ROOT, document

PASSWORD = 'p@ss"w/ord of\\ours'
BEGIN = {"SLACK_BOT_TOKEN": "xoxb-", "SLACK_APP_TOKEN": "xapp-"}
ENVIRONMENT = {name: f"{BEGIN.get(name, '')}canary-of-{name.lower()}-{'x' * 16}" for name in SECRETS}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the process would write, with every logger as it was before afterwards."""
    stream = io.StringIO()
    with log_as_before():
        begin_log(stream)
        yield stream


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_no_secret_of_the_settings_is_logged_in_any_form(name: str, log: io.StringIO) -> None:
    read_settings(ENVIRONMENT)
    secret = ENVIRONMENT[name]
    logging.getLogger("dbos").error("%s and %r and %s", secret, [secret], json.dumps({"a": secret}))
    logging.getLogger("any").warning("https://example.com/?a=%s", quote(secret))
    try:
        raise ValueError(secret)  # noqa: TRY301
    except ValueError:
        logging.getLogger("any").exception("failed")
    assert secret not in log.getvalue()
    assert log.getvalue().count("***") >= 5


def test_a_secret_that_the_policy_names_is_logged_in_no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_PASSWORD", f"{PASSWORD}\n")
    assert read_secret(environment_variable="ANY_PASSWORD", file=None) == PASSWORD
    monkeypatch.setenv("ANY_URL", "slack://TokenAlpha1/TokenBeta22/TokenGamma3/")
    read_secret(environment_variable="ANY_URL", file=None)
    for form in (PASSWORD, quote(PASSWORD, safe=""), repr(PASSWORD), json.dumps(PASSWORD)):
        assert "ord of" not in redacted(f"cannot use {form} here").replace("%20", " ")
    assert redacted("Loaded from TokenBeta22 and TokenGamma3") == "Loaded from *** and ***"


@pytest.mark.parametrize(
    "told",
    [
        "postgresql+psycopg://watch:canary@db/watch cannot be used",
        "postgresql+psycopg://watch:can@canary/@db/watch cannot be used",
        "Authorization: Bearer canarycanarycanary",
        "Authorization: Basic Y2FuYXJ5OmNhbmFyeQ== canary".replace(" canary", ""),
        "token xoxb-12345-canary is wrong",
        "GET /?access_token=canary&a=b",
        "connection to host=db password=canary failed",
        "a\n  Field required [type=missing, input_value={'a': 'canary-of...canary'}, input_type=dict]\nb",
        "[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('canary', 'a]b')]\n(Background on this error at: https://a)",
    ],
)
def test_what_looks_like_a_credential_is_not_logged(told: str) -> None:
    assert "canary" not in redacted(told)
    assert "Y2FuYXJ5" not in redacted(told)


def test_the_machine_in_an_address_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_URL", "json://watch:canary-pass@127.0.0.1:9000/canary-token")
    read_secret(environment_variable="ANY_URL", file=None)
    monkeypatch.setenv("ANY_URL", "workflows://teams.example.com:443/canary-token/SIG.nature")
    read_secret(environment_variable="ANY_URL", file=None)
    assert redacted("127.0.0.1 and teams.example.com answer") == "127.0.0.1 and teams.example.com answer"
    assert redacted("canary-token SIG.nature canary-pass") == "*** *** ***"


def test_words_stay_words() -> None:
    remember("wk")
    for plain in (
        "the bearer credential is missing",
        "wk is up",
        "POST https://a.example/b answered 500",
        "token: none",
    ):
        assert redacted(plain) == plain


def test_an_entry_is_no_longer_than_it_may_be_and_a_secret_at_its_end_is_not_shown_by_halves(log: io.StringIO) -> None:
    secret = "canary" * 20
    remember(secret)
    for before in range(READ_MAX_CHARACTERS - 60, READ_MAX_CHARACTERS, 7):
        logging.getLogger("any").warning("%s%s%s", "token=" + "a" * (before - 8000), " b" * 4000, secret * 10_000)
    entries = log.getvalue().splitlines()
    assert all(len(entry) < SHOWN_MAX_CHARACTERS + 200 for entry in entries)
    assert all(entry.endswith(" characters)") for entry in entries)
    assert "canary" not in log.getvalue()


@pytest.mark.parametrize("length", [10, 20_000, 63_000, 64_000, 65_000, 300_000])
def test_of_a_long_traceback_the_end_is_kept_and_no_half_of_a_secret(length: int, log: io.StringIO) -> None:
    secret = "canary" * 20
    remember(secret)
    for before in (0, 5, len(secret) // 2, len(secret) + 1):
        error = ValueError(f"{'x' * before} {secret} {'y ' * (length // 2)} the error itself")
        logging.getLogger("bot.test").error("it failed", exc_info=error)
    said = log.getvalue()
    assert len(re.findall(r"y  the error itself$", said, re.MULTILINE)) == 4
    assert "canary" not in said.replace('secret = "canary" * 20', "")
    assert max(map(len, said.splitlines())) < 17_000


def test_an_entry_is_one_line_whatever_is_in_it(log: io.StringIO) -> None:
    evil = "a\r\n2026-11-27 03:00:00 INFO bot: all is well\x1b[2J\x85\u2028\u202e\0"
    logging.getLogger("any").warning("said %s", evil)
    try:
        raise ValueError(evil)  # noqa: TRY301
    except ValueError:
        logging.getLogger("any").exception("failed")
    entries = [line for line in log.getvalue().split("\n") if line and not line.startswith("    ")]
    assert len(entries) == 2
    assert log.getvalue().replace("\n", "").isprintable()
    assert "\\r\\n2026-11-27" in entries[0]


def test_half_a_character_is_written_as_its_number() -> None:
    record = logging.LogRecord("a", logging.WARNING, "f", 1, "said %s", ("\ud800",), None)
    assert Formatter().format(record).endswith("WARNING a: said \\ud800")


def test_what_a_stranger_sent_is_not_quoted(log: io.StringIO) -> None:
    try:
        raise BadHttpMessage("Invalid header value char: b'Authorization: Bearer TOKEN\\x01'")  # noqa: TRY301
    except BadHttpMessage:
        logging.getLogger("aiohttp.server").exception("Error handling request from 127.0.0.1")
    assert "TOKEN" not in log.getvalue()
    assert "the request is no HTTP" in log.getvalue()


def test_libraries_do_not_choose_how_much_they_tell(log: io.StringIO) -> None:
    for name in ("slack_bolt.AsyncApp", "watchkeeper:listener", "apprise", "dbos"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.info("a body from outside")
        logger.setLevel(logging.NOTSET)
    assert not log.getvalue()


async def test_errors_of_the_database_do_not_tell_what_was_stored(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.begin() as work:
            await work.session.execute(text("INSERT INTO no_such_table VALUES (:a)"), {"a": "canary"})
    assert "canary" not in str(caught.value)


async def test_what_cannot_be_asked_is_told_in_fixed_words(database: Database) -> None:
    async def fails() -> str | None:
        raise ConnectionError("postgresql://watch:canary@db/watch")

    answer = await Health({"database": fails}, Metrics(), database).ready(make_mocked_request("GET", "/readyz"))
    assert json.loads(str(answer.text))["parts"] == {"database": CANNOT_TELL}


def test_what_the_command_writes_is_its_users_alone(tmp_path: Path) -> None:
    script = (
        "import os; from bot.logs import keep_files_private as k; os.umask(0); k(); "
        f"open({str(tmp_path / 'a')!r}, 'w').close(); os.mkdir({str(tmp_path / 'b')!r})"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "b").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_that_is_two_lines_is_refused_without_being_told(name: str) -> None:
    broken = ENVIRONMENT | {name: "canary-one\ncanary-two-and-more"}
    with pytest.raises(SettingsError, match=f"{name} has a line end or a control character") as caught:
        read_settings(broken)
    assert "canary" not in str(caught.value)


def test_a_line_end_around_a_secret_is_not_a_part_of_it(tmp_path: Path) -> None:
    assert read_settings({name: f" {value}\r\n" for name, value in ENVIRONMENT.items()}) == read_settings(ENVIRONMENT)


def test_a_formatter_takes_any_record() -> None:
    record = logging.LogRecord("a", logging.INFO, "f", 1, "plain", None, None)
    assert Formatter().format(record).endswith("INFO a: plain")


def test_threads_and_what_nobody_can_catch_have_the_form_of_the_log(log: io.StringIO) -> None:
    remember("canary-of-a-thread")

    def fail() -> None:
        raise ValueError("canary-of-a-thread")

    thread = threading.Thread(target=fail, name="reader")
    thread.start()
    thread.join()

    class Leaving:
        def __del__(self) -> None:
            raise ValueError("canary-of-a-thread")

    leaving = Leaving()
    del leaving
    gc.collect()
    assert "ERROR bot: reader ended by an error that nobody expected" in log.getvalue()
    assert log.getvalue().count("ValueError: ***") == 2
    assert "canary" not in log.getvalue()


ADDRESS = "postgresql+psycopg://watch:canary%40pass@127.0.0.1:1/watch?connect_timeout=2"
URLS_OF_LIBRARIES = (
    ("dbos", f"Initializing DBOS with system database URL: {ADDRESS}"),
    ("sqlalchemy.engine.Engine", f"Could not connect to {ADDRESS}"),
    ("sqlalchemy.pool.impl.QueuePool", f"Exception during reset of <connection to {ADDRESS}>"),
    ("apprise", "Could not load URL: mailtos://watch:canary%40pass@mail.example.com"),
    ("aiohttp.client", "Unclosed connection to http://watch:canary%40pass@prometheus.example:9090/"),
    ("aiohttp.access", 'GET /?access_token=canary@pass HTTP/1.1" 200'),
    ("asyncio", "Task exception was never retrieved: http://watch:canary%40pass@prometheus.example"),
    ("py.warnings", f"ResourceWarning: unclosed {ADDRESS}"),
)


@pytest.mark.parametrize(("name", "said"), URLS_OF_LIBRARIES, ids=[name for name, _ in URLS_OF_LIBRARIES])
def test_no_library_prints_an_address_with_its_password(name: str, said: str, log: io.StringIO) -> None:
    for level in (logging.INFO, logging.ERROR):
        logging.getLogger(name).log(level, said)
    assert log.getvalue()
    assert "canary" not in log.getvalue()


def test_what_alembic_does_at_every_start_is_no_news(log: io.StringIO) -> None:
    logging.getLogger("alembic.runtime.plugins").info("setup plugin alembic.autogenerate.schemas")
    assert not log.getvalue()


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run",),
    ("check", "policy.yml"),
    ("audit", "verify"),
    ("audit", "export"),
    ("pause", "all", "--reason", "any"),
    ("resume", "all"),
    ("runbooks",),
    ("incident", "INC-1"),
    ("confidence", "restart-checkout"),
    ("validate", "restart-checkout"),
    ("change", "begin", "checkout", "--id", "1"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_prints_a_secret_when_the_database_cannot_be_reached(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "policy.yml").write_text(yaml.safe_dump(document("unix:///no/supervisor.sock"), sort_keys=False))
    told = ENVIRONMENT | {"DATABASE_URL": ADDRESS, "PROMETHEUS_URL": "http://watch:canary%40pass@127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-m", "bot", *command],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "WATCHKEEPER_LISTEN": "127.0.0.1:0"} | told,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    said = ended.stdout + ended.stderr
    assert said, "it says something"
    assert "canary" not in said
    assert "Traceback" not in said


def test_an_error_that_nobody_expected_is_printed_by_no_command_as_it_is(tmp_path: Path) -> None:
    script = (
        "import bot.cli.app as a\n"
        "@a.app.command()\n"
        "def fail() -> None:\n"
        "    import os\n"
        "    raise ValueError(os.environ['WATCHKEEPER_ALERT_TOKEN'])\n"
        "a.main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "fail"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | ENVIRONMENT,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert "ended by an error that nobody expected" in ended.stderr
    assert "ValueError: ***" in ended.stderr
    assert "canary" not in ended.stdout + ended.stderr


async def test_the_process_that_runs_gates_knows_what_is_secret() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot.gates.worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | ENVIRONMENT,
    )
    said, _ = await child.communicate(f'{{"runbook": "{ENVIRONMENT["SLACK_SIGNING_SECRET"]}"}}\n'.encode())
    assert child.returncode != 0
    assert b"ended by an error that nobody expected" in said
    assert b"canary" not in said
    assert b"***" in said
