"""The record of an incident as a table: each entry in words, with who did it and its number.

Pure. An entry of a newer release, which this one has no words for, keeps its kind.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bot.reports.markdown import code, escape, table
from bot.response.model.audit_kinds import AuditKind as Kind
from bot.response.model.records import AuditEntry

Body = Mapping[str, Any]
Naming = Callable[[str], str]
"""An actor's id -> how the document calls them."""
TEXT_SHOWN = 300


def timeline(entries: Sequence[AuditEntry], name: Naming) -> str:
    """Every entry, oldest first."""
    rows = [(f"{one.at:%Y-%m-%d %H:%M:%S}", told(one, name), name(one.actor), str(one.number)) for one in entries]
    return table(("Time (UTC)", "What happened", "Who", "Audit"), rows)


def told(entry: AuditEntry, name: Naming) -> str:
    """One entry in words."""
    said = _WORDS.get(entry.kind)
    return code(entry.kind) if said is None else said(entry.body, name)


def _text(body: Body, key: str = "text") -> str:
    value = body.get(key)
    return escape(str(value), TEXT_SHOWN) if value not in (None, "", [], ()) else ""


def _said(title: str, key: str = "text") -> Callable[[Body, Naming], str]:
    """A title, and what the body says under ``key``."""

    def words(body: Body, _name: Naming) -> str:
        return f"{title}: {said}" if (said := _text(body, key)) else title

    return words


def _people(value: object, name: Naming) -> str:
    names = [name(str(one)) for one in value] if isinstance(value, list | tuple) else []
    return ", ".join(names) or "nobody"


def _names(value: object) -> str:
    return ", ".join(code(str(one)) for one in value) if isinstance(value, list | tuple) else ""


def _received(body: Body, _name: Naming) -> str:
    return f"Alerts received: {_text(body, 'firing') or 0} firing, {_text(body, 'resolved') or 0} resolved"


def _decided(body: Body, _name: Naming) -> str:
    runbook = f" on {code(str(body['runbook']))}" if body.get("runbook") else ""
    return f"Decided{runbook}: {_text(body, 'verdict')} at {_text(body, 'level')}. {_text(body, 'headline')}"


def _overridden(body: Body, _name: Naming) -> str:
    choice = {"nothing": "nothing runs", "by_hand": "handled by hand"}.get(str(body.get("choice")))
    return f"Overridden, {choice or code(str(body.get('choice')))}: {_text(body, 'reason')}"


def _reminded(body: Body, name: Naming) -> str:
    return f"Reminded: {_people(body.get('people'), name)}"


def _handed_over(body: Body, name: Naming) -> str:
    return f"Asked as well: {_names(body.get('now'))}; called: {_people(body.get('called'), name)}"


def _called(body: Body, name: Naming) -> str:
    return (
        f"A person must look. Called: {_people(body.get('called'), name)} of {_names(body.get('groups')) or 'nobody'}"
    )


def _called_as_well(body: Body, name: Naming) -> str:
    return f"Called as well: {_names(body.get('now'))}: {_people(body.get('called'), name)}"


def _approved(body: Body, _name: Naming) -> str:
    read = "after reading the evidence" if body.get("opened_evidence") else "without opening the evidence"
    return f"Approved, {read}"


def _step(verb: str) -> Callable[[Body, Naming], str]:
    def words(body: Body, _name: Naming) -> str:
        what = "Rollback step" if body.get("of") == "roll_back" else "Step"
        problem = f". It failed: {said}" if (said := _text(body, "problem")) else ""
        return f"{what} {_text(body, 'number')} {verb}: {_text(body, 'words')}{problem}"

    return words


def _reviewed(body: Body, _name: Naming) -> str:
    return f"Reviewed as {_text(body, 'judgement')}: {_text(body)}"


def _review_handed_over(body: Body, name: Naming) -> str:
    return f"Review handed over to {name(str(body.get('to')))}"


def _review_reminded(body: Body, name: Naming) -> str:
    return f"Reminded of the review: {name(str(body.get('person')))}"


def _refused(body: Body, _name: Naming) -> str:
    return f"Tried to {_text(body, 'deed')}, and was refused: {_text(body, 'reason')}"


_WORDS: Mapping[str, Callable[[Body, Naming], str]] = {
    Kind.ALERT_RECEIVED: _received,
    Kind.ALERT_QUARANTINED: _said("Alerts that cannot be read", "count"),
    Kind.INCIDENT_OPENED: _said("Incident opened", "alert_name"),
    Kind.INCIDENT_MUTED: _said("Muted", "reason"),
    Kind.INCIDENT_TAKEN: _said("Taken over", ""),
    Kind.INCIDENT_CALLED: _called,
    Kind.INCIDENT_REMINDED: _reminded,
    Kind.INCIDENT_HANDED_OVER: _called_as_well,
    Kind.INCIDENT_STILL_FIRING: _said("Told that it goes on firing; alerts", "alerts"),
    Kind.INCIDENT_RESOLVED: _said("Resolved; alerts in all", "alerts"),
    Kind.INCIDENT_HEALED: _said("Healed by itself before anybody was told; alerts in all", "alerts"),
    Kind.RUNBOOK_REQUESTED: _said("Asked for a runbook", "runbook"),
    Kind.RUNBOOK_REHEARSAL_ASKED: _said("Asked for a rehearsal", "runbook"),
    Kind.DECISION_MADE: _decided,
    Kind.QUESTION_ASKED_ALONE: _said("Given a card of its own", ""),
    Kind.ACTION_ANNOUNCED: _said("Announced; the veto window is open until", "acts_at"),
    Kind.ACTION_RELEASED: _said("The veto window is over, and nobody has objected", ""),
    Kind.ACTION_VOTE: _approved,
    Kind.ACTION_VOTE_WITHDRAWN: _said("Withdrew the approval", ""),
    Kind.ACTION_BY_HAND: _said("Acts by hand although automation is paused", "reason"),
    Kind.ACTION_REMINDED: _reminded,
    Kind.ACTION_HANDED_OVER: _handed_over,
    Kind.ACTION_STOPPED: _said("Stopped before anything was changed", ""),
    Kind.ACTION_STOP_EXPLAINED: _said("Said why it was stopped", "reason"),
    Kind.ACTION_OVERRIDDEN: _overridden,
    Kind.ACTION_EXPIRED: _said("Not approved in time"),
    Kind.ACTION_LAPSED: _said("Approved but not started in time"),
    Kind.ACTION_SUPERSEDED: _said("Not run"),
    Kind.ACTION_CLAIMED: _said("Checked again, targets locked", "headline"),
    Kind.ACTION_STEP_BEGUN: _step("began"),
    Kind.ACTION_STEP_ENDED: _step("ended"),
    Kind.ACTION_HALT_ASKED: _said("Asked to stop: no further step begins", ""),
    Kind.ACTION_RETURNED: _said("Nothing was changed yet"),
    Kind.ACTION_EXECUTED: _said("Carried out", "summary"),
    Kind.ACTION_UNHEALTHY: _said("Verification: it did not help", "health"),
    Kind.ACTION_SUCCEEDED: _said("Done and verified"),
    Kind.ACTION_FAILED: _said("A person must look"),
    Kind.ACTION_ROLL_BACK_ASKED: _said("Asked for the rollback", "reason"),
    Kind.ACTION_ROLLED_BACK: _said("Rolled back"),
    Kind.ACTION_WORE_OFF: _said("Its effect has ended by itself"),
    Kind.ACTION_STAYED_ON: _said("Its effect was to end by itself"),
    Kind.ACTION_REVIEWED: _reviewed,
    Kind.ACTION_REVIEW_HANDED_OVER: _review_handed_over,
    Kind.ACTION_REVIEW_REMINDED: _review_reminded,
    Kind.FLOW_FAILED: _said("Watchkeeper itself failed", "error"),
    Kind.AUTOMATION_PAUSED: _said("Automation paused", "reason"),
    Kind.AUTOMATION_RESUMED: _said("Automation resumed", "scope"),
    Kind.LICENCE_DEMOTED: _said("The runbook may do less", "reason"),
    Kind.LICENCE_RESTORED: _said("The review is done, so its delay takes nothing any more", ""),
    Kind.CHANGE_REPORTED: _said("Others report a change", "what"),
    Kind.CHANGE_ENDED: _said("The change of others is over", "what"),
    Kind.GATES_BEGUN: _said("Gates are run on staging", "runbook"),
    Kind.GATES_ALERT_RECEIVED: _said("Alerts about staging, for the run of the gates alone", "runbook"),
    Kind.GATES_PASSED: _said("The gates have passed", "runbook"),
    Kind.GATES_FAILED: _said("A gate has not passed", "reason"),
    Kind.GATES_BROKEN_OFF: _said("The run of the gates was broken off", "reason"),
    Kind.LICENCE_SIGNED_OFF: _said("Signed off", "runbook"),
    Kind.LICENCE_PROPOSED: _said("Lifting the demotions is proposed", "runbook"),
    Kind.LICENCE_PROMOTED: _said("Demotions lifted", "runbook"),
    Kind.LICENCE_DECLINED: _said("Left at the level it has", "runbook"),
    Kind.PERSON_REFUSED: _refused,
    Kind.NOTICE_TOLD_ELSEWHERE: _said("Told by the second channel", "title"),
    Kind.CHANNEL_OPENED: _said("Moved into a channel of its own", "name"),
    Kind.CHANNEL_REFUSED: _said("No channel of its own could be opened", "error"),
    Kind.CHANNEL_LOST: _said("Its channel is gone", "error"),
    Kind.CHANNEL_ARCHIVED: _said("Its channel was archived", ""),
}
