"""A story in which Slack has a bad minute (shortened), while troubles come in, one is approved and one waits to act."""

import asyncio
from copy import deepcopy
from pathlib import Path

from bot.local.workspace import Message, Workspace
from bot.response.model.actions import ActionState
from bot.response.ports.context import utc_now
from tests.fixtures.servers import Program
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.scenarios.stage import INCIDENTS, said

FAILURES = 4
"""So many calls fail before Slack changes for the worse, or the better."""


async def test_a_bad_minute_of_slack_loses_nothing_repeats_nothing_and_lets_nothing_act_unannounced(
    tmp_path: Path,
) -> None:
    orders_service = Program("orders")

    def two_runbooks(document: Json) -> None:
        checkout = document["runbooks"]["restart-checkout"]
        twin = deepcopy(checkout)
        document["services"]["orders"] = {"tier": 1, "fleet": 1}
        document["defaults"]["announce_within"] = "10m"
        document["common_cause"] = {"incidents": 100}  # what breaks here breaks for reasons of its own
        document["runbooks"] = {
            "restart-orders": twin
            | {
                "when": "alert.name == 'ServiceDown' && alert.service == 'orders'",
                "level": "L3",
                "veto_window": "1s",
                "verify": {"within": "10s", "http": f"{orders_service.url}/healthz", "stable": 1},
            },
            "restart-checkout": checkout | {"when": "alert.name == 'ServiceDown' && alert.service == 'checkout'"},
        }

    async with small_stage(
        tmp_path,
        licensed=True,
        with_prometheus=True,
        change_policy=two_runbooks,
        others=[orders_service],
        relaxed_limits=True,
    ) as here:
        slack = here.workspace.misbehave
        await here.service.crash()
        assert await here.fire() == "INC-1"
        card = await here.card_of("INC-1", "'action_id': 'approve'")

        slack.rate_limit("chat.postMessage", times=None)
        slack.rate_limit("chat.update", times=None)
        assert (await here.workspace.person("alice").click(card, "approve")).acked
        assert await here.fire("web", "f2") == "INC-2"
        await failed(here.workspace, 2, "rate_limited")
        await here.supervisord.until_state("checkout:checkout", "RUNNING")  # a person said yes; that needs no card

        await orders_service.crash()
        assert await here.fire("orders", "f3") == "INC-3"
        slack.lift()
        slack.fail(times=None)
        await failed(here.workspace, FAILURES, "failed")
        assert await here.supervisord.state("orders:orders") == "EXITED", "nobody could have seen an announcement"

        slack.lift()
        slack.lose_answer("chat.postMessage", times=2)
        slack.lose_request("chat.update", times=1)
        assert await here.fire("search", "f4") == "INC-4"
        await failed(here.workspace, 1, "request_lost")
        slack.drop_sockets()
        await asyncio.gather(here.fire("mail", "f5"), here.resolve("f2"))
        slack.lift()

        await here.thread_of("INC-1", "Asking for approval", "Approved", "Done and verified")
        await here.card_of("INC-2", "Resolved")
        await here.thread_of("INC-3", "Decided to act", "Done and verified")
        await here.thread_of("INC-4", "audit")
        await here.thread_of("INC-5", "audit")
        await here.workspace.until(lambda: here.workspace.sockets.connection_count > 0)
        await here.slash("alice", "status", "open")

        for number in range(1, 6):
            assert len(here.cards(f"INC-{number}")) == 1, f"INC-{number} has one card"
            [shown] = here.cards(f"INC-{number}")
            order = [outbox_id(reply) for reply in here.replies(shown)]
            assert order == sorted(set(order)), f"INC-{number} is told in order, and nothing twice"
        posted = [outbox_id(message) for message in everything(here)]
        assert len(posted) == len(set(posted))

        [announced] = [entry for entry in await here.record(3) if entry.kind == "action.announced"]
        [executed] = [entry for entry in await here.record(3) if entry.kind == "action.executed"]
        assert announced.number < executed.number
        [seen] = here.cards("INC-3")
        assert float(seen.ts) < executed.at.timestamp(), "its card was there before anything was touched"
        assert [action.state for action in await here.actions(3)] == [ActionState.SUCCEEDED]
        async with here.rows() as work:
            assert await work.outbox.due(utc_now()) == []


async def test_what_nobody_could_be_told_in_time_is_asked_instead_of_done(tmp_path: Path) -> None:
    def impatient(document: Json) -> None:
        document["defaults"]["announce_within"] = "1s"

    async with small_stage(
        tmp_path, level="L3", licensed=True, with_prometheus=True, veto_window="1s", change_policy=impatient
    ) as here:
        here.workspace.misbehave.rate_limit("chat.postMessage", times=3)
        await here.service.crash()
        await here.fire()
        asked = await here.card_of("INC-1", "'action_id': 'approve'")
        assert "The announcement did not reach Slack" in said(asked)
        assert await here.supervisord.state("checkout:checkout") == "EXITED"
        assert not {"action.announced", "action.executed"} & set(await here.kinds())


async def failed(workspace: Workspace, count: int, how: str) -> None:
    """Wait until so many calls have failed in this way."""
    await workspace.until(lambda: sum(call.error == how for call in workspace.calls) >= count, timeout=30)


def everything(here: SmallStage) -> list[Message]:
    """Every message in the channel and its threads."""
    roots = [message for message in here.workspace.messages(INCIDENTS) if not message.is_reply]
    return [*roots, *(reply for root in roots for reply in here.replies(root))]


def outbox_id(message: Message) -> int:
    """Which of our notices a message carries."""
    assert message.metadata is not None, said(message)
    return int(message.metadata["event_payload"]["outbox_id"])
