"""E31: whoever has mistyped a setting is told which one, what is wrong and what to write, and no secret is shown."""

from pathlib import Path

import pytest

from bot.redaction import redacted
from bot.settings import SettingsError, read_settings
from storage.address import AddressError, read_address
from tests.fixtures.database import AUDIT_KEY
from tests.promises.mistakes import GOOD, ROOT, ended

PASSWORD = "canary-pass"
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run",),
    ("audit", "verify"),
    ("audit", "export"),
    ("audit", "anchor"),
    ("pause", "everything", "--reason", "any"),
    ("resume", "everything"),
    ("runbooks",),
    ("incident", "INC-1"),
    ("confidence",),
    ("validate", "restart-checkout"),
    ("decide", "alert.json", "--live"),
)
"""Every command that reads the database."""
ADDRESSES = (
    ("'sqlite+aiosqlite:///watch.db'", "it stands in quotes"),
    (f'"postgresql+psycopg://u:{PASSWORD}@127.0.0.1/d"', "it stands in quotes"),
    ("watch.db", "'watch.db' is only a path: write sqlite+aiosqlite:/// in front"),
    ("/srv/watch", "'/srv/watch' is only a path: write sqlite+aiosqlite:/// in front"),
    ("foo", "write it like sqlite+aiosqlite:///"),
    (f"host=127.0.0.1 password={PASSWORD}", "write it like sqlite+aiosqlite:///"),
    ("sqlite:///watch.db", "write sqlite+aiosqlite:///"),
    ("sqlite+aiosqlite://watch.db", "comes a third slash"),
    ("sqlite+aiosqlite:watch.db", "two slashes are missing"),
    ("sqlite+aiosqlite:///", "forgets everything"),
    (f"postgres://u:{PASSWORD}@127.0.0.1/d", "write postgresql+psycopg:// instead"),
    (f"postgresql://u:{PASSWORD}@127.0.0.1/d", "write postgresql+psycopg:// instead"),
    (f"postgresql+asyncpg://u:{PASSWORD}@127.0.0.1/d", "write postgresql+psycopg:// instead"),
    (f"mysql+pymysql://u:{PASSWORD}@127.0.0.1/d", "is not a supported database"),
    (f"postgresql+psycopg://u:{PASSWORD}@127.0.0.1:70000/d", "its port is none"),
    (f"postgresql+psycopg://u:{PASSWORD}@127.0.0.1:0/d", "its port is none"),
    (f"postgresql+psycopg://u:{PASSWORD}@127.0.0.1:five/d", "its port is none"),
    (f"postgresql+psycopg://u:{PASSWORD}", "its port is none"),
    (f"postgresql+psycopg://u:{PASSWORD}@more@127.0.0.1/d", "write @ in a user's name or password as %40"),
    (f"postgresql+psycopg://u:{PASSWORD}@mo/re@127.0.0.1/d", "write @ in a user's name or password as %40"),
    (f"postgresql+psycopg://u:{PASSWORD}@12#3/d", "its host is none"),
)


@pytest.mark.parametrize(("url", "told"), ADDRESSES, ids=[url for url, _ in ADDRESSES])
def test_an_address_that_is_none_is_refused_with_what_to_write(url: str, told: str) -> None:
    with pytest.raises(AddressError) as caught:
        read_address(url)
    assert told in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("password", ["p%40ss", "p/ss", "p#ss", "p?ss", "p:ss", "p%ss", "p ss"])
def test_what_a_library_can_read_is_no_mistake(password: str) -> None:
    assert read_address(f"postgresql+psycopg://u:{password}@db.example/d").server == "db.example:5432"


def test_an_address_in_words_names_the_server_and_no_password() -> None:
    given = {
        f"postgresql+psycopg://u:{PASSWORD}@[::1]:6000/d": "the PostgreSQL server at [::1]:6000",
        f"postgresql+psycopg://u:{PASSWORD}@/d?host=/run/pg": "the PostgreSQL server at /run/pg",
        "postgresql+psycopg:///d": "the PostgreSQL server of this machine (the address names no host)",
        "sqlite+aiosqlite:////srv/w.db?timeout=5": "the SQLite database '/srv/w.db'",
    }
    assert {url: read_address(url).in_words for url in given} == given


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_refuses_an_address_that_is_none(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_text((ROOT / "docs" / "policy.example.yml").read_text())
    url = f"postgresql+psycopg://watch:{PASSWORD}@more@127.0.0.1/watch"
    code, said = ended(tmp_path, GOOD | {"DATABASE_URL": url}, *command)
    assert code == 2, said
    assert "DATABASE_URL cannot be used: there is more than one @ in it: write @" in said
    assert "Traceback" not in said
    assert "canary" not in said


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"SLACK_BOT_TOKEN": GOOD["SLACK_APP_TOKEN"], "SLACK_APP_TOKEN": GOOD["SLACK_BOT_TOKEN"]},
            ["SLACK_BOT_TOKEN holds an app-level token (xapp-...)", "SLACK_APP_TOKEN holds a bot token (xoxb-...)"],
        ),
        (
            {"SLACK_BOT_TOKEN": "xoxp-canary", "SLACK_APP_TOKEN": "canary"},
            ["SLACK_BOT_TOKEN holds a user's token", "SLACK_APP_TOKEN holds no token of Slack", "xoxb-", "xapp-"],
        ),
        (
            {"SLACK_APP_TOKEN": "xoxe-1-canary", "SLACK_SIGNING_SECRET": "xoxb-canary"},
            ["SLACK_APP_TOKEN holds a token to refresh others with", "SLACK_SIGNING_SECRET holds a bot token"],
        ),
        (
            {"SLACK_BOT_TOKEN": "", "SLACK_APP_TOKEN": "xoxb-canary", "WATCHKEEPER_AUDIT_KEY": "", "DATABASE_URL": "x"},
            ["SLACK_BOT_TOKEN is not set", "SLACK_APP_TOKEN holds", "WATCHKEEPER_AUDIT_KEY is not", "DATABASE_URL"],
        ),
        (
            {"SLACK_BOT_TOKEN": "xoxb-canary\nmore", "SLACK_APP_TOKEN": "xapp-canary\nmore"},
            ["SLACK_BOT_TOKEN has a line end", "SLACK_APP_TOKEN has a line end"],
        ),
        (
            {"WATCHKEEPER_LISTEN": "8080", "WATCHKEEPER_CHANGES_SECRET": "canary"},
            ["WATCHKEEPER_LISTEN is '8080'", "WATCHKEEPER_CHANGES_SECRET has 6 characters"],
        ),
    ],
)
def test_every_mistake_is_told_at_once(changes: dict[str, str], told: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(GOOD | changes)
    lines = str(caught.value).splitlines()
    assert len(lines) == len(set(lines))
    for words in told:
        assert words in str(caught.value)
    assert "canary" not in str(caught.value)
    assert redacted(str(caught.value)).count("(xapp-...)") == str(caught.value).count("(xapp-...)")


def test_swapped_tokens_are_told_where_the_bot_is_started(tmp_path: Path) -> None:
    swapped = {"SLACK_BOT_TOKEN": GOOD["SLACK_APP_TOKEN"], "SLACK_APP_TOKEN": GOOD["SLACK_BOT_TOKEN"]}
    code, said = ended(tmp_path, GOOD | swapped, "run")
    assert code == 2
    assert [line.partition(" holds ")[0] for line in said.splitlines()] == ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]
    assert "canary" not in said


def test_a_token_that_rotates_is_a_bot_token() -> None:
    assert read_settings(GOOD | {"SLACK_BOT_TOKEN": "xoxe.xoxb-1-any"}).slack_bot_token == "xoxe.xoxb-1-any"


def test_what_cannot_be_written_is_named(tmp_path: Path, sqlite_template: Path) -> None:
    told = {"WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(), "DATABASE_URL": f"sqlite+aiosqlite:///{sqlite_template}"}
    code, said = ended(tmp_path, told, "audit", "export", "no-folder/record")
    assert code == 2
    assert said == "'no-folder/record' cannot be written: No such file or directory. Name another file, or make room.\n"
