"""The only reader of the environment.

Every variable may be given as ``NAME_FILE`` instead, which names a file that holds the value, so that secrets need
not stand in the environment of a process list.
"""

import ipaddress
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.database_url import DatabaseUrlError, database_url
from bot.redaction import remember, remember_address

SLACK_API_URL = "https://slack.com/api/"
DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_DATABASE_URL = "sqlite+aiosqlite:///watchkeeper.db"
MINIMUM_AUDIT_KEY_BYTES = 16
MINIMUM_SECRET_BYTES = 16
PAUSE_FILE_NAME = "watchkeeper.pause"


SECRETS = frozenset(
    {
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "SLACK_SIGNING_SECRET",
        "WATCHKEEPER_ALERT_TOKEN",
        "WATCHKEEPER_AUDIT_KEY",
        "WATCHKEEPER_CHANGES_SECRET",
    }
)
"""Variables whose values are in no log and no error."""
KINDS_OF_TOKENS = {
    "xoxb-": "a bot token",
    "xapp-": "an app-level token",
    "xoxp-": "a person's token",
    "xoxe-": "a token to refresh others with",
    "https://": "an address",
}
"""What Slack calls its tokens, by how they begin."""
KIND_NEEDED = {"SLACK_BOT_TOKEN": "xoxb-", "SLACK_APP_TOKEN": "xapp-"}
ADDRESSES = frozenset({"DATABASE_URL", "PROMETHEUS_URL", "SLACK_API_URL", "WATCHKEEPER_URL"})
"""Variables in whose values a password may be."""


class SettingsError(Exception):
    """The environment does not allow a start; the text names the variable and the remedy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process is told from outside. Secrets are kept out of ``repr``.

    With ``slack_app_token`` Slack delivers through Socket Mode, with ``slack_signing_secret`` through signed HTTP
    requests, and with both through both: that is how to move from one to the other without a gap.
    """

    slack_bot_token: str = field(repr=False)
    slack_app_token: str | None = field(default=None, repr=False)
    slack_signing_secret: str | None = field(default=None, repr=False)
    slack_api_url: str = SLACK_API_URL
    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    prometheus_url: str | None = None
    policy_path: Path = Path("policy.yml")
    listen_host: str = "127.0.0.1"
    listen_port: int = 8080
    alert_token: str | None = field(default=None, repr=False)
    audit_key: bytes = field(default=b"", repr=False)
    changes_secret: bytes | None = field(default=None, repr=False)
    """What reports of changes are signed with; without it none is taken."""
    pause_file: Path | None = None
    """While this file exists everything is paused; None: ``default_pause_file``."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check the environment.

    Raises:
        SettingsError: a value is missing or unusable; names the variable, what is wrong and what to do.
    """
    values = _Values(os.environ if environment is None else environment)
    host, port = _listen(values.get("WATCHKEEPER_LISTEN") or DEFAULT_LISTEN)
    alert_token = values.get("WATCHKEEPER_ALERT_TOKEN")
    if alert_token is None and not _is_loopback(host):
        raise SettingsError(
            f"WATCHKEEPER_LISTEN is {host}:{port}, which others can reach, but WATCHKEEPER_ALERT_TOKEN is not set. "
            "Set a token (and give it to Alertmanager as a bearer credential), or listen on 127.0.0.1."
        )
    app_token, signing_secret = values.get("SLACK_APP_TOKEN"), values.get("SLACK_SIGNING_SECRET")
    if app_token is None and signing_secret is None:
        raise SettingsError(
            "Neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP mode) is set. "
            "Copy one of them from the app's page at Slack, or try `watchkeeper demo`, which needs neither."
        )
    bot_token = values.get("SLACK_BOT_TOKEN")
    _check_kinds({"SLACK_BOT_TOKEN": bot_token, "SLACK_APP_TOKEN": app_token})
    return Settings(
        slack_bot_token=values.need("SLACK_BOT_TOKEN", "the app's bot token, beginning with xoxb-"),
        slack_app_token=app_token,
        slack_signing_secret=signing_secret,
        slack_api_url=(values.get("SLACK_API_URL") or SLACK_API_URL).rstrip("/") + "/",
        database_url=_database_url(values),
        prometheus_url=values.get("PROMETHEUS_URL"),
        policy_path=read_policy_path(environment),
        listen_host=host,
        listen_port=port,
        alert_token=alert_token,
        audit_key=_audit_key(values),
        changes_secret=read_changes_secret(environment),
        pause_file=read_pause_file(environment),
    )


def remember_secrets(environment: Mapping[str, str] | None = None) -> None:
    """Know what is secret before anything else is done, so that no error of any command tells it.

    What is wrong with a value is left to whoever needs it.
    """
    values = _Values(os.environ if environment is None else environment)
    for name in sorted(SECRETS | ADDRESSES):
        with suppress(SettingsError):
            values.get(name)


def read_changes_secret(environment: Mapping[str, str] | None = None) -> bytes | None:
    """What reports of changes are signed with; None where none are taken.

    Raises:
        SettingsError: it can be guessed.
    """
    secret = _Values(os.environ if environment is None else environment).get("WATCHKEEPER_CHANGES_SECRET")
    if secret is not None and len(secret.encode()) < MINIMUM_SECRET_BYTES:
        raise SettingsError(
            f"WATCHKEEPER_CHANGES_SECRET has {len(secret)} characters, which can be guessed; "
            f"use at least {MINIMUM_SECRET_BYTES}, for instance from `openssl rand -hex 32`."
        )
    return None if secret is None else secret.encode()


def read_change_settings(environment: Mapping[str, str] | None = None) -> tuple[str, bytes]:
    """Where a running Watchkeeper listens, and the secret: what a change is reported with.

    Raises:
        SettingsError: the secret is missing or can be guessed, or the address is none.
    """
    secret = read_changes_secret(environment)
    if secret is None:
        raise SettingsError("WATCHKEEPER_CHANGES_SECRET is not set. It is the one that the running Watchkeeper has.")
    values = _Values(os.environ if environment is None else environment)
    url = values.get("WATCHKEEPER_URL") or f"http://{DEFAULT_LISTEN}"
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"WATCHKEEPER_URL is {url!r}; write it with http:// or https:// in front.")
    return url.rstrip("/"), secret


def read_policy_path(environment: Mapping[str, str] | None = None) -> Path:
    """Where the policy is."""
    return Path(_Values(os.environ if environment is None else environment).get("WATCHKEEPER_POLICY") or "policy.yml")


def read_pause_file(environment: Mapping[str, str] | None = None) -> Path:
    """Where the pause file is expected."""
    values = _Values(os.environ if environment is None else environment)
    named = values.get("WATCHKEEPER_PAUSE_FILE")
    return Path(named) if named else default_pause_file(_database_url(values))


def default_pause_file(database_url: str) -> Path:
    """``watchkeeper.pause`` beside a SQLite file, else in the working directory."""
    is_file = database_url.startswith("sqlite")
    return (Path(database_url.split("///", 1)[-1]).parent if is_file else Path()) / PAUSE_FILE_NAME


def read_storage_settings(environment: Mapping[str, str] | None = None) -> tuple[str, bytes]:
    """Database URL and audit key only, for commands that need no Slack.

    Raises:
        SettingsError: as ``read_settings``.
    """
    values = _Values(os.environ if environment is None else environment)
    return _database_url(values), _audit_key(values)


def database_is_named(environment: Mapping[str, str] | None = None) -> bool:
    """Whether the environment says which database is in use; a command that could do without then must not."""
    return _Values(os.environ if environment is None else environment).get("DATABASE_URL") is not None


def read_gate_settings(environment: Mapping[str, str] | None = None) -> tuple[Path, str | None, bytes]:
    """Where the policy is, Prometheus' address and the audit key: what gates are run with.

    Raises:
        SettingsError: as ``read_settings``.
    """
    values = _Values(os.environ if environment is None else environment)
    return read_policy_path(environment), values.get("PROMETHEUS_URL"), _audit_key(values)


def _check_kinds(tokens: Mapping[str, str | None]) -> None:
    """Every Slack token that is one of another kind, named in one refusal; of no token more is told than its kind."""
    wrong = []
    for name, token in tokens.items():
        begins = next((each for each in KINDS_OF_TOKENS if (token or "").startswith(each)), None)
        if begins is not None and begins != KIND_NEEDED[name]:
            wrong.append(
                f"{name} has {KINDS_OF_TOKENS[begins]} ({begins}...); it needs {KINDS_OF_TOKENS[KIND_NEEDED[name]]} "
                f"({KIND_NEEDED[name]}...)."
            )
    if wrong:
        raise SettingsError(" ".join(wrong))


def _database_url(values: "_Values") -> str:
    try:
        return database_url(values.get("DATABASE_URL") or DEFAULT_DATABASE_URL)
    except DatabaseUrlError as error:
        raise SettingsError(f"DATABASE_URL {error}.") from error


def _audit_key(values: "_Values") -> bytes:
    key = values.need("WATCHKEEPER_AUDIT_KEY", "32 random bytes, for instance from `openssl rand -hex 32`").encode()
    if len(key) < MINIMUM_AUDIT_KEY_BYTES:
        raise SettingsError(
            f"WATCHKEEPER_AUDIT_KEY has {len(key)} characters, which can be guessed; "
            f"use at least {MINIMUM_AUDIT_KEY_BYTES}, for instance from `openssl rand -hex 32`."
        )
    return key


class _Values:
    """The environment with its ``_FILE`` variants."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def get(self, name: str) -> str | None:
        """The value, without white space and line ends around it, which no value begins or ends with."""
        given, path = self._environment.get(name, "").strip(), self._environment.get(f"{name}_FILE", "").strip()
        if given and path:
            raise SettingsError(f"Both {name} and {name}_FILE are set; keep one of them.")
        value = _read(name, path) if path else given
        if not value:
            return None
        remember_address(value)
        if name in SECRETS:
            remember(value)
            if not value.isprintable():
                raise SettingsError(
                    f"{name} has a line end or a control character inside, so it is more than one secret or half of "
                    "two: copy it again, as one line."
                )
        elif not value.isprintable():
            raise SettingsError(f"{name} has a line end or a control character inside: write it as one line.")
        return value

    def need(self, name: str, what: str) -> str:
        value = self.get(name)
        if value is None:
            raise SettingsError(f"{name} is not set. It is {what}; {name}_FILE may name a file that holds it.")
        return value


def _read(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}_FILE names {path!r}, which cannot be read: {error.strerror}.") from error
    except ValueError as error:  # bytes that are no text, or a path with a NUL
        raise SettingsError(f"{name}_FILE names {path!r}, which is no text in UTF-8: write it as one.") from error


def _listen(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise SettingsError(f"WATCHKEEPER_LISTEN is {text!r}; write it as address:port, such as {DEFAULT_LISTEN}.")
    return host.strip("[]") or "127.0.0.1", int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
