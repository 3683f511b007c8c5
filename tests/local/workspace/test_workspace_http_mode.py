"""HTTP mode: signed requests to the real Bolt app behind aiohttp."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Workspace

HEARD_HEADERS = "heard_headers"


@pytest.fixture
def app(client: AsyncWebClient, workspace: Workspace) -> AsyncApp:
    return AsyncApp(client=client, signing_secret=workspace.signing_secret)


@pytest.fixture
async def heard_headers(workspace: Workspace, app: AsyncApp) -> AsyncIterator[list[dict[str, str]]]:
    """The app listens at the workspace's request URL; yields the headers of every request."""
    heard: list[dict[str, str]] = []

    async def events(request: web.Request) -> web.StreamResponse:
        heard.append({name.lower(): value for name, value in request.headers.items()})
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    listener = web.Application()
    listener.add_routes([web.post("/slack/events", events)])
    runner = web.AppRunner(listener, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    workspace.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield heard
    await runner.cleanup()


async def test_slack_verifies_the_url_before_using_it(workspace: Workspace, heard_headers: list[Any]) -> None:
    assert await workspace.verify_request_url()


async def test_commands_clicks_and_modals_work_as_over_a_socket(
    workspace: Workspace, app: AsyncApp, heard_headers: list[dict[str, str]]
) -> None:
    @app.command("/watch")
    async def watch(ack: Any, command: dict[str, Any], client: Any) -> None:
        modal = {
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
        await client.views_open(trigger_id=command["trigger_id"], view=modal)
        await ack(f"You said {command['text']}")

    @app.view("why")
    async def why(ack: Any) -> None:
        await ack(response_action="errors", errors={"why": "Say more"})

    alice = workspace.person("alice")
    assert (await alice.slash("/watch", "a & b=c")).acked
    assert [message.text for message in workspace.ephemerals("alice")] == ["You said a & b=c"]
    outcome = await alice.submit(workspace.open_views("alice")[-1], {"reason": "because"})
    assert outcome.errors == {"why": "Say more"}
    assert heard_headers[0]["x-slack-signature"].startswith("v0=")


async def test_an_event_is_told_again_with_the_retry_headers(
    workspace: Workspace, app: AsyncApp, heard_headers: list[dict[str, str]]
) -> None:
    attempts: list[str] = []

    @app.middleware
    async def fail_once(next_: Any, body: dict[str, Any]) -> None:
        attempts.append(body["event_id"])
        if len(attempts) == 1:
            raise OSError("the disk is full")
        await next_()

    @app.event("app_home_opened")
    async def home() -> None:
        pass

    await workspace.person("alice").open_home()
    await workspace.until(lambda: [record.answer.acked for record in workspace.deliveries] == [False, True])
    assert attempts[0] == attempts[1]
    assert "x-slack-retry-num" not in heard_headers[0]
    assert (heard_headers[1]["x-slack-retry-num"], heard_headers[1]["x-slack-retry-reason"]) == ("1", "http_error")


async def test_an_app_that_does_not_know_the_secret_refuses_everything(
    workspace: Workspace, app: AsyncApp, heard_headers: list[Any]
) -> None:
    @app.command("/watch")
    async def watch(ack: Any) -> None:
        await ack("here")

    workspace.state.installation.signing_secret = "another"
    outcome = await workspace.person("alice").slash("/watch")
    assert outcome.warning == '/watch failed with the error "dispatch_failed"'


async def test_a_request_url_where_nobody_listens_is_a_failed_dispatch(workspace: Workspace, server: Any) -> None:
    workspace.request_url = "http://127.0.0.1:1/slack/events"
    assert (await workspace.person("alice").slash("/watch")).warning is not None
    assert not await workspace.verify_request_url()
