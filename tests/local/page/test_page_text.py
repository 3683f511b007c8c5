"""What the page makes of text and blocks; above all, that hostile text stays text."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.async_api import expect

from tests.local.page.conftest import Harbour, Opener
from tests.local.page.sample_app import button, mrkdwn, plain

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.xdist_group("browser")]

EVIL = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script><svg onload="window.harmed=1">'
SMUGGLED = "<javascript:window.harmed=1|Approve here> <data:text/html,<script>|see> {__proto__} `<b>`"
OPTIONS = [{"text": plain(EVIL[:70]), "value": "a"}, {"text": plain("B"), "value": "b"}]
MARKDOWN = (
    "# Title\n\n1. **one**\n   - nested\n2. `two`\n\n| A | B |\n|---|---|\n| x | y |\n\n[evil](javascript:harmed=1)"
)

READINGS = [
    ("*bold* _it_ ~no~ `code`", "<p><strong>bold</strong> <em>it</em> <s>no</s> <code>code</code></p>"),
    ("5 * 3 * 2 and snake_case_name", "<p>5 * 3 * 2 and snake_case_name</p>"),
    ("*bold with `code` in it*", "<p><strong>bold with <code>code</code> in it</strong></p>"),
    ("a\nb", "<p>a<br>b</p>"),
    ("&gt; quoted\nnot", "<blockquote>quoted</blockquote><p>not</p>"),
    ("• one\n• two", "<ul><li>one</li><li>two</li></ul>"),
    ("```\nx = *1* &lt; 2\n```", "<pre>x = *1* &lt; 2</pre>"),
    ("``` never closed", "<p>``` never closed</p>"),
    ("&amp;lt; stays &lt;", "<p>&amp;lt; stays &lt;</p>"),
    ("<!here> and <!unknown>", '<p><span class="mention mention-me">@here</span> and &lt;!unknown&gt;</p>'),
    ("<!date^99999999999999999^{date}|then>", "<p>then</p>"),
    (":no_such_emoji: 14:02:33", None),
]


async def test_hostile_text_stays_text_wherever_it_stands(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": plain(EVIL)},
        {"type": "section", "text": mrkdwn(EVIL + SMUGGLED), "accessory": button("x", EVIL[:70])},
        {"type": "section", "fields": [mrkdwn(EVIL), plain(EVIL)]},
        {"type": "context", "elements": [plain(EVIL)]},
        {"type": "markdown", "text": EVIL + MARKDOWN},
        {
            "type": "rich_text",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": EVIL}]}],
        },
        {"type": "actions", "elements": [{"type": "static_select", "action_id": "s", "options": OPTIONS}]},
        {"type": "actions", "elements": [{"type": "radio_buttons", "action_id": "r", "options": OPTIONS}]},
    ]
    card = await harbour.post(EVIL, blocks=blocks)
    await harbour.post(EVIL + SMUGGLED)

    await expect(alice.message(card.ts).get_by_test_id("block-header")).to_have_text(EVIL)
    main = alice.page.locator("#main")
    assert await main.locator("img, script, svg[onload], [onerror]").count() == 0
    assert await main.locator("a:not([href^='http'])").count() == 0
    assert await alice.page.evaluate("window.harmed") is None


async def test_a_link_that_pretends_to_be_another_says_where_it_leads(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()

    message = await harbour.post("<https://evil.example/x|https://bank.example> or <https://bank.example/y|the bank>")

    shown = alice.message(message.ts)
    await expect(shown).to_contain_text("https://bank.example (leads to evil.example) or the bank")
    for anchor in await shown.locator("a").all():
        assert await anchor.get_attribute("rel") == "noopener noreferrer"


async def test_mrkdwn_reads_as_slack_reads_it(open_page: Opener) -> None:
    alice = await open_page()
    read = """async (text) => {
        const { mrkdwn } = await import("/static/js/mrkdwn.js");
        const nobody = { person: () => null, group: () => null, channel: () => null, me: null };
        const host = document.createElement("div");
        host.append(...mrkdwn(text, nobody));
        return [host.innerHTML, host.textContent];
    }"""

    for text, expected in READINGS:
        markup, words = await alice.page.evaluate(read, text)
        if expected is None:
            assert words == text
        else:
            assert markup == expected


async def test_mentions_and_dates_are_resolved(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()

    message = await harbour.post("<@U02BOB> <#C02AUD> <!subteam^S01ONCALL> <!date^0^{date_num}|x> :fire: <@U0NOBODY>")

    await expect(alice.message(message.ts)).to_contain_text("@Bob Lindqvist #audit @sre-oncall 1970-01-01 🔥 @U0NOBODY")


async def test_a_day_near_by_has_a_capital_only_where_the_date_begins_with_it(
    harbour: Harbour, open_page: Opener
) -> None:
    alice = await open_page(timezone_id="UTC")
    await alice.page.clock.set_fixed_time(datetime(2026, 11, 23, 12, tzinfo=UTC))
    dates = "<!date^1795402931^{date_pretty}|x> and <!date^1795402931^{time} {date_short_pretty}|x>"
    message = await harbour.post(dates)
    await expect(alice.message(message.ts)).to_contain_text("Today and 03:02 today")


async def test_every_kind_of_element_tells_the_app_what_was_chosen(harbour: Harbour, open_page: Opener) -> None:
    alice = await open_page()
    heard: list[dict[str, Any]] = []

    async def listen(ack: Any, action: dict[str, Any]) -> None:
        await ack()
        heard.append(action)

    harbour.watch.bolt.action(re.compile("^e_"))(listen)
    options = [{"text": plain(name), "value": name} for name in ("one", "two")]
    elements = [
        {"type": "static_select", "action_id": "e_select", "options": options},
        {"type": "users_select", "action_id": "e_user"},
        {"type": "datepicker", "action_id": "e_date"},
        {"type": "timepicker", "action_id": "e_time"},
        {"type": "datetimepicker", "action_id": "e_moment"},
        {"type": "radio_buttons", "action_id": "e_radio", "options": options},
        {"type": "checkboxes", "action_id": "e_boxes", "options": options},
        {"type": "overflow", "action_id": "e_menu", "options": options},
    ]
    several = {"type": "multi_static_select", "action_id": "e_several", "options": options}
    blocks: list[dict[str, Any]] = [
        {"type": "actions", "elements": elements},
        {"type": "section", "text": mrkdwn("Several"), "accessory": several},
    ]
    card = await harbour.post(blocks=blocks)
    shown = alice.message(card.ts)

    def control(action_id: str) -> Any:
        return shown.locator(f"[data-action-id=e_{action_id}]")

    await control("select").select_option("two")
    await control("user").select_option("U03CAROL")
    await control("date").fill("2026-11-24")
    await control("time").fill("14:30")
    await control("moment").fill("2026-11-24T14:30")
    await control("radio").nth(1).check()
    await control("boxes").nth(0).check()
    await control("menu").click()
    await alice.page.get_by_role("menuitem", name="two").click()
    await shown.locator("summary").click()
    await shown.get_by_role("checkbox", name="one").last.check()
    await harbour.workspace.until(lambda: len(heard) == 9)

    said = {action["action_id"].removeprefix("e_"): action for action in heard}
    assert said["select"]["selected_option"]["value"] == "two"
    assert said["user"]["selected_user"] == "U03CAROL"
    assert said["date"]["selected_date"] == "2026-11-24"
    assert said["time"]["selected_time"] == "14:30"
    assert said["moment"]["selected_date_time"] > 1_795_000_000
    assert said["radio"]["selected_option"]["value"] == "two"
    assert [option["value"] for option in said["boxes"]["selected_options"]] == ["one"]
    assert [option["value"] for option in said["several"]["selected_options"]] == ["one"]
    assert said["menu"]["selected_option"]["value"] == "two"
