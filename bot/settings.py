"""The only reader of the environment.

Every variable may be given as ``NAME_FILE`` instead, which names a file that holds the value, so that secrets need
not stand in the environment of a process list.
"""

import ipaddress
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.redaction import remember, remember_address
from bot.token_kinds import OTHER_TOKENS, SLACK_KINDS
from storage.address import AddressError, read_address

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
    _all_at_once(
        partial(_slack_secrets, values),
        partial(_listener, values),
        partial(_audit_key, values),
        partial(_database_url, values),
        partial(read_pause_file, environment),
        partial(read_policy_path, environment),
        partial(read_changes_secret, environment),
        partial(_web_address, values, "SLACK_API_URL"),
        partial(_web_address, values, "PROMETHEUS_URL"),
    )
    bot_token, app_token, signing_secret = _slack_secrets(values)
    host, port, alert_token = _listener(values)
    return Settings(
        slack_bot_token=bot_token,
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


def read_usable_settings(environment: Mapping[str, str] | None = None) -> tuple[Settings, tuple[str, ...]]:
    """Every setting that can be used, and what is wrong with each that cannot, which is empty or its default then."""
    try:
        return read_settings(environment), ()
    except SettingsError as error:
        problems = tuple(str(error).split("\n"))
    usable: dict[str, Any] = {"slack_bot_token": "", "database_url": ""}
    values = _Values(os.environ if environment is None else environment)
    for name, read in _EACH_ALONE.items():
        with suppress(SettingsError):
            if (value := read(values)) is not None:
                usable[name] = value
    return Settings(**usable), problems


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
    return (_web_address(values, "WATCHKEEPER_URL") or f"http://{DEFAULT_LISTEN}").rstrip("/"), secret


def read_policy_path(environment: Mapping[str, str] | None = None) -> Path:
    """Where the policy is."""
    return Path(_Values(os.environ if environment is None else environment).get("WATCHKEEPER_POLICY") or "policy.yml")


def read_pause_file(environment: Mapping[str, str] | None = None) -> Path:
    """Where the pause file is expected.

    Raises:
        SettingsError: the database's address, beside which it would lie, is none.
    """
    values = _Values(os.environ if environment is None else environment)
    named = values.get("WATCHKEEPER_PAUSE_FILE")
    return Path(named) if named else default_pause_file(_database_url(values))


def default_pause_file(database_url: str) -> Path:
    """``watchkeeper.pause`` beside a SQLite file, else in the working directory."""
    file = read_address(database_url).file
    return (file.parent if file is not None else Path()) / PAUSE_FILE_NAME


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


def read_prometheus_url(environment: Mapping[str, str] | None = None) -> str | None:
    """Where Prometheus is; None where nobody says.

    Raises:
        SettingsError: it is no address of HTTP.
    """
    return _web_address(_Values(os.environ if environment is None else environment), "PROMETHEUS_URL")


def read_gate_settings(environment: Mapping[str, str] | None = None) -> tuple[Path, str | None, bytes]:
    """Where the policy is, Prometheus' address and the audit key: what gates are run with.

    Raises:
        SettingsError: as ``read_settings``.
    """
    values = _Values(os.environ if environment is None else environment)
    return read_policy_path(environment), read_prometheus_url(environment), _audit_key(values)


def _all_at_once(*reads: Callable[[], object]) -> None:
    """Read everything, so that whoever has made three mistakes is told of three.

    Raises:
        SettingsError: with each that was found, a line each.
    """
    found: dict[str, None] = {}
    for read in reads:
        try:
            read()
        except SettingsError as error:
            found.update(dict.fromkeys(str(error).split("\n")))
    if found:
        raise SettingsError("\n".join(found))


def _slack_secrets(values: "_Values") -> tuple[str, str | None, str | None]:
    """The bot token, the app-level token and the signing secret: the right one in each place."""
    reads = (
        partial(values.need, "SLACK_BOT_TOKEN", "the app's bot token, beginning with xoxb-"),
        partial(values.get, "SLACK_APP_TOKEN"),
        partial(values.get, "SLACK_SIGNING_SECRET"),
    )
    _all_at_once(*reads, *(partial(_right_kind, values, name) for name in SLACK_KINDS))
    bot_token, app_token, signing_secret = reads[0](), values.get("SLACK_APP_TOKEN"), values.get("SLACK_SIGNING_SECRET")
    if app_token is None and signing_secret is None:
        raise SettingsError(
            "Neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP mode) is set. "
            "Copy one of them from the app's page at Slack, or try `watchkeeper demo`, which needs neither."
        )
    return str(bot_token), app_token, signing_secret


def _right_kind(values: "_Values", name: str) -> None:
    value, wanted = values.get(name), SLACK_KINDS[name]
    if value is None or wanted.fits(value):
        return
    found = next((kind.what for kind in SLACK_KINDS.values() if kind.surely and kind.fits(value)), "")
    held = found or next((what for start, what in OTHER_TOKENS.items() if value.startswith(start)), "no token of Slack")
    if wanted.surely or held != "no token of Slack":
        raise SettingsError(f"{name} holds {held}; what belongs there is {wanted.what}: {wanted.where}.")


def _listener(values: "_Values") -> tuple[str, int, str | None]:
    """Address, port and the credential that is asked for there."""
    host, port = _listen(values.get("WATCHKEEPER_LISTEN") or DEFAULT_LISTEN)
    alert_token = values.get("WATCHKEEPER_ALERT_TOKEN")
    if alert_token is None and not _is_loopback(host):
        raise SettingsError(
            f"WATCHKEEPER_LISTEN is {host}:{port}, which others can reach, but WATCHKEEPER_ALERT_TOKEN is not set. "
            "Set a token (and give it to Alertmanager as a bearer credential), or listen on 127.0.0.1."
        )
    return host, port, alert_token


def _database_url(values: "_Values") -> str:
    url = values.get("DATABASE_URL") or DEFAULT_DATABASE_URL
    try:
        return read_address(url).url
    except AddressError as error:
        raise SettingsError(f"DATABASE_URL cannot be used: {error}.") from error


def _web_address(values: "_Values", name: str) -> str | None:
    """An address of HTTP; what is told of another one is not itself, for a password may be in it."""
    url = values.get(name)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        raise SettingsError(f"{name} is no address of a web service; write it like http://127.0.0.1:9090, unquoted.")
    return url


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


def _of_its_kind(name: str, values: _Values) -> str | None:
    _right_kind(values, name)
    return values.get(name)


_EACH_ALONE: Mapping[str, Callable[[_Values], object]] = {
    **{name.lower(): partial(_of_its_kind, name) for name in SLACK_KINDS},
    "slack_api_url": lambda values: (_web_address(values, "SLACK_API_URL") or SLACK_API_URL).rstrip("/") + "/",
    "prometheus_url": lambda values: _web_address(values, "PROMETHEUS_URL"),
    "database_url": _database_url,
    "audit_key": _audit_key,
    "policy_path": lambda values: Path(values.get("WATCHKEEPER_POLICY") or "policy.yml"),
}
