"""Blocking addresses at a real gate, with real packets."""

import asyncio
import math
from datetime import timedelta
from ipaddress import ip_network

import pytest

from bot.policy.plan import Effect, Exactness
from bot.remediation import Condition, HaltedError, NothingToDoError, PermanentError, TemporaryError
from remediations.backends.nftables import Nftables, NftablesSettings
from remediations.backends.nftables.table import Element
from remediations.testing.execution import ExecutionInMemory
from tests.fixtures.network import ATTACKER, BYSTANDER, Wire
from tests.fixtures.servers import until
from tests.remediations.nftables.gate import about, acted, block_ip_at, held, nft, nftables_in, wanted

DAY = timedelta(days=1)


@pytest.mark.parametrize("version", [4, 6])
async def test_an_attacker_is_kept_out_and_let_in_again_by_the_rollback(wire: Wire, version: int) -> None:
    action = await acted(block_ip_at(nftables_in(wire)), wanted(ATTACKER[version]))
    assert not await wire.passes(ATTACKER[version])
    assert await wire.passes(BYSTANDER[version])
    health = await action.health()
    assert health.condition is Condition.HEALTHY
    assert f"{ATTACKER[version]} is blocked until" in health.summary
    assert not await action.moved_on()
    await action.roll_back()
    assert await wire.passes(ATTACKER[version])
    assert (await action.health()).condition is Condition.UNHEALTHY
    assert await action.remediation.snapshot(action.plan) == action.record.snapshot


async def test_a_plan_says_what_would_happen_and_seals_only_what_holds_still(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    plan = await block_ip.plan(wanted("203.0.113.0/24", "90m", widest_ipv4=24), about())
    (target,) = plan.targets
    assert (target.key, target.label) == ("nftables:203.0.113.0/24", "203.0.113.0/24")
    assert target.state == {"blocked": None}
    assert target.becomes == {"blocked_for_seconds": 5400.0}
    assert plan.effects == {Effect.ACCESS, Effect.TRAFFIC}
    assert plan.blast_radius.targets == 256
    assert plan.ends_after_seconds == 5400
    assert plan.rollback.exactness is Exactness.EXACT
    assert plan.cautions == ()
    assert "blocked until" in plan.forecasts
    later = about().model_copy(update={"now": about().now + DAY})
    again = await block_ip.plan(wanted("203.0.113.0/24", "1.5h", widest_ipv4=24), later)
    assert again.digest == plan.digest


async def test_an_address_of_a_private_network_is_a_reason_to_ask(wire: Wire) -> None:
    plan = await block_ip_at(nftables_in(wire)).plan(wanted("10.1.2.3"), about())
    assert plan.cautions == ("10.1.2.3 is a private address: it may be one of our own machines.",)


async def test_two_attackers_are_blocked_beside_each_other_and_undone_one_by_one(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    first, second = await asyncio.gather(
        acted(block_ip, wanted(ATTACKER[4]), "A-1"), acted(block_ip, wanted(BYSTANDER[4]), "A-2")
    )
    assert not await wire.passes(ATTACKER[4])
    assert not await wire.passes(BYSTANDER[4])
    await first.roll_back()
    assert await wire.passes(ATTACKER[4])
    assert not await wire.passes(BYSTANDER[4])
    assert (await second.health()).condition is Condition.HEALTHY
    assert not await second.moved_on()
    await second.roll_back()
    assert await held(wire) == []


async def test_a_block_ends_by_itself_while_the_attack_goes_on_and_health_says_so(wire: Wire) -> None:
    nftables = nftables_in(wire)
    action = await acted(block_ip_at(nftables), wanted(ATTACKER[4]))
    assert not await wire.passes(ATTACKER[4])
    (blocked,) = (await nftables.table()).elements
    second = timedelta(seconds=1)
    ending = Element(blocked.network, blocked.timeout, second, blocked.comment)
    await nftables.change(out=blocked.network, into=ending)  # the kernel's countdown, at its end

    async def passes() -> bool:
        return await wire.passes(ATTACKER[4])

    await until(passes, "the kernel has taken it out")
    assert (await action.health()).condition is Condition.UNHEALTHY
    report = await action.roll_back()
    assert "nothing had to be undone" in report.summary
    assert not (await block_ip_at(nftables).plan(wanted(ATTACKER[4]), about())).targets[0].state["blocked"]


async def test_what_is_protected_or_too_wide_is_refused_before_anything_is_asked() -> None:
    """There is no such gate: whoever asks it gets another answer."""
    absent = Nftables("nftables", NftablesSettings.model_validate({"namespace": "/run/netns/not-there"}))
    block_ip = block_ip_at(absent)
    ours = about(networks=("192.0.2.0/24", "2001:db8:f::/48"), targets=("nftables:198.51.100.1*",))
    for address, text in (
        ("192.0.2.7", r"`protected.networks` of the policy has 192.0.2.0/24"),
        ("::ffff:192.0.2.7", r"`protected.networks` of the policy has 192.0.2.0/24"),
        ("2001:db8:f::7", r"`protected.networks` of the policy has 2001:db8:f::/48"),
        ("198.51.100.17", r"`protected.targets` of the policy has 'nftables:198.51.100.1\*'"),
        ("203.0.113.0/31", r"wider than a /32, the widest that may be blocked: `widest_ipv4`"),
        ("2001:db8::/64", r"wider than a /128, the widest that may be blocked: `widest_ipv6`"),
    ):
        with pytest.raises(PermanentError, match=text):
            await block_ip.plan(wanted(address), ours)
    with pytest.raises(PermanentError, match=r"`protected.networks` of the policy has 192.0.2.0/24"):
        await block_ip.plan(wanted("192.0.2.128/25", widest_ipv4=24), ours)


async def test_the_gates_own_address_and_its_gateway_are_never_blocked(wire: Wire) -> None:
    await wire.gate.run("ip", "route", "add", "default", "via", "198.51.100.254")
    block_ip = block_ip_at(nftables_in(wire))
    for address, text in (
        ("198.51.100.1", "198.51.100.1 is the address of wire"),
        ("198.51.100.254", "198.51.100.254 is the gateway to default"),
        ("198.51.100.128/25", "198.51.100.254 is the gateway to default"),
        ("2001:db8::1", "2001:db8::1 is the address of wire"),
    ):
        with pytest.raises(PermanentError, match=text):
            await block_ip.plan(wanted(address, widest_ipv4=24), about())


async def test_what_is_blocked_already_is_left_alone_and_told_until_when(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    await acted(block_ip, wanted(ATTACKER[4]), "A-1")
    before = await held(wire)
    with pytest.raises(NothingToDoError, match=r"198.51.100.7 is blocked .* already, until 2\d{3}-.* UTC .*A-1"):
        await block_ip.plan(wanted(ATTACKER[4]), about())
    with pytest.raises(NothingToDoError, match="until"):
        await block_ip.plan(wanted(ATTACKER[4], "30m"), about())
    await nft(wire, "add element inet watchkeeper blocked_ipv4 { 203.0.113.0/24 timeout 5m }")
    await nft(wire, 'add element inet watchkeeper blocked_ipv6 { 2001:db8::7 comment "alice" }')
    with pytest.raises(NothingToDoError, match=r"as a part of 203.0.113.0/24, until"):
        await block_ip.plan(wanted("203.0.113.9"), about())
    with pytest.raises(NothingToDoError, match=r"2001:db8::7 is blocked .* already, without an end .*'alice'"):
        await block_ip.plan(wanted(ATTACKER[6]), about())
    assert [each for each in await held(wire) if each in before] == before


async def test_a_network_with_blocked_parts_is_refused_and_the_part_named(wire: Wire) -> None:
    await nft(wire, "add element inet watchkeeper blocked_ipv4 { 203.0.113.9 timeout 1h, 203.0.113.11 }")
    with pytest.raises(PermanentError, match=r"203.0.113.9 in it is blocked already, until .* \(and 1 more\)"):
        await block_ip_at(nftables_in(wire)).plan(wanted("203.0.113.0/24", widest_ipv4=24), about())


async def test_a_shorter_block_is_replaced_and_comes_back_with_what_is_left_of_its_time(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await nft(wire, 'add element inet watchkeeper blocked_ipv4 { 198.51.100.7 timeout 10m comment "alice" }')
    await nftables.table()
    action = await acted(block_ip_at(nftables), wanted(ATTACKER[4], "2h"))
    assert action.plan.targets[0].state["blocked"] == {"lasts_seconds": 600.0, "mark": "alice"}
    assert "in place of a block that ends sooner" in action.plan.summary
    (ours,) = (await nftables.table()).elements
    assert ours.timeout == timedelta(hours=2)
    assert not await action.moved_on()
    await action.roll_back()
    (theirs,) = (await nftables.table()).elements
    assert (theirs.timeout, theirs.comment) == (timedelta(minutes=10), "alice")
    assert theirs.expires_in is not None
    assert theirs.expires_in <= timedelta(minutes=10)
    restored = await action.remediation.snapshot(action.plan)
    assert action.compared(restored) == action.compared(action.record.snapshot)
    assert "as before" in (await action.roll_back()).summary
    assert not await wire.passes(ATTACKER[4])


@pytest.mark.parametrize(
    "step_in",
    [
        "add element inet watchkeeper blocked_ipv4 { 198.51.100.7 timeout 2h }",
        "add element inet watchkeeper blocked_ipv4 { 198.51.100.7 }",
        "add element inet watchkeeper blocked_ipv4 { 198.51.100.0/24 timeout 2h }",
        "add element inet watchkeeper blocked_ipv4 { 198.51.100.6-198.51.100.8 }",
        "flush chain inet watchkeeper incoming",
    ],
)
async def test_whatever_happened_since_the_plan_was_made_execute_refuses(wire: Wire, step_in: str) -> None:
    nftables = nftables_in(wire)
    block_ip = block_ip_at(nftables)
    plan = await block_ip.plan(wanted(ATTACKER[4]), about())
    await nft(wire, step_in)
    before, execution = await held(wire), ExecutionInMemory()
    with pytest.raises(PermanentError, match=r"since the plan was made|no rule behind a hook"):
        await block_ip.execute(plan, await block_ip.snapshot(plan), execution)
    assert execution.steps == []
    assert await held(wire) == before


async def test_the_shorter_block_that_ended_meanwhile_is_a_drift_too(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    await nft(wire, "add element inet watchkeeper blocked_ipv4 { 198.51.100.7 timeout 10m }")
    plan = await block_ip.plan(wanted(ATTACKER[4]), about())
    await nft(wire, "delete element inet watchkeeper blocked_ipv4 { 198.51.100.7 }")
    with pytest.raises(PermanentError, match="it is not blocked any more"):
        await block_ip.execute(plan, await block_ip.snapshot(plan), ExecutionInMemory())
    assert await wire.passes(ATTACKER[4])


async def test_done_twice_with_one_key_it_is_one_block(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    plan = await block_ip.plan(wanted(ATTACKER[4]), about())
    before = await block_ip.snapshot(plan)
    await block_ip.execute(plan, before, ExecutionInMemory(key="A-17"))
    once = await held(wire)
    report = await block_ip.execute(plan, before, ExecutionInMemory(key="A-17"))
    assert "is blocked already by this action" in report.summary
    assert await held(wire) == once
    with pytest.raises(PermanentError, match="since the plan was made"):
        await block_ip.execute(plan, before, ExecutionInMemory(key="A-18"))
    assert await held(wire) == once


async def test_halted_before_its_only_step_nothing_is_done(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    plan = await block_ip.plan(wanted(ATTACKER[4]), about())
    with pytest.raises(HaltedError):
        await block_ip.execute(plan, await block_ip.snapshot(plan), ExecutionInMemory(halt_before=0))
    assert await held(wire) == []


async def test_a_rehearsal_asks_the_kernel_and_changes_nothing(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    plan = await block_ip.plan(wanted(ATTACKER[6]), about())
    assert "would take a block of 2001:db8::7" in (await block_ip.rehearse(plan)).summary
    assert await held(wire) == []


async def test_health_tells_a_block_that_nobody_feels_and_a_gate_that_cannot_be_asked(wire: Wire) -> None:
    action = await acted(block_ip_at(nftables_in(wire)), wanted(ATTACKER[4]))
    await nft(wire, "add table inet watchkeeper { flags dormant; }")
    felt = await action.health()
    assert felt.condition is Condition.UNHEALTHY
    assert "blocked, but not kept out" in felt.summary
    gone = block_ip_at(Nftables("nftables", NftablesSettings.model_validate({"namespace": "/run/netns/not-there"})))
    assert (await gone.health(action.plan, action.record)).condition is Condition.UNKNOWN


async def test_covered_by_a_wider_block_it_is_kept_out_as_well(wire: Wire) -> None:
    action = await acted(block_ip_at(nftables_in(wire)), wanted(ATTACKER[4]))
    await nft(wire, "flush set inet watchkeeper blocked_ipv4")
    assert (await action.health()).condition is Condition.UNHEALTHY
    await nft(wire, "add element inet watchkeeper blocked_ipv4 { 198.51.100.0/24 }")
    health = await action.health()
    assert health.condition is Condition.HEALTHY
    assert "as a part of 198.51.100.0/24 without an end" in health.summary


async def test_a_gate_that_does_not_answer_is_temporary_until_something_was_begun(wire: Wire) -> None:
    block_ip = block_ip_at(nftables_in(wire))
    plan = await block_ip.plan(wanted(ATTACKER[4]), about())
    before = await block_ip.snapshot(plan)
    slow = block_ip_at(nftables_in(wire, timeout="1ms"))
    with pytest.raises(TemporaryError, match="was not answered within"):
        await slow.execute(plan, before, ExecutionInMemory())
    with pytest.raises(TemporaryError, match="was not answered within"):
        await slow.plan(wanted(ATTACKER[4]), about())
    assert await held(wire) == []


@pytest.mark.parametrize(("length", "count"), [(32, 1), (30, 4), (24, 256)])
async def test_an_ipv4_network_counts_every_address(wire: Wire, length: int, count: int) -> None:
    plan = await block_ip_at(nftables_in(wire)).plan(wanted(f"203.0.113.0/{length}", widest_ipv4=24), about())
    assert plan.blast_radius.targets == count


@pytest.mark.parametrize(("length", "count"), [(128, 1), (64, 1), (60, 16), (48, 65536)])
async def test_an_ipv6_network_counts_every_subscriber(wire: Wire, length: int, count: int) -> None:
    network = ip_network(f"2001:db8:7::/{length}")
    plan = await block_ip_at(nftables_in(wire)).plan(wanted(str(network), widest_ipv6=48), about())
    assert plan.blast_radius.targets == count == math.ceil(network.num_addresses / 2**64)
