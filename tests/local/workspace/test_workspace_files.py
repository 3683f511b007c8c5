"""The three-step upload, as the SDK does it."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace import Server, Workspace

PNG = b"\x89PNG\r\n\x1a\n chart"


async def test_a_chart_is_uploaded_into_a_thread_and_can_be_fetched(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    root = (await client.chat_postMessage(channel="C01INC", text="card"))["ts"]
    uploaded = await client.files_upload_v2(
        channel="C01INC", thread_ts=root, filename="cpu.png", content=PNG, title="CPU", alt_txt="CPU at 99 %"
    )
    message = workspace.thread("C01INC", root)[0]
    assert message.files == [uploaded["file"]["id"]]
    described = uploaded["file"]
    assert (described["title"], described["alt_txt"], described["channels"]) == ("CPU", "CPU at 99 %", ["C01INC"])
    async with aiohttp.ClientSession() as session, session.get(described["url_private"]) as response:
        assert await response.read() == PNG
        assert response.content_type == "image/png"


async def test_an_uploaded_file_can_be_shown_in_a_block(workspace: Workspace, client: AsyncWebClient) -> None:
    file = (await client.files_upload_v2(filename="cpu.png", content=PNG))["file"]["id"]
    block = {"type": "image", "alt_text": "a chart", "slack_file": {"id": file}}
    await client.chat_postMessage(channel="C01INC", text="card", blocks=[block])
    assert workspace.messages("C01INC")[0].blocks[0]["slack_file"] == {"id": file}


async def test_what_an_app_uploads_is_never_run_by_the_browser(workspace: Workspace, client: AsyncWebClient) -> None:
    page = await client.files_upload_v2(channel="C01INC", filename="evil.html", content=b"<script>alert(1)</script>")
    async with aiohttp.ClientSession() as session, session.get(page["file"]["url_private"]) as response:
        assert response.headers["Content-Disposition"] == "attachment"
        assert response.content_type == "application/octet-stream"


async def test_bytes_that_are_not_as_many_as_announced_are_refused(
    workspace: Workspace, server: Server, client: AsyncWebClient
) -> None:
    url = (await client.files_getUploadURLExternal(filename="a.png", length=5))["upload_url"]
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=b"1234") as response:
            assert response.status == 400
        async with session.post(f"{url}x", data=b"12345") as response:
            assert response.status == 404


async def test_a_file_whose_bytes_never_came_cannot_be_completed(client: AsyncWebClient, refused: Any) -> None:
    file = (await client.files_getUploadURLExternal(filename="a.png", length=5))["file_id"]
    answer = await refused(client.files_completeUploadExternal(files=[{"id": file, "title": "a"}]))
    assert answer["error"] == "file_not_found"


@pytest.mark.parametrize(("channel", "error"), [("C99", "channel_not_found"), ("D99", "channel_not_found")])
async def test_a_file_cannot_be_shared_where_the_bot_cannot_post(
    workspace: Workspace, client: AsyncWebClient, refused: Any, channel: str, error: str
) -> None:
    assert (await refused(client.files_upload_v2(channel=channel, filename="a", content=b"1")))["error"] == error


async def test_a_deleted_file_leaves_its_message(workspace: Workspace, client: AsyncWebClient) -> None:
    file = (await client.files_upload_v2(channel="C01INC", filename="a.png", content=PNG))["file"]["id"]
    await client.files_delete(file=file)
    assert workspace.messages("C01INC")[0].files == []
