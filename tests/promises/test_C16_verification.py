"""C16: verification is prepared before acting; what goes wrong inside it means "cannot tell", never yes.

That leads to a rollback or to people, and an end that nobody knows pauses the runbook. An incomplete answer is unknown.
"""

import asyncio
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.decision import Verdict
from bot.policy.evidence import Answer, Finding
from bot.policy.plan import Exactness, Rollback
from bot.policy.situation import Scope, ScopeKind
from bot.policy.stored import read_situation, sealed
from bot.remediation import Health, Record
from bot.response.failures import flow_failed
from bot.response.model.actions import ActionState, Result
from bot.response.model.notices import ThreadNotice
from bot.response.ports.flow import FlowName
from tests.policy.calm import CALM_BURN, QUERY, calm_policy, calm_situation
from tests.policy.edges import decided
from tests.promises.monitor import monitor, response, saying, vector
from tests.response.clicks import approve
from tests.response.world import ALICE, Switch, World, world, written_policy

DARK, LIT = "light == 0", "light == 1"
"""What the stories' runbook asks before it acts, and how it verifies."""
DEEP = "[" * 10_000
FULL = json.dumps(vector("1")).encode()
HOSTILE = {
    "nested 10,000 deep": saying(DEEP),
    "nested in the result": saying('{"status":"success","data":{"resultType":"vector","result":' + DEEP),
    "nested in its error": saying('{"status":"error","error":' + DEEP, 422),
    "with warnings": saying(vector("1", warnings=["a store did not answer"])),
    "with unreadable warnings": saying(vector("1", warnings="a store did not answer")),
    "a lone surrogate in its error": saying('{"status":"error","error":"\\ud800 bad"}', 422),
    "a lone surrogate in its warning": saying('{"warnings":["\\udfff"],' + FULL.decode()[1:]),
    "a lone surrogate for a number": saying(vector("\ud800")),
    "NUL in its error": saying('{"status":"error","error":"a\\u0000b"}', 500),
    "half a body": response(FULL[: len(FULL) // 2], length=len(FULL)),
    "half by its own count": response(FULL, length=10 * len(FULL)),
    "half a document": response(FULL[: len(FULL) // 2]),
    "no success": saying(vector("1") | {"status": "error", "error": "it timed out"}),
    "no status at all": saying({"data": vector("1")["data"]}),
    "no result": saying({"status": "success", "data": {"resultType": "vector"}}),
    "a range": saying({"status": "success", "data": {"resultType": "matrix", "result": [{"values": [[1, "1"]]}]}}),
    "a text": saying({"status": "success", "data": {"resultType": "string", "result": [1, "1"]}}),
    "numbers that are none": saying(vector("1", "one")),
    "a number without end": saying(vector("1" * 100_000)),
    "a page": saying("<html>welcome</html>"),
    "nothing": b"",
    "no HTTP": b"\x00\xff\xfe nonsense\r\n\r\n",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
async def test_no_answer_that_is_deep_partial_or_hostile_says_anything(answer: bytes) -> None:
    async with monitor({}, answer) as url:
        with closing(PrometheusEvidence(url)) as source:
            health = await source.healthy(LIT, None)
            raw = await source.ask([QUERY])
    assert health.finding is Finding.UNKNOWN
    assert health.detail
    policy = calm_policy()
    situation = calm_situation(policy, answers=CALM_BURN | raw)
    text, seal = sealed(situation)
    assert "\\u0000" not in text, "PostgreSQL would refuse it"
    assert read_situation(text, seal) == situation, "and it can be stored, and judged again"
    assert decided(policy, answers=CALM_BURN | raw).decisive == "confidence"
    assert len(health.detail) < 400


async def test_a_whole_answer_is_one_and_what_prometheus_only_remarks_makes_it_no_less(tmp_path: Path) -> None:
    async with monitor({}, saying(vector("1", infos=["metric might not be a counter"]))) as url:
        with closing(PrometheusEvidence(url)) as source:
            assert (await source.healthy(LIT, None)).finding is Finding.SUPPORTS


def test_a_warning_of_the_monitor_is_said() -> None:
    partial = {QUERY: Answer(samples=("0",), warnings=("a store did not answer",))}
    decision = decided(answers=CALM_BURN | partial)
    assert decision.verdict is Verdict.ASK
    assert decision.evidence[0].detail == "the answer is incomplete: a store did not answer"


@pytest.mark.parametrize("query", ["up{i='${alert.labels.instance}'}", "up{i='${alert.annotations.where}'}"])
def test_a_verification_that_this_alert_cannot_fill_is_no_plan(query: str) -> None:
    decision = decided(calm_policy({"verify": {"within": "2m", "healthy": query}}))
    assert (decision.verdict, decision.decisive) == (Verdict.OBSERVE, "plan")


# On the running product


async def paused(here: World) -> bool:
    async with here.database.read() as work:
        pauses = await work.pauses.active(here.context.now())
    return Scope(kind=ScopeKind.RUNBOOK, name="flip") in [pause.scope for pause in pauses]


async def approved(here: World) -> None:
    await here.fire()
    await here.until(ActionState.WAITING)
    assert (await approve(here, ALICE)).accepted


async def test_an_act_that_could_not_be_verified_is_not_offered(tmp_path: Path) -> None:
    verify = {"within": "1s", "healthy": "up{i='${alert.labels.instance}'}", "stable": 1}
    async with world(tmp_path, written_policy("L1", verify=verify)) as here:
        await here.fire()
        line = await here.until_thread("")
        assert any("alert.labels.instance" in text for text in line.lines)
        assert await here.action() is None


class NothingToUndo(Switch):
    async def plan(self, *asked: Any) -> Any:
        nothing = Rollback(summary="Nothing to undo.", exactness=Exactness.NOTHING_TO_UNDO)
        return (await super().plan(*asked)).model_copy(update={"rollback": nothing})


@pytest.mark.parametrize("answer", ["nested 10,000 deep", "with warnings", "half by its own count"])
@pytest.mark.parametrize(
    ("remediation", "end"), [(Switch, ActionState.ROLLED_BACK), (NothingToUndo, ActionState.FAILED)]
)
async def test_what_cannot_be_told_is_rolled_back_or_brought_to_people(
    tmp_path: Path, answer: str, remediation: type[Switch], end: ActionState
) -> None:
    answers = {DARK: saying(vector("0")), LIT: HOSTILE[answer]}
    async with monitor(answers) as url, world(tmp_path, written_policy("L1"), remediation=remediation) as here:
        with closing(PrometheusEvidence(url)) as source:
            object.__setattr__(here.context, "evidence", source)
            await approved(here)
            ended = await here.until(end)
            await here.idle()
        assert ended.result in (Result.ROLLED_BACK, Result.UNKNOWN)
        assert await paused(here)
        called = [n for n in here.delivered if isinstance(n, ThreadNotice) and ALICE in n.to]
        assert called, "people are called"
        assert any(line.endswith("is paused until a person resumes it.") for n in called for line in n.lines)


class Blind(Switch):
    """Its author's own look at the targets breaks."""

    error: Exception = KeyError("pid")

    async def health(self, plan: Any, record: Record) -> Health:
        raise self.error


@pytest.mark.parametrize("error", [KeyError("pid"), RecursionError("too deep"), TimeoutError(), OSError("gone")])
async def test_an_exception_inside_verification_is_no_yes(tmp_path: Path, error: Exception) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Blind) as here:
        assert isinstance(here.switch, Blind)
        here.switch.error = error
        await approved(here)
        ended = await here.until(ActionState.ROLLED_BACK)
        assert "cannot be seen" in ended.outcome
        assert await paused(here)


async def test_a_monitor_whose_client_breaks_is_no_yes_either(tmp_path: Path) -> None:
    async def broken(promql: str | None, url: str | None) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    async with world(tmp_path, written_policy("L1")) as here:
        object.__setattr__(here.senses, "healthy", broken)
        await approved(here)
        await here.until(ActionState.ROLLED_BACK)
        assert await paused(here)


class Stuck(Switch):
    """Its rollback begins and does not come back before it is let go."""

    begun: asyncio.Event
    go_on: asyncio.Event

    async def inside(self, what: str) -> None:
        if what == "roll_back":
            self.begun.set()
            await self.go_on.wait()


async def test_a_rollback_of_which_nobody_knows_the_end_pauses_the_runbook(tmp_path: Path) -> None:
    async with world(tmp_path, written_policy("L1"), remediation=Stuck) as here:
        assert isinstance(here.switch, Stuck)
        here.switch.begun, here.switch.go_on = asyncio.Event(), asyncio.Event()
        here.senses.health = Finding.CONTRADICTS
        await approved(here)
        async with asyncio.timeout(20):
            await here.switch.begun.wait()
        rolling = await here.action()
        assert rolling is not None
        await flow_failed(here.context, FlowName.ROLL_BACK, (rolling.id,), RuntimeError("the disk is full"))
        failed = await here.until(ActionState.FAILED)
        assert failed.result is Result.UNKNOWN
        assert await paused(here)
        here.switch.go_on.set()
        await here.idle()
