"""What the web page is told, and what people do through it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp

from bot.local.workspace import Channel, ChannelKind, Panel, PanelButton, PanelLine, Server, Workspace

CARD = [
    {
        "type": "actions",
        "block_id": "choices",
        "elements": [
            {"type": "button", "action_id": "approve", "text": {"type": "plain_text", "text": "Approve"}, "value": "1"}
        ],
    }
]
MODAL = {
    "type": "modal",
    "callback_id": "why",
    "title": {"type": "plain_text", "text": "Why?"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": {"type": "plain_text", "text": "Reason"},
            "element": {"type": "plain_text_input", "action_id": "reason"},
        }
    ],
}


class Browser:
    """Speaks the page's side of the wire."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def get(self, path: str) -> Any:
        async with self.session.get(f"{self.url}{path}") as response:
            return await response.json()

    async def act(self, act: str, **body: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.url}page/acts/{act}", json={"as": "U01ALICE", **body}) as response:
            return {"status": response.status, **await response.json()}


@pytest.fixture
async def browser(server: Server) -> AsyncIterator[Browser]:
    async with aiohttp.ClientSession() as session:
        yield Browser(session, server.url)


async def test_the_page_and_its_files_are_served(browser: Browser) -> None:
    async with browser.session.get(browser.url) as response:
        assert response.status == 200


async def test_the_state_is_what_one_person_may_see(workspace: Workspace, browser: Browser, app: AsyncApp) -> None:
    workspace.team.add(Channel("C05PRIV", "private", ChannelKind.PRIVATE, members=["U02BOB", "UWATCH"]))
    await app.client.chat_postMessage(channel="C01INC", text="card", blocks=CARD)
    await app.client.chat_postEphemeral(channel="C01INC", user="U01ALICE", text="psst")
    alice = await browser.get("page/state?as=U01ALICE")
    bob = await browser.get("page/state?as=bob")
    assert alice["me"] == "U01ALICE"
    assert [channel["id"] for channel in alice["channels"]] == ["C01INC", "C02AUD", "C03LEAD"]
    assert "C05PRIV" in bob["messages"]
    assert alice["messages"]["C01INC"][0]["text"] == "card"
    assert alice["ephemerals"]["C01INC"][0]["text"] == "psst"
    assert bob["ephemerals"]["C01INC"] == []
    assert alice["people"][0]["initials"] == "AA"
    assert (await browser.get("page/state"))["me"] == "U01ALICE"


async def test_changes_are_pushed_to_those_they_concern(workspace: Workspace, browser: Browser, app: AsyncApp) -> None:
    async with browser.session.ws_connect(f"{browser.url}page/live?as=U01ALICE") as alice:
        await app.client.chat_postEphemeral(channel="C01INC", user="U02BOB", text="for Bob")
        ts = (await app.client.chat_postMessage(channel="C01INC", text="card"))["ts"]
        posted = await alice.receive_json()
        await app.client.chat_delete(channel="C01INC", ts=ts)
        deleted = await alice.receive_json()
        await app.client.views_publish(user_id="U01ALICE", view={"type": "home", "blocks": []})
        home = await alice.receive_json()
        await app.client.views_open(trigger_id=workspace.state.triggers.issue("U01ALICE"), view=MODAL)
        view = await alice.receive_json()
    assert (posted["what"], posted["channel"], posted["message"]["text"]) == ("message", "C01INC", "card")
    assert deleted == {"type": "changed", "what": "message", "channel": "C01INC", "deleted": ts}
    assert (home["what"], home["home"]["type"]) == ("home", "home")
    assert [each["callback_id"] for each in view["views"]] == ["why"]


async def test_a_click_and_a_submission_go_through_the_page(
    workspace: Workspace, browser: Browser, app: AsyncApp, connected: Any
) -> None:
    reasons: list[str] = []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], client: Any) -> None:
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        await ack()

    @app.view("why")
    async def why(ack: Any, view: dict[str, Any]) -> None:
        reasons.append(view["state"]["values"]["why"]["reason"]["value"])
        await ack()

    async with connected():
        ts = (await app.client.chat_postMessage(channel="C01INC", text="card", blocks=CARD))["ts"]
        container = {"type": "message", "channel": "C01INC", "ts": ts}
        clicked = await browser.act("click", container=container, block_id="choices", action_id="approve")
        view_id = (await browser.get("page/state?as=U01ALICE"))["views"][0]["id"]
        empty = await browser.act("submit", view_id=view_id, values={})
        state = {"why": {"reason": {"type": "plain_text_input", "value": "because"}}}
        submitted = await browser.act("submit", view_id=view_id, values=state)

    assert (clicked["acked"], clicked["warning"]) == (True, None)
    assert empty["errors"] == {"why": "Please complete this required field."}
    assert (submitted["acked"], reasons) == (True, ["because"])
    assert (await browser.get("page/state?as=U01ALICE"))["views"] == []


async def test_a_button_whose_message_changed_under_the_finger_is_still_pressed(
    workspace: Workspace, browser: Browser, app: AsyncApp, connected: Any
) -> None:
    heard: list[str] = []

    @app.action("approve")
    async def approve(ack: Any, action: dict[str, Any]) -> None:
        heard.append(action["value"])
        await ack()

    def rows(*values: str) -> list[dict[str, Any]]:
        text = {"type": "plain_text", "text": "Approve"}
        buttons = [{"type": "button", "action_id": "approve", "text": text, "value": value} for value in values]
        return [{"type": "actions", "elements": [button]} for button in buttons]

    async with connected():
        ts = (await app.client.chat_postMessage(channel="C01INC", text="card", blocks=rows("one", "two")))["ts"]
        seen = workspace.messages("C01INC")[0].blocks[1]["block_id"]
        await app.client.chat_update(channel="C01INC", ts=ts, text="card", blocks=rows("zero", "one", "two"))
        container = {"type": "message", "channel": "C01INC", "ts": ts}
        pressed = {"container": container, "block_id": seen, "action_id": "approve"}
        assert (await browser.act("click", value="two", **pressed))["acked"]
        gone = await browser.act("click", value="three", **pressed)
    assert heard == ["two"], "and no other of the same name"
    assert gone["ok"] is False


async def test_writing_reacting_and_dismissing_go_through_the_page(
    workspace: Workspace, browser: Browser, app: AsyncApp
) -> None:
    await browser.act("post", channel="C01INC", text="hello")
    ts = workspace.messages("C01INC")[0].ts
    await browser.act("react", channel="C01INC", ts=ts, name="eyes")
    assert workspace.messages("C01INC")[0].reactions == {"eyes": ["U01ALICE"]}
    await browser.act("react", channel="C01INC", ts=ts, name="eyes")
    assert workspace.messages("C01INC")[0].reactions == {}
    await app.client.chat_postEphemeral(channel="C01INC", user="U01ALICE", text="psst")
    await browser.act("dismiss", channel="C01INC", ts=workspace.ephemerals("alice")[0].ts)
    assert workspace.ephemerals("alice") == []
    failed = await browser.act("slash", channel="C01INC", command="/watch", text="status")
    assert failed["warning"] == '/watch failed with the error "dispatch_failed"'
    warning = (await browser.get("page/state?as=U01ALICE"))["warnings"][0]
    await browser.act("dismiss", warning=warning["id"])
    assert workspace.warnings("alice") == []


@pytest.mark.parametrize(
    ("act", "body", "status"),
    [
        ("post", {"channel": "C03LEAD", "text": "hello"}, 400),
        ("post", {"text": "hello"}, 400),
        ("close", {"view_id": "V0"}, 400),
        ("react", {"channel": "C01INC", "ts": "1.0", "name": "eyes"}, 400),
        ("dance", {}, 404),
    ],
)
async def test_an_act_nobody_could_do_is_refused_in_words(
    browser: Browser, act: str, body: dict[str, Any], status: int
) -> None:
    answer = await browser.act(act, **body)
    assert (answer["status"], answer["ok"]) == (status, False)
    assert answer["error"]


async def test_another_site_cannot_act_for_people_here(workspace: Workspace, browser: Browser) -> None:
    body = '{"as": "U01ALICE", "channel": "C01INC", "text": "spam"}'
    url = f"{browser.url}page/acts/post"
    async with browser.session.post(url, data=body, headers={"Content-Type": "text/plain"}) as response:
        assert response.status == 404
    evil = {"Content-Type": "application/json", "Origin": "https://evil.example"}
    async with browser.session.post(url, data=body, headers=evil) as response:
        assert response.status == 403
    async with browser.session.get(f"{browser.url}page/live?as=alice", headers=evil) as response:
        assert response.status == 403
    assert workspace.messages("C01INC") == []


async def test_the_panel_is_shown_pushed_and_pressed(workspace: Workspace, browser: Browser) -> None:
    pressed: list[str] = []

    async def break_it() -> None:
        pressed.append("break")
        workspace.panel = Panel("The service", (PanelLine("State", "down", "bad"),))

    assert await browser.get("page/panel") is None
    workspace.panel = Panel(
        "The service", (PanelLine("State", "up", "good"),), (PanelButton("break", "Break it", break_it, "danger"),)
    )
    shown = await browser.get("page/panel")
    assert shown["lines"] == [{"label": "State", "value": "up", "tone": "good"}]
    assert shown["buttons"] == [{"id": "break", "label": "Break it", "tone": "danger"}]
    async with browser.session.ws_connect(f"{browser.url}page/live?as=alice") as live:
        async with browser.session.post(f"{browser.url}page/panel/break") as response:
            assert response.status == 200
        told = await live.receive_json()
    assert (told["type"], told["panel"]["lines"][0]["value"]) == ("panel", "down")
    assert pressed == ["break"]
    async with browser.session.post(f"{browser.url}page/panel/mend") as response:
        assert response.status == 404
