"""E27: text from outside stays text in mail, and no message that cannot be sent keeps others from people."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.response.model.actions import ActionState
from bot.second_channel import teller
from bot.second_channel.letters import Letter, one_line, write
from bot.second_channel.mail import MailRoute, header_text
from bot.second_channel.route import Delivered, Outcome, Rejected, RetryLater
from bot.second_channel.teller import ALONE_ATTEMPTS, QUESTION_AGAIN_AFTER, QUESTIONS_AT_ONCE
from bot.second_channel.telling import Kind
from storage.database import Database
from storage.tables import SECOND_NOTICES
from tests.fixtures.database import AUDIT_KEY, RecordingEnqueuer, migrated
from tests.fixtures.incidents import NOW
from tests.second_channel.letters import announcement, asking, incident, outcome
from tests.second_channel.receivers import mail_server
from tests.second_channel.test_mail import route
from tests.second_channel.test_teller import Harbour

BODY = "=?utf-8?q?=0D=0A=0D=0AApprove_here:_http=3A//evil.example/=0D=0A?="
"""In a header that is decoded, the end of the headers and a body."""
NAMES = [
    BODY,
    f"{BODY} e\u0301",
    "=?unknown-8bit?q?=ff?= \N{LATIN SMALL LETTER E WITH ACUTE}",
    "=?utf-8?b?DQoNCkFwcHJvdmU=?=",
    "=?utf-8?q?=ED=A0=80?=",
    "=?nosuch?q?a?=",
    "=?utf-8?x?a?=",
    "=?utf-8*en?q?a?= =?utf-8?q?b?=",
    "=?" * 60,
    "\ud800\udfff",
    "a\r\nBcc: x@evil.example\r\n\r\nApprove here: http://evil.example/",
    "a\x85b\u2028c\u2029d\0e\x1b[2J",
    "\N{PILE OF POO}" * 200,
    "x" * 5_000,
    "\u202e\u200b",
    "http://evil.example/ mailto:x@evil.example evil.example/approve evil.example:8080/approve www.evil.example",
]
PARTS = st.sampled_from(
    ["=?", "?=", "=", "?", "utf-8", "?q?", "?b?", "=0D=0A", "\r\n", " ", "_", "\xe9", "\ud800", "a"]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(PARTS, max_size=40).map("".join))


def letter(text: str, kind: Kind = Kind.QUESTION) -> Letter:
    card = asking(alert_name=text, summary=text, headline=text, plan=None, action_state=None)
    return write(kind, "k1", incident(alert_name=text, service=text, severity=text), card, None, NOW)


@pytest.mark.parametrize("name", NAMES)
async def test_a_mail_about_any_alert_arrives_as_it_was_written(name: str) -> None:
    written = letter(name)
    async with mail_server() as mailbox:
        assert await route(mailbox.server).send(written) == Delivered()
    (mail,) = mailbox.letters
    assert mail.keys() == _headers(written)
    assert mail.get_content().replace("\r\n", "\n") == written.text
    assert "".join(mail["Subject"].split()) == "".join(written.title.split())
    assert "evil.example/" not in written.text


@given(TEXTS, TEXTS)
@example(BODY, BODY)
def test_no_text_is_more_than_the_subject_that_it_stands_in(name: str, other: str) -> None:
    written = letter(f"{name}{other}")
    raw = bytes(route("127.0.0.1:25").compose(written))
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail.keys() == _headers(written)
    assert mail.get_content().replace("\r\n", "\n") == written.text


@given(TEXTS)
def test_no_line_of_a_letter_is_an_encoded_word(text: str) -> None:
    assert "=?" not in one_line(text)
    assert "=?" not in header_text(text)


def test_a_host_without_a_path_and_a_unit_stay_readable() -> None:
    plain = "Restart web.service on node-1.example.com (10.0.0.5, v1.2.3), e.g. now."
    assert one_line(plain) == plain


async def test_what_cannot_be_made_into_a_message_is_an_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates not allowed")

    monkeypatch.setattr(MailRoute, "compose", fail)
    async with mail_server() as mailbox:
        sent = await route(mailbox.server).send(announcement())
    assert sent == RetryLater("the message could not be made or sent (UnicodeEncodeError)", others_may_go=True)


@pytest.mark.parametrize("reply", ["550 \udcff\x1b[2J no", "450 \udcff later"])
async def test_words_of_a_mail_server_can_be_kept(
    harbour: Harbour, reply: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand in a row, in a log line and in a status."""

    async def refuse(self: MailRoute, _: Letter) -> Outcome:
        return Rejected(reply) if reply.startswith("5") else RetryLater(reply)

    monkeypatch.setattr(MailRoute, "_attempt", refuse)
    await harbour.queue(await harbour.incident(), asking())
    harbour.later(seconds=31)
    async with harbour.telling() as telling:
        await _until(harbour, lambda error, _: bool(error))
        (problem,) = telling.state.problems.values()
    assert problem.error.isprintable()
    assert problem.error.startswith(reply[:3])


# -- what cannot be sent keeps nothing else -----------------------------------------------------------------------


async def test_a_message_that_nobody_can_send_keeps_no_other_from_people(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = MailRoute._attempt

    async def attempt(self: MailRoute, letter: Letter) -> Outcome:
        if letter.incident == f"INC-{poisoned}":
            raise LookupError("unknown encoding")
        return await send(self, letter)

    monkeypatch.setattr(MailRoute, "_attempt", attempt)
    poisoned = await harbour.incident()
    await harbour.queue(poisoned, asking())
    await harbour.queue(await harbour.incident(), asking())
    harbour.later(seconds=31)
    async with harbour.telling(back_off_seconds=(3600.0,)):
        await harbour.mailbox.until(1)
    (mail,) = harbour.mailbox.letters
    assert f"INC-{poisoned}" not in str(mail["Subject"])


async def test_a_message_that_nobody_can_write_is_given_up_so_that_what_follows_it_is_told(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = write

    def fail(kind: Kind, *rest: object) -> Letter:
        if kind is Kind.QUESTION:
            raise ValueError("text that nobody foresaw")
        return made(kind, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(teller, "write", fail)
    one = await harbour.incident()
    await harbour.queue(one, asking(), outcome())
    harbour.later(seconds=31)
    async with harbour.telling(back_off_seconds=(0.0,)):
        await harbour.mailbox.until(1)
        await _until(harbour, lambda error, state: state == "failed" and "could not be written" in error)
    assert "Done and verified" in str(harbour.mailbox.letters[0]["Subject"])
    async with harbour.database.read() as work:
        (attempts,) = await work.session.scalars(
            SECOND_NOTICES.select()
            .with_only_columns(SECOND_NOTICES.c.attempts)
            .where(SECOND_NOTICES.c.state == "failed")
        )
    assert attempts == ALONE_ATTEMPTS


async def test_questions_that_wait_for_long_do_not_silence_new_ones(harbour: Harbour) -> None:
    for _ in range(QUESTIONS_AT_ONCE):
        await harbour.queue(await harbour.incident(), asking())
    harbour.later(seconds=31)
    assert await harbour.teller().plan() == QUESTIONS_AT_ONCE
    await harbour.queue(await harbour.incident(ActionState.WAITING), asking())
    harbour.later(seconds=31)
    assert await harbour.teller().plan() == 0, "the same inbox is about to get its share"
    harbour.now += QUESTION_AGAIN_AFTER - timedelta(seconds=31)
    assert await harbour.teller().plan() == 1, "nobody knows when they can be sent"


async def _until(harbour: Harbour, wanted: Callable[[str, str], bool]) -> None:
    """Wait for a row of this error and state."""
    async with asyncio.timeout(30):
        while True:
            async with harbour.database.read() as work:
                rows = (await work.session.execute(SECOND_NOTICES.select())).all()
            if any(wanted(row.error, row.state) for row in rows):
                return
            await asyncio.sleep(0.02)


def _headers(written: Letter) -> list[str]:
    assert written.kind is Kind.QUESTION
    about = ["From", "To", "Subject", "Date", "Message-ID", "References", "Auto-Submitted", "X-Auto-Response-Suppress"]
    return [*about, "Importance", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]


@pytest.fixture
async def harbour(tmp_path: Path) -> AsyncIterator[Harbour]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    migrated(url)
    database = Database(url, RecordingEnqueuer(), AUDIT_KEY)
    async with mail_server() as mailbox:
        yield Harbour(database, mailbox)
    await database.close()
