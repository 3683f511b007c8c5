"""E-mail through a server that really speaks SMTP."""

import socket
from pathlib import Path
from typing import Any

import pytest

from bot.policy.file.second_channel import EmailRoute
from bot.remediation import PermanentError
from bot.second_channel.mail import MailRoute
from bot.second_channel.route import Delivered, Rejected, RetryLater
from tests.fixtures.servers import free_port
from tests.second_channel.letters import announcement
from tests.second_channel.receivers import PASSWORD, Mailbox, certificate, mail_server

ALICE = "alice@example.com"


def route(server: str, *, timeout: float = 10, password: str | None = None, **route_settings: Any) -> MailRoute:
    written = {"server": server, "from": "watch@example.com", "to": [ALICE], "security": "none", **route_settings}
    return MailRoute(EmailRoute.model_validate(written), ALICE, lambda: password, timeout)


async def test_a_letter_arrives_as_plain_text_that_no_machine_answers() -> None:
    letter = announcement()
    async with mail_server() as mailbox:
        assert await route(mailbox.server).send(letter) == Delivered()
    (mail,) = mailbox.letters
    assert mail["From"] == "Watchkeeper <watch@example.com>"
    assert mail["To"] == ALICE
    assert mail["Subject"] == letter.title
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert mail["Date"].datetime == letter.written_at
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().replace("\r\n", "\n") == letter.text


async def test_a_letter_that_has_to_be_sent_again_is_recognisably_the_same() -> None:
    async with mail_server() as mailbox:
        mailbox.answers = ["take and hang up"]
        assert isinstance(await route(mailbox.server).send(announcement()), RetryLater)
        assert await route(mailbox.server).send(announcement()) == Delivered()
        assert await route(mailbox.server).send(announcement("another")) == Delivered()
    first, again, other = mailbox.letters
    assert first.as_bytes() == again.as_bytes(), "the server took the first, and its answer was lost"
    assert other["Message-ID"] != first["Message-ID"]
    assert other["References"] == first["References"], "mail programs show one conversation per incident"


async def test_starttls_and_the_password_are_used_and_the_server_is_checked(tmp_path: Path) -> None:
    context, trusted = await certificate(tmp_path)
    secure: dict[str, Any] = {"security": "starttls", "username": "watch", "password_env": "MAIL_PASSWORD"}
    async with mail_server(tls=context) as mailbox:
        known = route(mailbox.server, password=PASSWORD, ca_file=str(trusted), **secure)
        assert await known.send(announcement()) == Delivered()
        assert mailbox.logins == [(b"watch", PASSWORD.encode())]
        unknown = await route(mailbox.server, password=PASSWORD, **secure).send(announcement())
        assert isinstance(unknown, RetryLater)
        assert "certificate" in unknown.error.lower()
        wrong = await route(mailbox.server, password="wrong", ca_file=str(trusted), **secure).send(announcement())
        assert isinstance(wrong, RetryLater)
        assert "username and password" in wrong.error
        assert "wrong" not in wrong.error.replace("username and password", "")
    assert len(mailbox.letters) == 1


async def test_a_server_without_starttls_gets_nothing_when_the_policy_asks_for_it() -> None:
    async with mail_server() as mailbox:
        outcome = await route(mailbox.server, security="starttls").send(announcement())
    assert isinstance(outcome, RetryLater)
    assert not mailbox.letters


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("550 5.1.1 no such user", Rejected), ("450 4.2.1 mailbox busy", RetryLater)],
    ids=["never", "later"],
)
async def test_a_recipient_who_is_refused_is_given_up_only_if_that_is_final(reply: str, kind: type) -> None:
    async with mail_server() as mailbox:
        mailbox.refusals[ALICE] = reply
        outcome = await route(mailbox.server).send(announcement())
    assert isinstance(outcome, kind)
    assert reply[:3] in getattr(outcome, "error", "")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [("554 5.7.1 looks like spam", Rejected), ("451 4.3.0 try later", RetryLater)],
    ids=["never", "later"],
)
async def test_a_message_that_is_refused_is_given_up_only_if_that_is_final(reply: str, kind: type) -> None:
    async with mail_server() as mailbox:
        mailbox.answers = [reply]
        assert isinstance(await route(mailbox.server).send(announcement()), kind)
    assert not mailbox.letters


async def test_a_server_that_is_not_there_or_silent_is_tried_again_later() -> None:
    nowhere = await route(f"127.0.0.1:{free_port()}").send(announcement())
    assert isinstance(nowhere, RetryLater)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        outcome = await route(f"127.0.0.1:{silent.getsockname()[1]}", timeout=0.2).send(announcement())
    assert isinstance(outcome, RetryLater)
    assert "does not answer" in outcome.error


async def test_a_password_that_cannot_be_read_is_said_without_sending() -> None:
    def missing() -> str:
        raise PermanentError("Environment variable MAIL_PASSWORD is not set")

    async with mail_server() as mailbox:
        route_settings = route(mailbox.server)
        outcome = await MailRoute(route_settings._settings, ALICE, missing).send(announcement())
    assert outcome == RetryLater("Environment variable MAIL_PASSWORD is not set")
    assert mailbox.letters == Mailbox().letters
