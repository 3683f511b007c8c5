"""``/watch promote``, the sign-off and the promotion, as people press and type them."""

from datetime import timedelta

from bot.policy.levels import Level
from bot.policy.rules.demotion import Cause, Due
from bot.policy.situation import Gate
from bot.policy.track_record import Ending, PastCase
from bot.response.interventions.candidacies import IN_ORDER
from bot.response.interventions.proposals import sweep_proposals
from bot.response.model.candidacies import CandidacyState
from bot.response.ports.context import utc_now
from tests.handlers.rising import candidacy, card, level_now, pass_gates, rising, said, thread, waits_for_sign_off
from tests.handlers.ship import RUNBOOK, Ship
from tests.handlers.test_commands import slash


async def test_whoever_the_policy_names_has_the_gates_run_once_at_a_time_and_is_told_where_it_stands(
    ship: Ship,
) -> None:
    ship.policy = rising()
    answer = await slash(ship, f"promote {RUNBOOK}")
    assert "L1: not passed yet: staging dry run, chaos test" in answer
    assert "5 cases are asked for" in answer
    assert "Its gates are run on staging now" in answer
    shown = said(await card(ship, "Gates of restart-checkout"))
    assert "The gates are being run on staging." in shown
    assert "Human sign-off:" in shown
    assert "being run already" in await slash(ship, f"promote {RUNBOOK}", "bob")
    (begun,) = await ship.audited("gates.begun")
    assert begun.actor == "U01ALICE"
    assert begun.incident_id is None
    assert (await candidacy(ship)).state is CandidacyState.RUNNING


async def test_nothing_is_run_for_strangers_or_without_a_twin_and_no_word_passes_a_gate(ship: Ship) -> None:
    assert "so its gates cannot be run: say in" in await slash(ship, f"promote {RUNBOOK}")
    assert "There is no runbook 'nothing'" in await slash(ship, "promote nothing")
    for words in ("promote", f"promote {RUNBOOK} L3", f"promote {RUNBOOK} --skip-chaos"):
        assert "For example" in await slash(ship, words)
    ship.policy = rising()
    assert "You may not run the gates here" in await slash(ship, f"promote {RUNBOOK}", "dave")
    (refusal,) = await ship.audited("person.refused")
    assert refusal.body["deed"] == "run the gates"
    async with ship.database.read() as work:
        assert not await work.candidacies.of(RUNBOOK, *CandidacyState)


async def test_one_click_of_somebody_named_who_has_not_written_it_signs_off(ship: Ship) -> None:
    ship.policy = rising()
    asks = await waits_for_sign_off(ship)
    assert "saw chaos test" in said(asks)
    assert "Who may decide: <@U03CAROL>" in said(asks)

    for person, why in (("alice", "You have written restart-checkout"), ("dave", "does not name you")):
        await ship.workspace.person(person).click(asks, "sign_off")
        await ship.settled()
        assert why in ship.told(person)[-1]
        assert "Who can: <@U03CAROL>." in ship.told(person)[-1]
    assert [entry.body["deed"] for entry in await ship.audited("person.refused")] == ["sign off", "sign off"]
    assert await level_now(ship) == "L1"

    await ship.workspace.person("carol").click(asks, "sign_off")
    await ship.settled()
    assert await level_now(ship) == "L3"
    await thread(ship, "Signed off: restart-checkout may act at L3 from now on")
    assert "'action_id': 'sign_off'" not in said(await card(ship, "Signed off."))
    (entry,) = await ship.audited("licence.signed_off")
    assert (entry.actor, entry.body["level"]) == ("U03CAROL", "L3")
    async with ship.database.read() as work:
        rows = (await work.licences.of(RUNBOOK)).gates
    assert {row.gate for row in rows} == set(Gate)
    assert [(row.by, bool(row.seal)) for row in rows if row.gate is Gate.HUMAN_SIGN_OFF] == [("U03CAROL", True)]

    await ship.workspace.person("carol").click(asks, "sign_off")
    await ship.settled()
    assert "decided already" in ship.told("carol")[-1]
    assert len(await ship.audited("licence.signed_off")) == 1


async def test_what_has_changed_since_the_evidence_is_named_and_not_signed(ship: Ship) -> None:
    ship.policy = rising()
    asks = await waits_for_sign_off(ship)
    ship.policy = rising(verify={"within": "61s", "http": "http://127.0.0.1:9/healthz"})
    await ship.workspace.person("carol").click(asks, "sign_off")
    await ship.settled()
    told = ship.told("carol")[-1]
    assert "the runbook changed (verify.within: 1m -&gt; 61s)" in told
    assert "Nothing was signed" in told
    assert not await ship.audited("licence.signed_off")
    assert (await candidacy(ship)).state is CandidacyState.WAITING


async def test_not_yet_leaves_it_as_it_is_and_the_gates_can_be_run_again(ship: Ship) -> None:
    ship.policy = rising()
    asks = await waits_for_sign_off(ship)
    await ship.workspace.person("carol").click(asks, "not_yet")
    await ship.settled()
    await thread(ship, "Not yet: restart-checkout stays as it is")
    assert await level_now(ship) == "L1"
    assert [entry.actor for entry in await ship.audited("licence.declined")] == ["U03CAROL"]
    assert "Its gates are run on staging now" in await slash(ship, f"promote {RUNBOOK}")


async def test_a_newer_run_takes_the_place_of_a_card_that_waits(ship: Ship) -> None:
    ship.policy = rising()
    asks = await waits_for_sign_off(ship)
    await slash(ship, f"promote {RUNBOOK}")
    await ship.workspace.person("carol").click(asks, "sign_off")
    await ship.settled()
    assert "a newer card has taken its place" in ship.told("carol")[-1]
    assert await level_now(ship) == "L1"


async def demoted(ship: Ship, good: int) -> None:
    """It did harm once, and so many runs on staging went well since."""
    now = utc_now()
    digest = ship.policy.runbooks[RUNBOOK].digest
    cases = [
        PastCase(key=f"gates:{number}", ending=Ending.VERIFIED, at=now, digest=digest, staging=True)
        for number in range(good)
    ]
    async with ship.database.begin() as work:
        await work.licences.add_cases(RUNBOOK, cases)
        await work.licences.demote(RUNBOOK, Due(Cause.HARMED, "harmed:a1", "it did harm in INC-4", Level.L1), now)


async def test_a_promotion_is_proposed_once_and_lifts_the_demotion_by_a_persons_word(ship: Ship) -> None:
    ship.policy = rising()
    await demoted(ship, good=6)
    assert await sweep_proposals(ship.context) == 0, "never without all five gates"
    await pass_gates(ship, *IN_ORDER)
    assert await sweep_proposals(ship.context) == 1
    assert await sweep_proposals(ship.context) == 0
    asks = await card(ship, "Promote restart-checkout?")
    assert "it did harm in INC-4" in said(asks)
    assert "6 of 6 cases went well (6 on staging)" in said(asks)

    await ship.alice.click(asks, "promote")
    await ship.settled()
    assert "You have written restart-checkout" in ship.told("alice")[-1]
    assert await level_now(ship) == "L1"
    await ship.workspace.person("carol").click(asks, "promote")
    await ship.settled()
    assert await level_now(ship) == "L3"
    (entry,) = await ship.audited("licence.promoted")
    assert (entry.actor, entry.body["lifted"], entry.body["level"]) == ("U03CAROL", ["harmed:a1"], "L3")
    await thread(ship, "Promoted: restart-checkout may act at L3 from now on")


async def test_too_few_cases_propose_nothing_and_a_gate_that_falls_meanwhile_refuses(ship: Ship) -> None:
    ship.policy = rising()
    await demoted(ship, good=2)
    await pass_gates(ship, *IN_ORDER)
    assert await sweep_proposals(ship.context) == 0
    await demoted(ship, good=6)
    assert await sweep_proposals(ship.context) == 1
    asks = await card(ship, "Promote restart-checkout?")
    await pass_gates(ship, Gate.CHAOS_TEST, at=utc_now() - timedelta(days=100))
    await ship.workspace.person("carol").click(asks, "promote")
    await ship.settled()
    assert "the chaos test expired" in ship.told("carol")[-1]
    assert await level_now(ship) == "L1"
    await ship.workspace.person("carol").click(asks, "not_yet")
    await ship.settled()
    await pass_gates(ship, *IN_ORDER)
    assert (await candidacy(ship)).state is CandidacyState.DECLINED
