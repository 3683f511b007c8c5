"""What happens in the workspace is seen on the open page, and what is done on the page happens in the workspace."""

import asyncio

import pytest
from playwright.async_api import expect

from bot.local.workspace import Panel, PanelButton, PanelLine
from tests.local.page.conftest import Harbour, Opener
from tests.local.page.sample_app import CARD, INCIDENTS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]


async def test_a_click_by_alice_is_seen_by_bob_without_a_reload(harbour: Harbour, open_page: Opener) -> None:
    alice, bob = await open_page("alice"), await open_page("bob")
    card = await harbour.post(blocks=CARD)

    await alice.message(card.ts).get_by_role("button", name="Approve").click()

    for window in (alice, bob):
        await expect(window.message(card.ts)).to_contain_text("Approved by @Alice Adeyemi")
        await expect(window.message(card.ts).get_by_role("button", name="Approve")).to_have_count(0)
    [(_, body)] = harbour.watch.heard
    assert body["user"]["id"] == "U01ALICE"
    assert body["actions"][0]["value"] == "q1"


async def test_a_button_that_nobody_answers_shows_a_warning_triangle(harbour: Harbour, open_page: Opener) -> None:
    alice, bob = await open_page("alice"), await open_page("bob")
    card = await harbour.post(blocks=CARD)
    button = alice.message(card.ts).locator("[data-action-id=silence]")

    await button.click()

    await expect(button).to_have_attribute("aria-busy", "true")
    await expect(alice.message(card.ts).get_by_test_id("warning-triangle")).to_be_visible()
    await expect(alice.message(card.ts).get_by_test_id("trouble")).to_contain_text("did not respond")
    await expect(button).not_to_have_attribute("aria-busy", "true")
    await expect(bob.message(card.ts).get_by_test_id("trouble")).to_have_count(0)


async def test_a_button_that_asks_for_confirmation_acts_only_after_yes(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    card = await harbour.post(blocks=CARD)
    pause = alice.message(card.ts).get_by_role("button", name="Pause")

    await pause.click()
    await expect(alice.page.get_by_test_id("confirm")).to_contain_text("Nothing acts until somebody resumes.")
    await alice.page.get_by_test_id("confirm-deny").click()
    await expect(alice.page.get_by_test_id("confirm")).to_have_count(0)

    await pause.click()
    await alice.page.get_by_test_id("confirm-agree").click()
    await harbour.workspace.until(lambda: harbour.watch.heard)
    assert len(harbour.watch.heard) == 1, "the first click would have been heard before this one"


async def test_a_thread_opens_beside_the_list_and_takes_a_reply(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    card = await harbour.post(blocks=CARD)
    await harbour.post("Evidence gathered.", thread_ts=card.ts)

    await alice.message(card.ts).get_by_test_id("open-thread").click()
    thread = alice.page.locator("#thread")
    await expect(thread).to_contain_text("Evidence gathered.")
    await expect(thread.get_by_test_id("thread-composer-box")).to_be_focused()
    await alice.page.keyboard.type("I am looking.")
    await alice.page.keyboard.press("Enter")

    await expect(thread).to_contain_text("2 replies")
    assert [reply.text for reply in harbour.workspace.thread(INCIDENTS, card.ts)] == [
        "Evidence gathered.",
        "I am looking.",
    ]
    await alice.page.keyboard.press("Escape")
    await expect(thread).to_be_hidden()


async def test_a_message_elsewhere_is_counted_as_unread_until_it_is_read(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()

    await harbour.workspace.person("bob").post("C02AUD", "Who changed the policy?")

    audit = alice.page.get_by_test_id("channel-audit")
    await expect(audit.get_by_label("1 unread")).to_be_visible()
    await expect(alice.page).to_have_title("(1) #incidents · Harbour")
    await audit.click()
    await expect(alice.page.locator("#main")).to_contain_text("Who changed the policy?")
    await expect(audit.get_by_label("1 unread")).to_have_count(0)


async def test_the_page_catches_up_after_its_connection_broke(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    kept = await harbour.post("Before.")
    await expect(alice.message(kept.ts)).to_be_visible()

    missed = asyncio.Event()

    async def hold(route: object) -> None:
        await missed.wait()
        await route.continue_()  # type: ignore[attr-defined]  # Playwright's Route

    await alice.page.route("**/page/state?*", hold)
    await open_page.sockets[0].close()
    posted = await harbour.post("While nobody listened.")
    missed.set()

    await expect(alice.message(posted.ts)).to_be_visible()


async def test_acting_as_somebody_else_shows_what_they_see(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    await harbour.watch.client.chat_postEphemeral(channel=INCIDENTS, user="U01ALICE", text="Only for Alice.")
    await expect(alice.page.get_by_test_id("ephemeral")).to_contain_text("Only visible to you")

    await alice.page.get_by_title("Bob Lindqvist, SRE").click()

    await expect(alice.page.get_by_test_id("acting-as")).to_contain_text("Bob Lindqvist")
    await expect(alice.page.get_by_test_id("ephemeral")).to_have_count(0)
    await alice.page.get_by_test_id("composer-box").fill("Hello from Bob")
    await alice.page.keyboard.press("Enter")
    await harbour.workspace.until(lambda: [m for m in harbour.workspace.messages(INCIDENTS) if m.user == "U02BOB"])


async def test_an_ephemeral_message_can_be_dismissed(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    await harbour.watch.client.chat_postEphemeral(channel=INCIDENTS, user="U01ALICE", text="A hint.")

    await alice.page.get_by_test_id("dismiss").click()

    await expect(alice.page.get_by_test_id("ephemeral")).to_have_count(0)
    await harbour.workspace.until(lambda: not harbour.workspace.ephemerals("alice"))


async def test_a_reaction_is_added_and_taken_back(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    message = await harbour.post("Repaired.")

    await alice.message(message.ts).hover()
    await alice.message(message.ts).get_by_test_id("add-reaction").click()
    await alice.page.get_by_test_id("react-eyes").click()
    eyes = alice.message(message.ts).get_by_test_id("reaction-eyes")
    await expect(eyes).to_have_attribute("aria-pressed", "true")

    await eyes.click()
    await expect(eyes).to_have_count(0)


async def test_a_message_shortcut_is_chosen_by_keyboard(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    message = await harbour.post("I restarted checkout.")

    await alice.message(message.ts).get_by_test_id("message-menu").focus()
    await alice.page.keyboard.press("Enter")
    await expect(alice.page.get_by_test_id("message-shortcut")).to_be_focused()
    await alice.page.keyboard.press("Enter")

    await expect(alice.message(message.ts)).to_contain_text("1 reply")


async def test_the_home_tab_is_published_when_it_is_opened(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()

    await alice.page.get_by_test_id("home-tab").click()

    home = alice.page.get_by_test_id("home")
    await expect(home).to_contain_text("Autonomy is on, @Alice Adeyemi.")
    await home.get_by_role("button", name="Pause").click()
    await harbour.workspace.until(lambda: harbour.watch.heard)


async def test_a_picture_in_a_thread_is_shown_with_its_description(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    card = await harbour.post(blocks=CARD)
    one_pixel = bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c636460f85f0f0002"
        "8701806f6b4f2b0000000049454e44ae426082"
    )
    await harbour.watch.client.files_upload_v2(
        channel=INCIDENTS, thread_ts=card.ts, content=one_pixel, filename="errors.png", alt_txt="Errors rise at 14:02"
    )

    await alice.message(card.ts).get_by_test_id("open-thread").click()

    picture = alice.page.locator("#thread").get_by_alt_text("Errors rise at 14:02")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1


async def test_a_panel_button_runs_and_the_panel_shows_the_result(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    await expect(alice.page.locator("#panel")).to_be_hidden()

    async def break_it() -> None:
        harbour.workspace.panel = Panel("checkout", (PanelLine("Process", "killed", "bad"),))

    break_button = PanelButton("break", "Break it", break_it, "danger")
    harbour.workspace.panel = Panel("checkout", (PanelLine("Process", "running", "good"),), (break_button,))
    await expect(alice.page.get_by_test_id("panel-value")).to_have_text("running")

    await alice.page.get_by_role("button", name="Break it").click()

    await expect(alice.page.get_by_test_id("panel-value")).to_have_text("killed")
    await expect(alice.page.get_by_role("button", name="Break it")).to_have_count(0)


async def test_a_permalink_opens_the_thread_at_the_reply(harbour: Harbour, open_page: Opener) -> None:
    card = await harbour.post(blocks=CARD)
    reply = await harbour.post("The reply.", thread_ts=card.ts)

    alice = await open_page(where=f"&channel={INCIDENTS}&ts={reply.ts}")

    await expect(alice.page.locator(f"#thread [data-ts='{reply.ts}']")).to_be_focused()


async def test_a_message_that_changes_while_a_person_is_asked_to_confirm_still_hears_the_yes(
    harbour: Harbour, open_page: Opener
) -> None:
    alice = await open_page()
    card = await harbour.post(blocks=CARD)
    await alice.message(card.ts).get_by_role("button", name="Pause").click()
    await expect(alice.page.get_by_test_id("confirm")).to_be_visible()
    await harbour.watch.client.chat_update(channel=INCIDENTS, ts=card.ts, text="changed", blocks=[CARD[2], *CARD])
    await expect(alice.message(card.ts)).to_contain_text("edited")
    await alice.page.get_by_test_id("confirm-agree").click()
    await harbour.workspace.until(lambda: bool(harbour.watch.heard))
    [(deed, _)] = harbour.watch.heard
    assert deed == "pause"
    assert alice.complaints == []
