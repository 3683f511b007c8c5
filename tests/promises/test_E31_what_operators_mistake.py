"""E31: a mistake of whoever runs it is refused in words: what is wrong, and what to do. No traceback, and no secret."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from bot.cli.policy_text import PolicyTextError, policy_text
from bot.database_url import DatabaseUrlError, database_url
from bot.settings import SettingsError, read_settings
from storage.sqlite_file import DatabaseFileError, check_file

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "policy.example.yml"
PASSWORD = "canary-of-the-database"
GOOD = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1-1",
    "WATCHKEEPER_AUDIT_KEY": "k" * 32,
    "WATCHKEEPER_POLICY": str(EXAMPLE),
}


def command(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command line; its exit code and everything it says."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("WATCHKEEPER", "SLACK", "DATABASE"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env=clean | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        ("sqlite+aiosqlite:////var/lib/a.db", "sqlite+aiosqlite:////var/lib/a.db"),
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("PostgreSQL://u:p%40@h:5432/d?sslmode=require", "postgresql+psycopg://u:p%40@h:5432/d?sslmode=require"),
        ("postgresql:///d?host=/run/postgresql", "postgresql+psycopg:///d?host=/run/postgresql"),
        ("postgresql://u@[::1]:5432/d", "postgresql+psycopg://u@[::1]:5432/d"),
    ],
)
def test_what_is_meant_is_taken(written: str, taken: str) -> None:
    assert database_url(written) == taken
    assert make_url(taken)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("'sqlite:///a.db'", "leave them out"),
        ('"postgresql://u@h/d"', "leave them out"),
        ("/var/lib/a.db", "which kind of database"),
        ("a.db", "which kind of database"),
        ("mysql://u:{}@h/d", "'mysql', which is not supported"),
        ("postgresql+asyncpg://u:{}@h/d", "'postgresql+asyncpg', which is not supported"),
        ("sqlite://a.db", "a third slash"),
        ("sqlite://", "a third slash"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////var/lib/", "names a folder"),
        ("postgresql://u:{}@h:port/d", "no number from 1 to 65535 as its port"),
        ("postgresql://u:{}@h:0/d", "no number from 1 to 65535 as its port"),
        ("postgresql://u:{}@h:65536/d", "no number from 1 to 65535 as its port"),
        ("postgresql://u:{}@1@h/d", "write @ as %40"),
        ("postgresql://u:1/{}@h/d", "write @ as %40, / as %2F"),
        ("postgresql://u:a/{}@h/d", "/ as %2F"),
        ("postgresql://u:{}#1@h/d", "# as %23"),
        ("postgresql://u:{}?1@h/d", "? as %3F"),
        ("postgresql://[h/d", "cannot be taken apart"),
        ("postgresql://u:{}@h", "names no database"),
        ("postgresql://u:{}@h/", "names no database"),
    ],
)
def test_what_cannot_be_meant_is_refused_without_the_password(written: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(GOOD | {"DATABASE_URL": written.format(PASSWORD)})
    assert str(refused.value).startswith("DATABASE_URL ")
    assert says in str(refused.value)
    assert PASSWORD not in str(refused.value)


@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), st.sampled_from(["", "sqlite:///", "postgresql://"])
)
def test_whatever_is_written_it_is_an_address_or_a_refusal(text: str, scheme: str) -> None:
    with suppress(DatabaseUrlError):
        assert make_url(database_url(scheme + text)).get_driver_name()


def test_a_file_that_cannot_be_a_database_is_named_with_the_remedy(tmp_path: Path) -> None:
    other, whole = tmp_path / "notes.txt", tmp_path / "watch.db"
    other.write_text("no database at all")
    whole.write_bytes(b"")
    for file, says in (
        (tmp_path, "is a folder; name a file in it"),
        (tmp_path / "none" / "watch.db", "there is no folder"),
        (other, "is no SQLite database"),
    ):
        with pytest.raises(DatabaseFileError, match=says):
            check_file(file, writing=False)
    check_file(whole, writing=True)
    check_file(tmp_path / "new.db", writing=True)


@pytest.mark.parametrize(
    ("bot", "app", "says"),
    [
        ("xapp-1-A", "xoxb-1", ("SLACK_BOT_TOKEN has an app-level token", "SLACK_APP_TOKEN has a bot token")),
        ("xoxp-1", "xapp-1-A", ("SLACK_BOT_TOKEN has a person's token",)),
        ("https://hooks.slack.com/x", "xoxp-1", ("SLACK_BOT_TOKEN has an address", "SLACK_APP_TOKEN has a person's")),
    ],
)
def test_every_token_of_another_kind_is_named_at_once(bot: str, app: str, says: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(GOOD | {"SLACK_BOT_TOKEN": bot, "SLACK_APP_TOKEN": app})
    assert all(one in str(refused.value) for one in says)
    assert str(refused.value).count("it needs") == len(says)
    assert bot not in str(refused.value)


TEXT = EXAMPLE.read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (TEXT.encode("utf-16"), "is written in UTF-16: save it as UTF-8"),
        (TEXT.encode("utf-32"), "is written in UTF-32: save it as UTF-8"),
        (f"# café\n{TEXT}".encode("latin-1", "replace"), "its line 1 has the byte 0xe9"),
        (b"version: 1\n\x7fELF\x02\x01\x01\0\0", "its line 2 has a NUL"),
        (None, "cannot be read"),
    ],
    ids=["UTF-16", "UTF-32", "Latin-1", "a program", "a folder"],
)
@pytest.mark.parametrize("how", [("check",), ("run",)], ids=" ".join)
def test_a_policy_that_is_no_text_is_refused_in_words(
    tmp_path: Path, content: bytes | None, says: str, how: tuple[str, ...]
) -> None:
    file = tmp_path / "policy.yml"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(PolicyTextError, match=says):
        policy_text(file)
    given = (str(file),) if how == ("check",) else ()
    code, said = command(*how, *given, **(GOOD | {"WATCHKEEPER_POLICY": str(file)}))
    assert (code, says in said.replace("\n", " "), "Traceback" in said) == (2, True, False), said


def test_a_mark_before_utf_8_is_no_part_of_the_policy(tmp_path: Path) -> None:
    file = tmp_path / "policy.yml"
    file.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    assert policy_text(file) == TEXT


@pytest.mark.parametrize(
    "arguments",
    [
        ("run",),
        ("pause", "--now"),
        ("resume",),
        ("audit", "verify"),
        ("audit", "export"),
        ("runbooks",),
        ("confidence",),
        ("incident", "INC-1"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "url",
    ["'sqlite:///a.db'", "postgresql://u:canary-of-ours@h:port/d", "sqlite:///{}"],
    ids=["quoted", "bad port", "a folder"],
)
def test_no_command_ends_in_a_traceback_over_its_database(tmp_path: Path, arguments: tuple[str, ...], url: str) -> None:
    (tmp_path / "folder").mkdir()
    code, said = command(*arguments, **(GOOD | {"DATABASE_URL": url.format(tmp_path / "folder")}))
    assert code != 0, said
    assert "Traceback" not in said
    assert "DATABASE_URL" in said
    assert "canary" not in said
