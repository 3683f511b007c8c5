"""A runbook that stands for a higher level, on a ship: its policy, and what its gates would have stored."""

import copy
from datetime import datetime, timedelta
from typing import Any

from bot.local.workspace import Message
from bot.policy.file.document import Policy
from bot.policy.rules.seal import digest_of_seal, seal_of
from bot.policy.situation import Gate, GatePass
from bot.response.interventions.candidacies import IN_ORDER, who_may_decide
from bot.response.model.candidacies import Candidacy, CandidacyEvent, CandidacyKind, CandidacyState, Findings, GateSeen
from bot.response.notices.candidacy_card import show, standing_of
from bot.response.ports.context import utc_now
from tests.handlers.policy import POLICY
from tests.handlers.ship import RUNBOOK, Ship

TWIN = "checkout-staging"


def rising(**runbook: Any) -> Policy:
    """Alice has written the runbook, carol may sign it off; ``runbook``: changes of its entry."""
    document = POLICY.model_dump(by_alias=True, exclude_unset=True)
    document["gates"] = {"sign_off": ["leads", "sre-oncall"]}
    document["people"]["leads"]["users"] = ["U03CAROL"]
    document["promotion"] = {"cases": 5, "lower_bound": 0.5}
    document["backends"]["supervisor"]["staging"] = ["*-staging"]
    document["runbooks"][RUNBOOK] |= {
        "level": "L3",
        "authors": ["U01ALICE", "U02BOB"],
        "staging": {
            "with": {"service": TWIN},
            "alert": {"service": TWIN},
            "inject": "kill",
            "verify": {"within": "1m", "http": "http://127.0.0.1:9/healthz"},
        },
    } | runbook
    return Policy.model_validate(document)


async def pass_gates(ship: Ship, *gates: Gate, by: str = "U03CAROL", at: datetime | None = None) -> str:
    """Rows as runs and people write them, with everything as it is now; the digest of the seal."""
    seal, now = seal_of(ship.policy, RUNBOOK, version_of_restart(ship)), at or utc_now()
    digest = digest_of_seal(seal)
    async with ship.database.begin() as work:
        for gate in gates:
            passed = GatePass(
                gate=gate,
                digest=ship.policy.runbooks[RUNBOOK].digest,
                passed_at=now,
                until=now + timedelta(days=30),
                seal=digest,
                by=by if gate is Gate.HUMAN_SIGN_OFF else "",
            )
            await work.licences.pass_gate(RUNBOOK, passed, seal)
    return digest


async def waits_for_sign_off(ship: Ship) -> Message:
    """The gates have passed, as far as rows can tell, and the card asks for the sign-off."""
    digest = await pass_gates(ship, *IN_ORDER[:-1])
    roster = await ship.context.roster()
    gates = tuple(
        GateSeen(
            gate=gate, passed=None if gate is Gate.HUMAN_SIGN_OFF else True, begun=True, text=f"saw {gate.in_words}"
        )
        for gate in IN_ORDER
    )
    findings = Findings(gates=gates, seal=digest, signers=who_may_decide(ship.policy, roster, RUNBOOK))
    async with ship.database.begin() as work:
        now = utc_now()
        begun = await work.candidacies.begin(
            "candidacy of checkout", RUNBOOK, CandidacyKind.GATES, by="U01ALICE", findings=findings, now=now
        )
        assert begun is not None
        moved = await work.candidacies.move(begun.id, CandidacyEvent.SHOWN, findings=findings, now=now)
        assert moved is not None
        await show(work, ship.context, moved)
    return await card(ship, "sign_off")


async def card(ship: Ship, *words: str) -> Message:
    """The newest card in the incidents channel, once it holds all of ``words``, as it is then."""

    def found() -> Message | None:
        roots = [one for one in ship.workspace.messages("C01INC") if one.thread_ts in (None, one.ts)]
        return roots[-1] if roots and all(word in said(roots[-1]) for word in words) else None

    message = await ship.workspace.until(found)
    assert message is not None
    return copy.deepcopy(message)


async def thread(ship: Ship, *words: str) -> str:
    """What the newest card's thread says, once it holds all of ``words``."""
    root = await card(ship)

    def told() -> str:
        text = " ".join(said(one) for one in ship.workspace.thread("C01INC", root.ts))
        return text if all(word in text for word in words) else ""

    return await ship.workspace.until(told)


def said(message: Message) -> str:
    """All text of a message, wherever in its blocks it stands."""
    return f"{message.text} {message.blocks}"


async def candidacy(ship: Ship, *states: CandidacyState) -> Candidacy:
    """The newest of the runbook, which is in one of these states, or in any."""
    async with ship.database.read() as work:
        found = await work.candidacies.of(RUNBOOK, *(states or CandidacyState))
    return found[-1]


async def level_now(ship: Ship) -> str:
    """In force, as everybody is shown it."""
    async with ship.database.read() as work:
        return str((await standing_of(work, ship.context, RUNBOOK)).level)


def version_of_restart(ship: Ship) -> int:
    return ship.context.catalogue["restart_service"].version
