"""A story in which whoever writes the alerts is an enemy: nothing they write becomes markup, a mention or a query."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.local.workspace import Message
from bot.policy.evidence import Finding
from bot.response.ports.context import utc_now
from storage.audit_export import export_lines, verify_export
from tests.fixtures.database import AUDIT_KEY
from tests.scenarios.small_stage import Json, firing, small_stage
from tests.scenarios.stage import INCIDENTS

CALLS_EVERYBODY = "<!channel> <!here> <@U03CAROL> <#C03LEAD> <!subteam^S01ONCALL>"
FALSE_BUTTON = "<https://evil.example|Approve here>"
BREAKS_OUT = "``` *bold* `code` _it_ ~no~ \u202eevorppa\u202c \u2066\u200b\x00\ufeff &lt;!channel&gt; U03CAROL"
HOSTILE = f"{CALLS_EVERYBODY} {FALSE_BUTTON} {BREAKS_OUT}"
ENDLESS = HOSTILE + " x" * 5_000
BREAKS_THE_QUERY = "x'} or vector(0) or up{service='"

OURS = re.compile(
    r"<@U0(?:1ALICE|2BOB)>"  # the approvers the policy names
    r"|<!date\^\d+\^[^<>|^]+\|[^<>|]+>"
    r"|<https?://[^<>|\s]+\|(?:(?:Runbook|Graph)(?: \([^<>|()]+\))?|INC-\d+)>"
)


def hostile_alerts() -> list[Json]:
    """The same text at every place of an alert, and in a label that a query and a parameter are made of."""
    attacked: dict[str, Any] = {
        "annotations": {
            "summary": ENDLESS,
            "description": ENDLESS,
            "runbook_url": "https://evil.example/|Approve here> <!channel>",
            FALSE_BUTTON: CALLS_EVERYBODY,
        },
        "generatorURL": "javascript:alert(1)",
    }
    return [
        firing("checkout", "good service", **attacked),
        firing(BREAKS_THE_QUERY + HOSTILE, "bad service", **attacked),
        firing(ENDLESS, "bad everything", labels={"alertname": ENDLESS, "severity": HOSTILE}, **attacked),
    ]


async def test_nothing_an_alert_says_becomes_a_mention_a_link_or_a_query(tmp_path: Path) -> None:
    evidence = {"still_down": "up{service='${alert.labels.service}'} == 0"}
    async with small_stage(tmp_path, with_prometheus=True, evidence=evidence, relaxed_limits=True) as here:
        await here.service.crash()
        answer = await here.post(*hostile_alerts())
        assert answer["incidents"] == ["INC-1", "INC-2", "INC-3"]
        card = await here.card_of("INC-1", "'action_id': 'approve'")
        for incident in answer["incidents"]:
            await here.thread_of(incident, "audit")
        alice = here.workspace.person("alice")
        for incident in answer["incidents"]:
            await alice.click(await here.card_of(incident), "why")
            await here.workspace.until(lambda: here.workspace.open_views("alice"))
            assert_ours(here.workspace.open_views("alice")[-1].blocks)
            await alice.close(here.workspace.open_views("alice")[-1])
            await here.slash("alice", f"why {incident}")
            await here.slash("alice", f"show {incident}")
        await here.slash("alice", "incidents")
        await here.slash("alice", f"pause service:checkout 1h {HOSTILE}")
        await here.slash("alice", "status")
        await here.slash("alice", "resume service:checkout")
        await alice.open_home()
        await here.workspace.until(lambda: here.workspace.home("alice"))
        home = here.workspace.home("alice")
        assert home is not None
        assert_ours(home.blocks)
        await alice.click(await here.card_of("INC-2"), "override")
        await here.workspace.until(lambda: here.workspace.open_views("alice"))
        dialog = here.workspace.open_views("alice")[-1]
        await alice.submit(dialog, {"choice": "nothing", "reason": HOSTILE})
        await here.thread_of("INC-2", "Overridden: nothing runs by itself here")
        card = await here.card_of("INC-1", "'action_id': 'approve'", "Why you are asked")
        await alice.click(card, "approve")
        await here.thread_of("INC-1", "Done and verified")

        roots: list[Message] = here.workspace.messages(INCIDENTS)
        replies = [reply for root in roots for reply in here.workspace.thread(INCIDENTS, root.ts)]
        for message in (*roots, *replies, *here.workspace.ephemerals("alice")):
            assert_ours(message.blocks)
            assert_ours({"type": "mrkdwn", "text": message.text})
        refused = [call for call in here.workspace.calls if call.error]
        assert refused == []

        async with here.rows() as work:
            stored = await work.decisions.latest(2)
            assert stored is not None
            [still_down] = stored.decision.evidence
            assert still_down.finding is Finding.CONTRADICTS, "the label stayed a value: there is no such series"
            lines = [line async for line in export_lines(work.audit, AUDIT_KEY, utc_now())]
        assert verify_export(lines, AUDIT_KEY).intact


def assert_ours(content: object) -> None:
    """Every mention and link in the markup is one that we make; nothing invisible or reversing stands anywhere."""
    for kind, text in texts(content):
        assert not re.search("[\x00\u202a-\u202e\u2066-\u2069\u200b\ufeff]", text), repr(text)
        if kind == "mrkdwn":
            left = OURS.sub("", text)
            assert "<" not in left, left
            assert ">" not in re.sub("^> ", "", left, flags=re.MULTILINE), left
            assert text.replace("```", "").count("`") % 2 == 0, text


def texts(content: object) -> Iterator[tuple[str, str]]:
    """Every text object, with its type; texts in other places count as plain."""
    match content:
        case {"type": "mrkdwn" | "plain_text" as kind, "text": str(text)}:
            yield str(kind), text
        case dict():
            for value in content.values():
                yield from texts(value)
        case list() | tuple():
            for value in content:
                yield from texts(value)
        case str():
            yield "plain", content
