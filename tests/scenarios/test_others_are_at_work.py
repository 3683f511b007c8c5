"""Somebody deploys: the deploy tool says so to the running bot, which leaves the service alone until it is over."""

import json
import time
from pathlib import Path

import aiohttp

from handlers.changes.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature
from tests.scenarios.small_stage import Json, SmallStage, small_stage
from tests.scenarios.stage import CHANGES_SECRET, in_order


async def report(here: SmallStage, document: Json) -> Json:
    """As a deploy tool sends it; what was answered."""
    body, timestamp = json.dumps(document).encode(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: signature(CHANGES_SECRET, timestamp, body),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{here.bot_url}/changes", data=body, headers=headers) as response,
    ):
        response.raise_for_status()
        answer: Json = await response.json()
        return answer


async def test_during_a_deploy_its_own_alert_asks_nobody_and_afterwards_it_does(tmp_path: Path) -> None:
    deploy = {"id": "d-1", "event": "begin", "what": "deploy of checkout 4.2", "by": "argo", "services": ["checkout"]}
    async with small_stage(tmp_path) as here:
        assert (await report(here, deploy))["result"] == "begun"
        await here.slash("alice", "status", "Others are at work", "deploy of checkout 4.2")
        await here.service.crash()
        await here.fire()
        await here.card_of("INC-1", "Others are at work here: deploy of checkout 4.2 on checkout, reported by argo")
        assert (await report(here, {"id": "d-1", "event": "end"}))["result"] == "ended"
        await here.card_of("INC-1", "'action_id': 'approve'")
        kinds = await here.kinds()
        assert in_order(kinds, "decision.made", "decision.made")
