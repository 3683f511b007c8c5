"""Slack is away: people are reached all the same, nothing happens behind their backs, and Slack catches up in order."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from bot.response.model.actions import ActionState
from tests.fixtures.database import AUDIT_KEY
from tests.scenarios.outage import (
    ALICE,
    BOB,
    links_in,
    looked_at,
    pressed,
    take_slack_away,
    with_second_channel,
)
from tests.scenarios.small_stage import SmallStage, small_stage
from tests.scenarios.stage import in_order
from tests.second_channel.receivers import ROUTING_KEY, mail_server, pager_service

TOLD = "Slack did not answer, so people were told by"


async def until_recorded(here: SmallStage, kind: str, times: int = 1) -> None:
    async with asyncio.timeout(40):
        while (await here.kinds()).count(kind) < times:
            await asyncio.sleep(0.1)


async def test_a_mail_arrives_its_stop_link_is_pressed_and_nothing_runs(tmp_path: Path) -> None:
    async with (
        mail_server() as mailbox,
        small_stage(
            tmp_path,
            level="L3",
            licensed=True,
            with_prometheus=True,
            veto_window="60s",
            change_policy=with_second_channel(mailbox, to=(ALICE, BOB)),
        ) as here,
    ):
        take_slack_away(here.workspace)
        await here.service.crash()
        await here.fire()
        (mail,) = await mailbox.until(1, ALICE)
        await mailbox.until(1, BOB)
        assert str(mail["Subject"]).startswith("[INC-1] Critical on checkout: Restart checkout")
        assert str(mail["Subject"]).endswith(": any objection?")
        stop, _pause = links_in(mail)

        status, page = await looked_at(here.bot_url, stop)
        assert status == 200
        assert "Stop INC-1?" in page
        await here.until_state(ActionState.VETO_WINDOW)
        status, page = await pressed(here.bot_url, stop)
        assert status == 200
        assert "Stopped. Nothing was changed" in page
        assert (await pressed(here.bot_url, stop))[0] == 410

        await mailbox.until(2, BOB)
        assert "Stopped: Restart checkout" in mailbox.subjects(BOB)[-1]
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        assert "action.executed" not in await here.kinds()
        stopped = [entry for entry in await here.record() if entry.kind == "action.stopped"]
        assert [entry.actor for entry in stopped] == [f"link:{ALICE}"]

        here.workspace.misbehave.lift()
        await here.card_of("INC-1", "Stopped", timeout=60)
        texts = await here.thread_of("INC-1", "Stopped before anything was changed")
        assert f"{ALICE} (through a link)" in " ".join(texts)


async def test_an_announcement_by_mail_opens_the_veto_window_and_then_it_acts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PAGERDUTY_KEY", ROUTING_KEY)
    async with (
        mail_server() as mailbox,
        pager_service() as pager,
        small_stage(
            tmp_path,
            level="L3",
            licensed=True,
            with_prometheus=True,
            change_policy=with_second_channel(mailbox, pager),
        ) as here,
    ):
        take_slack_away(here.workspace)
        await here.service.crash()
        await here.fire()
        await here.until_state(ActionState.SUCCEEDED)
        assert await here.service.answers()
        await here.resolve()
        await mailbox.until(3, ALICE)
        assert [subject.rpartition(": ")[2] for subject in mailbox.subjects(ALICE)] == [
            "any objection?",
            "Done and verified",
            "Resolved",
        ], "what people must see, once each and in order"
        await pager.until(2)
        assert list(pager.alerts().values()) == [["trigger", "resolve"]]
        kinds = await here.kinds()
        assert in_order(kinds, "notice.told_elsewhere", "action.announced", "action.executed")
        assert not here.workspace.messages("C01INC")

        here.workspace.misbehave.lift()
        await here.card_of("INC-1", "Resolved", timeout=60)
        texts = await here.thread_of("INC-1", "Decided to act", "Done and verified", "Resolved", TOLD)
        assert len(here.cards("INC-1")) == 1
        assert len([text for text in texts if text.startswith("INC-1: Done and verified")]) == 1
        assert (await here.kinds()).count("action.announced") == 1
        assert len(mailbox.letters) == 3, "what mail has told is not told again when Slack is back"


async def test_while_both_are_away_it_never_acts_and_it_asks_when_slack_is_back(tmp_path: Path) -> None:
    async with mail_server() as mailbox:
        mailbox.answers = ["451 4.3.0 the mail server is away as well"] * 1000
        document = with_second_channel(mailbox, announce_within="2s")
        async with small_stage(
            tmp_path, level="L3", licensed=True, with_prometheus=True, change_policy=document
        ) as here:
            take_slack_away(here.workspace)
            await here.service.crash()
            await here.fire()
            await here.until_state(ActionState.WAITING)
            here.workspace.misbehave.lift()
            card = await here.card_of("INC-1", "'action_id': 'approve'", timeout=60)
            assert await here.supervisord.state("checkout:checkout") == "EXITED"
            assert not {"action.announced", "action.executed"} & set(await here.kinds())
            await here.workspace.until(lambda: here.workspace.sockets.connection_count > 0, timeout=60)
            await here.slash("alice", "status", f"People could not be told by e-mail to {ALICE}", "451 4.3.0")
            assert (await here.workspace.person("alice").click(card, "approve")).acked
            await here.thread_of("INC-1", "Done and verified", timeout=60)
            assert not mailbox.letters


async def test_mail_that_comes_back_too_late_announces_nothing_that_is_not_true_any_more(tmp_path: Path) -> None:
    async with mail_server() as mailbox:
        mailbox.answers = ["451 4.3.0 away"] * 1000
        document = with_second_channel(mailbox, announce_within="1s")
        async with small_stage(
            tmp_path, level="L3", licensed=True, with_prometheus=True, change_policy=document
        ) as here:
            take_slack_away(here.workspace)
            await here.service.crash()
            await here.fire()
            await here.until_state(ActionState.WAITING)
            mailbox.answers.clear()
            (mail,) = await mailbox.until(1)
            assert "any objection" not in str(mail["Subject"])
            assert "THIS NEEDS APPROVAL FROM A PERSON" in mail.get_content()
            assert "action.executed" not in await here.kinds()


async def test_a_pause_file_that_appears_in_the_veto_window_holds_it_and_its_end_asks_anew(tmp_path: Path) -> None:
    file = tmp_path / "watchkeeper.pause"
    async with small_stage(tmp_path, level="L3", licensed=True, with_prometheus=True, veto_window="60s") as here:
        await here.service.crash()
        await here.fire()
        await here.card_of("INC-1", "'action_id': 'stop'")
        await asyncio.to_thread(file.write_text, "rack 4 burns")
        await here.card_of("INC-1", "On hold", "rack 4 burns", "watchkeeper.pause")
        await here.slash("alice", "status", "Paused", "rack 4 burns")
        answer = await here.slash("alice", "resume everything", "only removing that file ends it")
        assert "Resumed" not in answer
        await here.slash("alice", "status", "rack 4 burns")
        await asyncio.to_thread(file.unlink)
        await here.card_of("INC-1", "any objection?")
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        async with here.rows() as work:
            entries = [entry async for entry in work.audit.entries()]
        brakes = [(entry.kind, entry.actor.startswith("file:")) for entry in entries if "automation" in entry.kind]
        assert brakes == [("automation.paused", True), ("automation.resumed", True)]


async def test_a_pause_file_is_obeyed_between_the_window_and_the_effect_before_anything_has_swept(
    tmp_path: Path,
) -> None:
    file = tmp_path / "watchkeeper.pause"
    async with small_stage(tmp_path, level="L3", licensed=True, with_prometheus=True, veto_window="2s") as here:
        await here.service.crash()
        await here.fire()
        await until_recorded(here, "action.announced")
        await asyncio.to_thread(file.touch)
        await here.until_state(ActionState.HELD)
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        assert "action.executed" not in await here.kinds()


async def test_a_pause_by_command_in_another_process_holds_what_would_have_run(tmp_path: Path) -> None:
    async with small_stage(tmp_path, level="L3", licensed=True, with_prometheus=True, veto_window="60s") as here:
        take_slack_away(here.workspace)

        async def command(*words: str) -> int | None:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot", *words),
                cwd=tmp_path,
                env={
                    "PATH": os.environ["PATH"],
                    "DATABASE_URL": here.settings.database_url,
                    "WATCHKEEPER_AUDIT_KEY": AUDIT_KEY.decode(),
                },
            )
            return await process.wait()

        here.workspace.misbehave.lift()
        await here.service.crash()
        await here.fire()
        await until_recorded(here, "action.announced")
        take_slack_away(here.workspace)
        assert await command("pause", "service:checkout", "--for", "1h", "--reason", "by hand") == 0
        await here.until_state(ActionState.HELD)
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        here.workspace.misbehave.lift()
        await here.card_of("INC-1", "On hold", "by hand", timeout=60)
        assert await command("resume", "service:checkout") == 0
        await here.card_of("INC-1", "any objection?", timeout=60)
