"""What the process is told from outside: read once, checked, and explained where it is wrong."""

from pathlib import Path

import pytest

from bot.settings import SettingsError, read_change_settings, read_changes_secret, read_pause_file, read_settings

GOOD = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1",
    "WATCHKEEPER_AUDIT_KEY": "0123456789abcdef0123456789abcdef",
}


def test_three_values_are_enough_and_everything_else_is_safe_by_default() -> None:
    settings = read_settings(GOOD)
    assert settings.slack_app_token is not None
    assert settings.slack_signing_secret is None
    assert (settings.listen_host, settings.listen_port) == ("127.0.0.1", 8080)
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.database_url == "sqlite+aiosqlite:///watchkeeper.db"
    assert settings.policy_path == Path("policy.yml")


def test_secrets_are_not_in_what_is_printed() -> None:
    settings = read_settings(
        GOOD | {"WATCHKEEPER_ALERT_TOKEN": "s3cret", "DATABASE_URL": "postgresql+psycopg://u:pw@h/d"}
    )
    shown = repr(settings)
    for secret in ("xoxb-1", "xapp-1", "0123456789abcdef", "s3cret", "pw@"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SLACK_BOT_TOKEN": ""}, ["SLACK_BOT_TOKEN is not set", "SLACK_BOT_TOKEN_FILE"]),
        ({"SLACK_APP_TOKEN": ""}, ["SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "watchkeeper demo"]),
        ({"WATCHKEEPER_AUDIT_KEY": ""}, ["WATCHKEEPER_AUDIT_KEY is not set", "openssl rand"]),
        ({"WATCHKEEPER_AUDIT_KEY": "short"}, ["has 5 characters", "at least 16"]),
        ({"WATCHKEEPER_LISTEN": "0.0.0.0:8080"}, ["0.0.0.0:8080", "WATCHKEEPER_ALERT_TOKEN"]),
        ({"WATCHKEEPER_LISTEN": "8080"}, ["'8080'", "127.0.0.1:8080"]),
        ({"WATCHKEEPER_LISTEN": "127.0.0.1:99999"}, ["127.0.0.1:99999"]),
        ({"SLACK_BOT_TOKEN_FILE": "nowhere", "SLACK_BOT_TOKEN": ""}, ["SLACK_BOT_TOKEN_FILE", "'nowhere'"]),
        ({"SLACK_BOT_TOKEN_FILE": "somewhere"}, ["Both SLACK_BOT_TOKEN and SLACK_BOT_TOKEN_FILE"]),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_remedy(changes: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        read_settings(GOOD | changes)
    for word in words:
        assert word in str(error.value)


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("xoxb-from-file\n")
    settings = read_settings(
        {k: v for k, v in GOOD.items() if k != "SLACK_BOT_TOKEN"} | {"SLACK_BOT_TOKEN_FILE": str(file)}
    )
    assert settings.slack_bot_token == "xoxb-from-file"


def test_a_reachable_listener_is_allowed_once_alerts_need_a_token() -> None:
    settings = read_settings(GOOD | {"WATCHKEEPER_LISTEN": "0.0.0.0:8080", "WATCHKEEPER_ALERT_TOKEN": "s3cret"})
    assert settings.listen_host == "0.0.0.0"  # noqa: S104 - the point of this test


def test_without_an_app_token_slack_comes_over_signed_http() -> None:
    settings = read_settings(GOOD | {"SLACK_APP_TOKEN": "", "SLACK_SIGNING_SECRET": "x"})
    assert settings.slack_app_token is None


@pytest.mark.parametrize(
    ("environment", "file"),
    [
        ({}, "watchkeeper.pause"),
        ({"DATABASE_URL": "sqlite+aiosqlite:////srv/wk/watch.db"}, "/srv/wk/watchkeeper.pause"),
        ({"DATABASE_URL": "postgresql+psycopg://u@h/d"}, "watchkeeper.pause"),
        ({"WATCHKEEPER_PAUSE_FILE": "/run/brake", "DATABASE_URL": "sqlite+aiosqlite:////srv/w.db"}, "/run/brake"),
    ],
)
def test_the_pause_file_lies_beside_the_database_unless_it_is_named(environment: dict[str, str], file: str) -> None:
    assert read_pause_file(environment) == Path(file)
    assert read_settings(GOOD | environment).pause_file == Path(file)


def test_reports_of_changes_are_signed_with_a_secret_that_cannot_be_guessed() -> None:
    assert read_changes_secret({}) is None
    assert read_changes_secret({"WATCHKEEPER_CHANGES_SECRET": "0123456789abcdef"}) == b"0123456789abcdef"
    with pytest.raises(SettingsError, match="WATCHKEEPER_CHANGES_SECRET has 5 characters, which can be guessed"):
        read_changes_secret({"WATCHKEEPER_CHANGES_SECRET": "guess"})


def test_who_reports_a_change_knows_where_to() -> None:
    secret = {"WATCHKEEPER_CHANGES_SECRET": "0123456789abcdef"}
    assert read_change_settings(secret) == ("http://127.0.0.1:8080", b"0123456789abcdef")
    assert read_change_settings({**secret, "WATCHKEEPER_URL": "https://watch.example/"})[0] == "https://watch.example"
    with pytest.raises(SettingsError, match="is no address of a web service; write it like http://"):
        read_change_settings({**secret, "WATCHKEEPER_URL": "file:///etc/passwd"})
    with pytest.raises(SettingsError, match="WATCHKEEPER_CHANGES_SECRET is not set"):
        read_change_settings({})
