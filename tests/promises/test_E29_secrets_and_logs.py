"""E29: no secret and no forged line in the log, fixed words at /readyz, and files for our own user alone."""

import io
import json
import logging
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.test_utils import make_mocked_request
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bot.logs import Formatter, begin_log
from bot.redaction import redacted, remember
from bot.settings import SECRETS, SettingsError, read_settings
from handlers.metrics import Metrics
from handlers.web.health import CANNOT_TELL, Health
from remediations.backends.credentials import read_secret
from storage.database import Database

PASSWORD = 'p@ss"w/ord of\\ours'
ENVIRONMENT = {name: f"canary-of-{name.lower()}-{'x' * 16}" for name in SECRETS}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the process would write, with every logger as it was before afterwards."""
    named = [logging.getLogger(name) for name in ("", "dbos", "apprise", "slack_bolt", "slack_sdk")]
    before = [(each, list(each.handlers), each.level, each.propagate) for each in named]
    hook, stream = sys.excepthook, io.StringIO()
    begin_log(stream)
    yield stream
    logging.captureWarnings(capture=False)
    sys.excepthook = hook
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


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
        "[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('canary', 'a]b')]\n(Background on this error at: https://a)",
    ],
)
def test_what_looks_like_a_credential_is_not_logged(told: str) -> None:
    assert "canary" not in redacted(told)
    assert "Y2FuYXJ5" not in redacted(told)


def test_words_stay_words() -> None:
    remember("wk")
    for plain in (
        "the bearer credential is missing",
        "wk is up",
        "POST https://a.example/b answered 500",
        "token: none",
    ):
        assert redacted(plain) == plain


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
    script = f"from bot.logs import keep_files_private as k; k(); open({str(tmp_path / 'a')!r}, 'w').close()"
    subprocess.run([sys.executable, "-c", script], check=True)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


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
