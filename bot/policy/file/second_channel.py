"""The policy's second way to reach people: which routes there are, and where their credentials are.

A credential is only ever named here (an environment variable or a file), never written.
"""

import re
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from bot.policy.file.fields import Entry

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
_SERVER = re.compile(r"(?P<host>\[[0-9A-Fa-f:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):(?P<port>[0-9]{1,5})")
_ADDRESS = re.compile(r"[^@\s<>\"',;:\\()]+@[A-Za-z0-9.-]+")


def is_address(text: str) -> bool:
    """Whether ``text`` is an e-mail address, without a name around it."""
    return _ADDRESS.fullmatch(text) is not None


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError(f"{text!r} is not an e-mail address; write one such as sre@example.com")
    return text


def _server(text: str) -> str:
    match = _SERVER.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(f"{text!r} is not a server; write host:port, such as smtp.example.com:587")
    return text


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine itself, so that what is sent there crosses no network."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _safe_url(text: str) -> str:
    """An address whose traffic nobody on the way can read: what goes there lets its reader stop or wake somebody."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if not host or parts.scheme not in ("http", "https") or parts.query or parts.fragment or parts.username:
        raise ValueError(f"{text!r} is not a web address; write one such as https://watch.example.com")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError(f"{text!r} is not encrypted; write https://{host}")
    return text.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]
SafeUrl = Annotated[str, AfterValidator(_safe_url)]


class MailSecurity(StrEnum):
    """How the way to the mail server is protected."""

    STARTTLS = "starttls"
    """Begins in clear text and must become TLS before anything is said."""
    TLS = "tls"
    """TLS from the first byte."""
    NONE = "none"
    """Clear text; a password is only sent this way on this machine."""


class EmailRoute(Entry):
    """Plain-text mail through an SMTP server, one to each recipient."""

    server: Annotated[str, AfterValidator(_server)]
    """``host:port``."""
    security: MailSecurity = MailSecurity.STARTTLS
    sender: Address = Field(alias="from")
    to: tuple[str, ...] = Field(min_length=1)
    """Addresses, or groups of ``people`` that have an ``email``."""
    username: str | None = None
    password_env: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    """Certificates (PEM) that vouch for the server; default: those of this machine."""

    @property
    def host(self) -> str:
        """The mail server's name or address, an IPv6 address without its brackets."""
        return self.server.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The mail server's port."""
        return int(self.server.rpartition(":")[2])

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        named = _named(password_env=self.password_env, password_file=self.password_file)
        if self.username is not None and not named:
            raise ValueError("there is a username but no password; name it with password_env or password_file")
        if named and self.username is None:
            raise ValueError("there is a password but nobody it belongs to; add username")
        if named and self.security is MailSecurity.NONE and not is_loopback(self.host):
            raise ValueError("the password would cross the network unprotected; write security: starttls or tls")
        return self


class PagerDutyRoute(Entry):
    """PagerDuty's Events API v2: one alert per incident."""

    routing_key_env: str | None = None
    routing_key_file: str | None = None
    url: SafeUrl = PAGERDUTY_URL

    @model_validator(mode="after")
    def _key_is_named(self) -> Self:
        if not _named(routing_key_env=self.routing_key_env, routing_key_file=self.routing_key_file):
            raise ValueError("there is no routing key; name it with routing_key_env or routing_key_file")
        return self


class AppriseRoute(Entry):
    """Any service that Apprise knows. Its URL holds the credentials, so the whole of it is only named."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")
    """What people call it: ``teams``."""
    url_env: str | None = None
    url_file: str | None = None

    @model_validator(mode="after")
    def _url_is_named(self) -> Self:
        if not _named(url_env=self.url_env, url_file=self.url_file):
            raise ValueError("there is no URL; name it with url_env or url_file")
        return self


def _named(**places: str | None) -> bool:
    """Whether the credential is named in one of two places."""
    given = [name for name, place in places.items() if place is not None]
    if len(given) > 1:
        raise ValueError(f"the credential is named twice; keep one of {' and '.join(given)}")
    return bool(given)
