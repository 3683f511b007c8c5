"""Rolling back a block: exactly ours, never somebody else's, and after whatever ended the execution."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from bot.remediation import MovedOnError, Record, Step
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.network import ATTACKER, Wire
from tests.fixtures.servers import until
from tests.remediations.nftables.gate import Acted, acted, block_ip_at, held, nft, nftables_in, wanted

SET = "inet watchkeeper blocked_ipv4"
StepIn = Callable[[Wire], Awaitable[str]]


async def extended(wire: Wire) -> str:
    return await nft(wire, f"add element {SET} {{ 198.51.100.7 timeout 2h }}")


async def replaced(wire: Wire) -> str:
    await nft(wire, f"delete element {SET} {{ 198.51.100.7 }}")
    return await nft(wire, f'add element {SET} {{ 198.51.100.7 comment "alice" }}')


async def replaced_by_a_part_of_more(wire: Wire) -> str:
    await nft(wire, f"delete element {SET} {{ 198.51.100.7 }}")
    return await nft(wire, f"add element {SET} {{ 198.51.100.0/24 }}")


@pytest.fixture
async def action(wire: Wire) -> Acted:
    return await acted(block_ip_at(nftables_in(wire)), wanted(ATTACKER[4]))


async def test_rolled_back_twice_the_second_time_changes_nothing(wire: Wire, action: Acted) -> None:
    assert "is not blocked any more" in (await action.roll_back()).summary
    await nft(wire, f"add element {SET} {{ 203.0.113.1 }}")
    assert "nothing had to be undone" in (await action.roll_back()).summary
    assert await held(wire) == ["203.0.113.1/32"]


@pytest.mark.parametrize("step_in", [extended, replaced])
async def test_what_somebody_has_changed_since_is_noticed_and_left_alone(
    wire: Wire, action: Acted, step_in: StepIn
) -> None:
    await step_in(wire)
    before = await held(wire)
    assert await action.moved_on()
    with pytest.raises(MovedOnError, match="is somebody else's, or they have changed ours"):
        await action.roll_back()
    assert await held(wire) == before
    assert not await wire.passes(ATTACKER[4])


async def test_whoever_was_told_of_a_change_overwrites_it(wire: Wire, action: Acted) -> None:
    await replaced(wire)
    told = action.record.model_copy(update={"after": await action.remediation.snapshot(action.plan)})
    await action.remediation.roll_back(action.plan, told, ExecutionInMemory())
    assert await held(wire) == []


async def test_what_somebody_has_taken_out_is_noticed_and_stays_out(wire: Wire, action: Acted) -> None:
    await nft(wire, f"delete element {SET} {{ 198.51.100.7 }}")
    assert await action.moved_on()
    assert "nothing had to be undone" in (await action.roll_back()).summary
    assert await wire.passes(ATTACKER[4])


async def test_a_wider_block_in_the_place_of_ours_is_left_alone(wire: Wire, action: Acted) -> None:
    await replaced_by_a_part_of_more(wire)
    assert await action.moved_on()
    await action.roll_back()
    assert await held(wire) == ["198.51.100.0/24"]


async def test_a_shorter_block_that_somebody_took_out_with_ours_is_not_put_back(wire: Wire) -> None:
    await nft(wire, f"add element {SET} {{ 198.51.100.7 timeout 10m }}")
    action = await acted(block_ip_at(nftables_in(wire)), wanted(ATTACKER[4]))
    await nft(wire, f"delete element {SET} {{ 198.51.100.7 }}")
    with pytest.raises(MovedOnError, match=r"Somebody has unblocked 198\.51\.100\.7"):
        await action.roll_back()
    assert await held(wire) == []


async def test_the_newer_block_of_another_action_is_not_taken_out_by_the_older_one(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    older = await acted(block_ip, wanted(ATTACKER[4], "10m"), "A-1")
    newer = await acted(block_ip, wanted(ATTACKER[4], "2h"), "A-2")
    with pytest.raises(MovedOnError):
        await older.roll_back()
    await newer.roll_back()
    assert not await wire.passes(ATTACKER[4])
    assert not await older.moved_on()
    await older.roll_back()
    assert await wire.passes(ATTACKER[4])


async def test_an_execution_that_never_came_to_its_step_leaves_nothing_to_undo(wire: Wire, action: Acted) -> None:
    never = Record(snapshot=action.record.snapshot)
    assert action.remediation.left(action.plan, never) == never.snapshot
    report = await action.remediation.roll_back(action.plan, never, ExecutionInMemory())
    assert "was never blocked by this action" in report.summary
    assert not await wire.passes(ATTACKER[4]), "somebody else's, for all that this record knows"


async def test_after_a_crash_behind_the_step_what_we_left_is_known_from_it(wire: Wire, action: Acted) -> None:
    crashed = Record(snapshot=action.record.snapshot, steps=action.record.steps)
    left = action.remediation.left(action.plan, crashed)
    assert left is not None
    assert action.compared(left) == action.compared(await action.remediation.snapshot(action.plan))


@pytest.mark.parametrize("took_effect", [True, False])
async def test_after_a_crash_inside_the_step_nobody_can_tell_and_the_rollback_looks(
    wire: Wire, action: Acted, took_effect: bool
) -> None:
    """Killed after the kernel took it, or before; the record is the same."""
    if not took_effect:
        await nft(wire, f"flush set {SET}")
    (done,) = action.record.steps
    begun = Record(snapshot=action.record.snapshot, steps=(Step(words=done.words, target=done.target),))
    assert action.remediation.left(action.plan, begun) is None
    report = await action.remediation.roll_back(action.plan, begun, ExecutionInMemory())
    assert ("nothing had to be undone" in report.summary) is not took_effect
    assert await wire.passes(ATTACKER[4])


async def test_after_a_crash_inside_the_step_somebody_elses_block_is_still_theirs(wire: Wire, action: Acted) -> None:
    await nft(wire, f"flush set {SET}")
    await nft(wire, f"add element {SET} {{ 198.51.100.7 timeout 1h }}")
    (done,) = action.record.steps
    begun = Record(snapshot=action.record.snapshot, steps=(Step(words=done.words, target=done.target),))
    with pytest.raises(MovedOnError):
        await action.remediation.roll_back(action.plan, begun, ExecutionInMemory())
    assert not await wire.passes(ATTACKER[4])


async def test_the_time_that_runs_down_is_nobodys_doing(wire: Wire, action: Acted) -> None:
    nftables = nftables_in(wire)

    async def left() -> timedelta:
        (ours,) = (await nftables.table()).elements
        assert ours.expires_in is not None
        return ours.expires_in

    first = await left()

    async def has_run() -> bool:
        return await left() < first

    await until(has_run, "a second of it is over")
    assert not await action.moved_on()
