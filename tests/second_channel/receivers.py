"""The other ends: an SMTP server that really speaks SMTP, and a receiver as strict as PagerDuty's Events API v2."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Json = dict[str, Any]
PASSWORD = "canary-mail-password"
ROUTING_KEY = "canary-routing-key-of-the-pagers"


@dataclass
class Mailbox:
    """An SMTP server and what it has taken, in order."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)
    """Recipient -> SMTP reply instead of a welcome."""
    answers: list[str] = field(default_factory=list)
    """SMTP replies to the next messages instead of taking them; ``take and hang up`` loses our answer."""

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def to(self, recipient: str) -> list[EmailMessage]:
        return [letter for letter in self.letters if letter["To"] == recipient]

    def subjects(self, recipient: str) -> list[str]:
        return [str(letter["Subject"]) for letter in self.to(recipient)]

    async def until(self, count: int, recipient: str | None = None) -> list[EmailMessage]:
        """Wait until so many letters (to ``recipient``) are there."""
        async with asyncio.timeout(30):
            while len(found := self.to(recipient) if recipient else self.letters) < count:
                await asyncio.sleep(0.02)
        return found

    # what aiosmtpd asks its handler

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith(("250", "take")):
            content = envelope.content
            assert isinstance(content, bytes)
            self.letters.append(message_from_bytes(content, policy=policy.default))
        if answer == "take and hang up":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data == LoginPassword(b"watch", PASSWORD.encode()), handled=False)


@asynccontextmanager
async def mail_server(port: int = 0, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Mailbox]:
    """A running mail server; with ``tls`` it insists on STARTTLS and a login, without it takes one."""
    mailbox = Mailbox()

    def session() -> SMTP:
        return SMTP(
            mailbox,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=tls is not None,
            auth_require_tls=tls is not None,
            authenticator=mailbox.authenticate,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", port)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        await server.wait_closed()


async def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate for 127.0.0.1 that vouches for itself: the server's context, and the file that clients trust."""
    key, made = folder / "key.pem", folder / "certificate.pem"
    process = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", str(key), "-out", str(made), "-days", "2", "-subj", "/CN=mail.test"),
        *("-addext", "subjectAltName=IP:127.0.0.1"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await process.wait() == 0
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    return context, made


_EVENT_KEYS = {"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"}
_PAYLOAD_KEYS = {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}


def faults(event: Json) -> list[str]:
    """What PagerDuty's Events API v2 would object to."""
    found = [f"unknown key {key}" for key in set(event) - _EVENT_KEYS]
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        found.append("event_action")
    if not 0 < len(str(event.get("dedup_key", ""))) <= 255:
        found.append("dedup_key")
    if event.get("event_action") != "trigger":
        return found
    payload = event.get("payload")
    if not isinstance(payload, dict):
        return [*found, "payload"]
    found += [f"unknown key payload.{key}" for key in set(payload) - _PAYLOAD_KEYS]
    if not 0 < len(payload.get("summary", "")) <= 1024:
        found.append("summary")
    if not payload.get("source"):
        found.append("source")
    if payload.get("severity") not in ("critical", "error", "warning", "info"):
        found.append("severity")
    if "timestamp" in payload and datetime.fromisoformat(payload["timestamp"]).tzinfo is None:
        found.append("timestamp")
    found += ["link" for link in event.get("links", []) if set(link) - {"href", "text"} or not link.get("href")]
    return found


@dataclass
class Pager:
    """A PagerDuty service: its alerts by dedup_key, and every event it has taken."""

    url: str = ""
    events: list[Json] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """Statuses of the next answers instead of a proper one."""

    def alerts(self) -> dict[str, list[str]]:
        """dedup_key -> the event actions, in order."""
        found: dict[str, list[str]] = {}
        for event in self.events:
            found.setdefault(event["dedup_key"], []).append(event["event_action"])
        return found

    async def until(self, count: int) -> list[Json]:
        async with asyncio.timeout(30):
            while len(self.events) < count:
                await asyncio.sleep(0.02)
        return self.events

    async def take(self, request: web.Request) -> web.Response:
        if self.statuses:
            return web.json_response({"status": "throttled"}, status=self.statuses.pop(0))
        event = await request.json()
        wrong = faults(event)
        if event.get("routing_key") != ROUTING_KEY:
            wrong.append("Invalid routing key")
        if wrong:
            answer = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
            return web.json_response(answer, status=400)
        self.events.append(event)
        answer = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return web.json_response(answer, status=202)


@asynccontextmanager
async def pager_service() -> AsyncIterator[Pager]:
    """A running receiver."""
    pager = Pager()
    app = web.Application()
    app.router.add_post("/v2/enqueue", pager.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    pager.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v2/enqueue"
    try:
        yield pager
    finally:
        await runner.cleanup()
