"""views.*: modals and Home tabs, over the Web API alone."""

from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Workspace

MODAL = {"type": "modal", "callback_id": "why", "title": {"type": "plain_text", "text": "Why?"}, "blocks": []}
HOME = {"type": "home", "blocks": [{"type": "divider"}]}


def trigger(workspace: Workspace, view_id: str | None = None) -> str:
    return workspace.state.triggers.issue("U01ALICE", view_id)


async def test_a_trigger_opens_one_modal_for_the_person_who_gave_it(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    trigger_id = trigger(workspace)
    view = (await client.views_open(trigger_id=trigger_id, view=MODAL))["view"]
    assert [each.id for each in workspace.open_views("alice")] == [view["id"]]
    assert view["root_view_id"] == view["id"]
    assert (await refused(client.views_open(trigger_id=trigger_id, view=MODAL)))["error"] == "exchanged_trigger_id"


async def test_a_trigger_lives_three_seconds(
    workspace: Workspace, client: AsyncWebClient, refused: Any, clock: Any
) -> None:
    trigger_id = trigger(workspace)
    clock.ahead_seconds += 3.1
    assert (await refused(client.views_open(trigger_id=trigger_id, view=MODAL)))["error"] == "expired_trigger_id"
    assert (await refused(client.views_open(trigger_id="1.2.abc", view=MODAL)))["error"] == "invalid_trigger_id"


async def test_a_bad_view_is_refused_without_using_the_trigger_up(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    trigger_id = trigger(workspace)
    bad = {**MODAL, "title": {"type": "plain_text", "text": "x" * 25}}
    answer = await refused(client.views_open(trigger_id=trigger_id, view=bad))
    assert answer["error"] == "invalid_arguments"
    assert answer["response_metadata"]["messages"] == [
        "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"
    ]
    await client.views_open(trigger_id=trigger_id, view=MODAL)


async def test_a_view_over_250_kilobytes_is_refused(workspace: Workspace, client: AsyncWebClient, refused: Any) -> None:
    big = {**MODAL, "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "x" * 3000}}] * 90}
    answer = await refused(client.views_open(trigger_id=trigger(workspace), view=big))
    assert answer["error"] == "view_too_large"


async def test_at_most_three_modals_are_stacked_and_only_from_within_a_modal(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    assert (await refused(client.views_push(trigger_id=trigger(workspace), view=MODAL)))["error"] == "not_found"
    root = (await client.views_open(trigger_id=trigger(workspace), view=MODAL))["view"]
    second = (await client.views_push(trigger_id=trigger(workspace, root["id"]), view=MODAL))["view"]
    assert (second["previous_view_id"], second["root_view_id"]) == (root["id"], root["id"])
    await client.views_push(trigger_id=trigger(workspace, second["id"]), view=MODAL)
    answer = await refused(client.views_push(trigger_id=trigger(workspace, second["id"]), view=MODAL))
    assert answer["error"] == "push_limit_reached"


async def test_an_update_with_an_old_hash_is_a_conflict(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    view = (await client.views_open(trigger_id=trigger(workspace), view=MODAL))["view"]
    updated = await client.views_update(view_id=view["id"], hash=view["hash"], view={**MODAL, "callback_id": "then"})
    assert updated["view"]["hash"] != view["hash"]
    late = client.views_update(view_id=view["id"], hash=view["hash"], view=MODAL)
    assert (await refused(late))["error"] == "hash_conflict"
    assert workspace.open_views("alice")[0].callback_id == "then"


async def test_a_view_can_be_found_by_its_external_id_which_only_one_may_have(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    mine = {**MODAL, "external_id": "inc-1"}
    await client.views_open(trigger_id=trigger(workspace), view=mine)
    await client.views_update(external_id="inc-1", view=mine)
    other = workspace.state.triggers.issue("U02BOB")
    assert (await refused(client.views_open(trigger_id=other, view=mine)))["error"] == "duplicate_external_id"
    assert (await refused(client.views_update(external_id="inc-2", view=MODAL)))["error"] == "not_found"


async def test_a_home_is_published_for_one_person_and_guarded_by_its_hash(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    first = (await client.views_publish(user_id="U01ALICE", view=HOME))["view"]
    await client.views_publish(user_id="U01ALICE", view=HOME, hash=first["hash"])
    late = await refused(client.views_publish(user_id="U01ALICE", view=HOME, hash=first["hash"]))
    assert late["error"] == "hash_conflict"
    home = workspace.home("alice")
    assert home is not None
    assert home.id == first["id"]
    assert workspace.home("bob") is None


@pytest.mark.parametrize(("user", "view"), [("U99", HOME), ("U01ALICE", MODAL)])
async def test_a_home_needs_a_known_person_and_a_home_view(
    client: AsyncWebClient, refused: Any, user: str, view: dict[str, Any]
) -> None:
    assert (await refused(client.views_publish(user_id=user, view=view)))["error"] == "invalid_arguments"


async def test_no_home_is_published_when_the_tab_is_off(
    workspace: Workspace, client: AsyncWebClient, refused: Any
) -> None:
    workspace.state.installation = replace(workspace.state.installation, home_tab=False)
    assert (await refused(client.views_publish(user_id="U01ALICE", view=HOME)))["error"] == "not_enabled"
