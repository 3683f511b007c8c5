"""Plain-text e-mail through an SMTP server, one message to each recipient.

A message that has to be sent again keeps its Message-ID, so that a mail program shows it once even when the server's
answer to the first was lost.
"""

import asyncio
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from bot.policy.file.second_channel import EmailRoute, MailSecurity
from bot.remediation import PermanentError
from bot.second_channel.letters import ENCODED_WORD_BROKEN, Letter
from bot.second_channel.route import (
    SEND_TIMEOUT_SECONDS,
    Attempting,
    Delivered,
    Outcome,
    Rejected,
    RetryLater,
    printable,
)
from bot.second_channel.telling import Kind

_URGENT = frozenset({Kind.ANNOUNCEMENT, Kind.QUESTION, Kind.CALL})
PERMANENT = range(500, 600)
"""SMTP replies that repeating does not change."""


class MailRoute(Attempting):
    """E-mail to one address."""

    def __init__(
        self,
        route_settings: EmailRoute,
        recipient: str,
        password: Callable[[], str | None],
        timeout_seconds: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        """``password`` reads it where the policy says it is, anew for each message; it may block."""
        super().__init__(timeout_seconds)
        self._settings = route_settings
        self._password = password
        self.recipient = recipient
        self.name = f"email:{recipient}"
        self.in_words = f"e-mail to {recipient}"

    def takes(self, kind: Kind) -> bool:
        """Everything but that an incident is over: nothing stays open in a mailbox."""
        return kind is not Kind.OVER

    async def _attempt(self, letter: Letter) -> Outcome:
        """Over a connection of its own, as the policy protects it."""
        route_settings = self._settings
        password = await asyncio.to_thread(self._password)
        context = await asyncio.to_thread(_tls_context, route_settings)
        message = self.compose(letter)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await aiosmtplib.send(
                    message,
                    sender=route_settings.sender,
                    recipients=[self.recipient],
                    hostname=route_settings.host,
                    port=route_settings.port,
                    username=route_settings.username,
                    password=password,
                    use_tls=route_settings.security is MailSecurity.TLS,
                    start_tls=route_settings.security is MailSecurity.STARTTLS,
                    tls_context=context,
                    timeout=self._timeout_seconds,
                )
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError) as error:
            return _outcome(error, route_settings.server)
        return Delivered()

    def compose(self, letter: Letter) -> EmailMessage:
        """The letter as a message."""
        domain = self._settings.sender.rpartition("@")[2]
        message = EmailMessage()
        message["From"] = f"Watchkeeper <{self._settings.sender}>"
        message["To"] = self.recipient
        message["Subject"] = header_text(letter.title)
        message["Date"] = format_datetime(letter.written_at)
        message["Message-ID"] = f"<{letter.key}.{letter.incident.lower()}@{domain}>"
        message["References"] = f"<watchkeeper.{letter.incident.lower()}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        if letter.kind in _URGENT:
            message["Importance"] = "high"
        message.set_content(letter.text)
        return message


def header_text(text: str) -> str:
    """Text for a header that stays the text it is: one line, and no encoded word, however a library reads it.

    What looks like an encoded word (``=?utf-8?q?...?=``) would be decoded on the way into a header or out of it, and
    may then be anything: the end of the header, and a body that somebody else has written.
    """
    return printable(text).replace("=?", ENCODED_WORD_BROKEN)


def _tls_context(route_settings: EmailRoute) -> ssl.SSLContext | None:
    if route_settings.security is MailSecurity.NONE:
        return None
    try:
        return ssl.create_default_context(cafile=route_settings.ca_file)
    except OSError as error:
        raise PermanentError(f"the certificates in {route_settings.ca_file} cannot be read: {error}") from error


def _outcome(error: Exception, server: str) -> Outcome:
    match error:
        case aiosmtplib.SMTPRecipientsRefused(recipients=[aiosmtplib.SMTPRecipientRefused() as refused]):
            text = f"{server} refuses the recipient: {refused.code} {refused.message}"
            return Rejected(text) if refused.code in PERMANENT else RetryLater(text)
        case aiosmtplib.SMTPDataError() if error.code in PERMANENT:
            return Rejected(f"{server} refuses the message: {error.code} {error.message}")
        case aiosmtplib.SMTPAuthenticationError():
            return RetryLater(f"{server} does not accept the username and password ({error.code}): check both")
        case aiosmtplib.SMTPResponseException():
            return RetryLater(f"{server} answered {error.code} {error.message}")
        case TimeoutError():
            return RetryLater(f"{server} does not answer")
        case _:
            return RetryLater(f"{server} cannot be used: {type(error).__name__} {error}".rstrip())
