"""Somebody attacks: who is asked, what the packet filter does with real packets, and what the record says of it."""

from pathlib import Path

from tests.fixtures.network import ATTACKER, BYSTANDER
from tests.scenarios.gate import gate
from tests.scenarios.stage import in_order, said


async def test_alice_approves_and_an_attackers_packets_are_dropped_verified_and_told(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        assert await here.wire.passes(ATTACKER[4])
        [incident] = await here.attack(ATTACKER[4])
        await here.stage.card_of(incident, f"Block {ATTACKER[4]} for 1h through nftables", "1 target")
        assert await here.wire.passes(ATTACKER[4]), "nothing is done before somebody has approved it"
        await here.press(incident, "approve")
        await here.stage.thread_of(incident, "Approved", "Done and verified", f"Blocked {ATTACKER[4]} until")
        assert not await here.wire.passes(ATTACKER[4])
        assert await here.wire.passes(BYSTANDER[4])
        kinds = await here.stage.kinds()
        assert in_order(kinds, "action.vote", "action.claimed", "action.executed", "action.succeeded")


async def test_a_second_attacker_at_once_is_another_incident_and_no_harm_of_the_first_block(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        [first] = await here.attack(ATTACKER[4])
        await here.press(first, "approve")
        await here.stage.thread_of(first, "Done and verified")
        [second] = await here.attack(BYSTANDER[4])
        assert second != first
        await here.press(second, "approve")
        await here.stage.thread_of(second, "Done and verified")
        assert sorted(await here.blocked()) == sorted([ATTACKER[4], BYSTANDER[4]])
        for address in (ATTACKER[4], BYSTANDER[4]):
            assert not await here.wire.passes(address)
        kinds = [*await here.stage.kinds(1), *await here.stage.kinds(2)]
        assert "automation.paused" not in kinds, "the second attack is none of our doing"
        assert "action.rolled_back" not in kinds


async def test_two_attackers_in_one_delivery_are_both_asked_about(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        incidents = await here.attack(ATTACKER[4], BYSTANDER[4])
        assert len(incidents) == 2
        cards = [said(await here.stage.card_of(incident, "'action_id': 'approve'")) for incident in incidents]
        for address in (ATTACKER[4], BYSTANDER[4]):
            assert sum(f"Block {address} for" in card for card in cards) == 1


async def test_a_protected_address_is_never_blocked_whoever_attacks_with_it(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        [incident] = await here.attack("203.0.113.7")
        card = await here.stage.card_of(incident, "protected.networks")
        assert "'action_id': 'approve'" not in said(card)
        assert await here.blocked() == []


async def test_alice_rolls_it_back_and_the_packets_pass_again(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        [incident] = await here.attack(ATTACKER[6])
        await here.press(incident, "approve")
        await here.stage.thread_of(incident, "Done and verified")
        assert not await here.wire.passes(ATTACKER[6])
        await here.press(incident, "roll_back")
        await here.stage.thread_of(incident, "Rolled back")
        assert await here.wire.passes(ATTACKER[6])
        assert await here.blocked() == []


async def test_the_block_ends_while_the_attack_goes_on_and_people_are_asked_again(tmp_path: Path) -> None:
    async with gate(tmp_path) as here:
        [incident] = await here.attack(ATTACKER[4])
        await here.press(incident, "approve")
        await here.stage.thread_of(incident, "Done and verified")
        assert not await here.wire.passes(ATTACKER[4])
        await here.time_is_over(ATTACKER[4])
        assert await here.wire.passes(ATTACKER[4])
        await here.stage.thread_of(incident, "It has ended by itself")
        await here.stage.card_of(incident, f"Block {ATTACKER[4]} for 1h", "'action_id': 'approve'")
        assert await here.wire.passes(ATTACKER[4]), "it is not blocked again without anybody's approval"
        kinds = await here.stage.kinds()
        assert in_order(kinds, "action.succeeded", "action.wore_off", "decision.made")
