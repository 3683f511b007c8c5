"""Cards of a runbook that stands for a higher level, one of every kind that people can get."""

from datetime import timedelta

from bot.policy.levels import Level
from bot.policy.situation import Gate
from bot.response.interventions.candidacies import IN_ORDER
from bot.response.model.candidacies import CandidacyKind, CandidacyState, Findings, GateSeen
from bot.response.model.notices import Button, CandidacyNotice
from tests.slack.notices import ALICE, CAROL, OPENED

SEEN = {
    Gate.STAGING_DRY_RUN: "Nothing was changed, by the remediation's own snapshot and by all 4 on staging that its "
    "backend shows.",
    Gate.FAILURE_SIMULATION: "The monitor fired ServiceDown after 4.2 s; repaired and verified in 2.1 s. With a "
    "licence it would have announced this, and done it unless somebody had stopped it: every condition holds.",
    Gate.CHAOS_TEST: "Disturbed in 10 ways: 6 healthy, 4 interrupted; people were told of every end.",
    Gate.ROLLBACK_VERIFICATION: "There is nothing to undo; carried out 2 more times where nothing was broken, and it "
    "was harmless.",
}
PASSED = tuple(
    GateSeen(gate=gate, passed=True if gate in SEEN else None, begun=gate in SEEN, text=SEEN.get(gate, ""))
    for gate in IN_ORDER
)
WAITS = CandidacyNotice(
    incident="Gates of restart-checkout",
    runbook="restart-checkout",
    summary="Restart checkout when it stopped answering",
    of=CandidacyKind.GATES,
    state=CandidacyState.WAITING,
    level=Level.L1,
    written=Level.L3,
    findings=Findings(
        gates=PASSED,
        cases="21 of 22 cases went well (2 on staging), so with 95 % certainty more than 78 % do: "
        "80 % must be certain.",
        signers=(CAROL,),
    ),
    by=ALICE,
    began=OPENED,
    buttons=(Button.SIGN_OFF, Button.NOT_YET),
    subject="opaque",
    revision=2,
)
RISINGS: dict[str, CandidacyNotice] = {
    "candidacy_running": WAITS.model_copy(
        update={
            "state": CandidacyState.RUNNING,
            "buttons": (),
            "findings": Findings(
                gates=(
                    *PASSED[:2],
                    GateSeen(
                        gate=Gate.CHAOS_TEST,
                        begun=True,
                        text="3 runs so far; “restart” of the backend is done and its answer lost",
                    ),
                    *(GateSeen(gate=gate) for gate in IN_ORDER[3:]),
                )
            ),
        }
    ),
    "candidacy_waits_for_sign_off": WAITS,
    "candidacy_signed_off": WAITS.model_copy(
        update={
            "state": CandidacyState.SIGNED_OFF,
            "level": Level.L3,
            "decided_by": CAROL,
            "ended": OPENED + timedelta(minutes=9),
            "buttons": (),
            "findings": Findings(
                gates=(
                    *PASSED[:4],
                    GateSeen(gate=Gate.HUMAN_SIGN_OFF, passed=True, text="given by a person who has not written it"),
                )
            ),
        }
    ),
    "candidacy_failed": WAITS.model_copy(
        update={
            "state": CandidacyState.FAILED,
            "ended": OPENED + timedelta(minutes=3),
            "buttons": (),
            "findings": Findings(
                gates=(
                    PASSED[0],
                    GateSeen(
                        gate=Gate.FAILURE_SIMULATION,
                        passed=False,
                        begun=True,
                        text="It was not verified: checkout-staging does not answer.",
                    ),
                    *(
                        GateSeen(gate=gate, passed=False, text="Not run, as the failure simulation has not passed.")
                        for gate in IN_ORDER[2:4]
                    ),
                    GateSeen(gate=Gate.HUMAN_SIGN_OFF),
                ),
                text="failure simulation: It was not verified: checkout-staging does not answer.",
            ),
        }
    ),
    "candidacy_broken_off": WAITS.model_copy(
        update={
            "state": CandidacyState.BROKEN_OFF,
            "ended": OPENED + timedelta(minutes=3),
            "buttons": (),
            "findings": Findings(
                gates=(*PASSED[:2], *(GateSeen(gate=gate) for gate in IN_ORDER[2:])),
                text="Watchkeeper was stopped in the middle. Staging is mended.",
            ),
        }
    ),
    "candidacy_declined": WAITS.model_copy(
        update={
            "state": CandidacyState.DECLINED,
            "decided_by": CAROL,
            "ended": OPENED + timedelta(minutes=9),
            "buttons": (),
        }
    ),
    "candidacy_superseded": WAITS.model_copy(
        update={"state": CandidacyState.SUPERSEDED, "ended": OPENED + timedelta(minutes=9), "buttons": ()}
    ),
    "candidacy_proposed": WAITS.model_copy(
        update={
            "of": CandidacyKind.RECORD,
            "by": None,
            "buttons": (Button.PROMOTE, Button.NOT_YET),
            "findings": Findings(
                cases="24 of 25 cases went well (6 on staging), so with 95 % certainty more than 80 % do.",
                lifts=("it did harm in INC-3",),
                signers=(CAROL,),
            ),
        }
    ),
}
RISINGS["candidacy_promoted"] = RISINGS["candidacy_proposed"].model_copy(
    update={
        "state": CandidacyState.PROMOTED,
        "level": Level.L3,
        "decided_by": CAROL,
        "ended": OPENED + timedelta(minutes=9),
        "buttons": (),
    }
)
