"""The dialogs people meet: why, override, pause. Built and read back here, so their ids stand in one place.

``callback_id`` is the word of the button that opens it; ``private_metadata`` is the button's value and nothing more.
Must not know: who may do it, and what happens when they do.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slack_sdk.models.blocks import Block, Option

from bot.policy.decision import Decision
from bot.policy.file.fields import duration_text
from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.explanations import Choice, Explanation
from bot.response.interventions.take_override import BY_HAND, NOTHING
from bot.response.model.notices import Button
from bot.slack import explaining, layout
from bot.slack.limits import OPTION_TEXT, OPTION_VALUE, RADIO_OPTIONS, VIEW_BLOCKS
from bot.slack.text import Mrkdwn, code, concat, dotted, lines, plain, pre, words

View = dict[str, Any]
Values = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Slack's ``view.state.values``: block_id, action_id, state."""

CHOICE, REASON, SCOPE, DURATION = "choice", "reason", "scope", "duration"
"""Each is both the block_id and the action_id of one input."""
REASON_MAX_CHARACTERS = 1000
EVIDENCE_SHOWN = 15
VOTES_SHOWN = 20
AUDIT_SHOWN = 15
DURATIONS = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 240, 480, 1440))
DEFAULT_DURATION = timedelta(hours=1)
UNTIL_RESUMED = "until_resumed"
EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)


@dataclass(frozen=True, slots=True)
class OverrideForm:
    """What a person filled in; ``choice`` is a runbook's name or one of the two words of ``interventions``."""

    choice: str
    reason: str


@dataclass(frozen=True, slots=True)
class PauseForm:
    """What a person filled in; ``lasting`` None means until somebody resumes."""

    scope: Scope
    lasting: timedelta | None
    reason: str


# -- why -----------------------------------------------------------------------------------------------------------


def why_modal(explanation: Explanation, value: str, known_people: Collection[str] = ()) -> View:
    """Every rule with its inputs and result, the evidence, the plan, the votes and the record."""
    decision, plan = explanation.stored.decision, explanation.stored.planned.plan
    known = {*known_people, *(vote.person for vote in explanation.votes)}
    blocks: list[Block] = [layout.section(explaining.verdict(decision, known))]
    if in_shadow := explaining.shadow(explanation):
        blocks.append(layout.context(in_shadow))
    blocks += _chapter("How sure we are", explaining.parts(decision))
    blocks += _chapter("Rules", [explaining.rule(decision, reason, known) for reason in explaining.in_order(decision)])
    blocks += _chapter("Evidence", [explaining.finding(one) for one in decision.evidence[:EVIDENCE_SHOWN]])
    if explanation.claim is not None:
        blocks += _chapter("Judged again when it began", _claim(decision, explanation.claim.decision, known))
    if plan is not None:
        steps = "\n".join((plan.summary, *plan.steps))
        blocks += _chapter("Plan", [pre(steps, 2000)])
    blocks += _chapter("Answers", [explaining.vote(vote) for vote in explanation.votes[:VOTES_SHOWN]])
    record = [explaining.audit_line(entry) for entry in explanation.audit[-AUDIT_SHOWN:]]
    blocks += _chapter("Record", [lines(record)] if record else [])
    blocks.append(layout.context(_seals(explanation)))
    return layout.modal(
        Button.WHY,
        plain(f"Why? {explanation.incident.name}", 24),
        blocks[:VIEW_BLOCKS],
        private_metadata=value,
        close=plain("Close", 24),
    )


def _chapter(title: str, texts: Sequence[Mrkdwn]) -> Iterator[Block]:
    if texts:
        yield layout.header(plain(title, 150))
        yield from map(layout.section, texts)


def _claim(first: Decision, again: Decision, known: Collection[str]) -> Sequence[Mrkdwn]:
    """The judgement that let it act: every rule and every piece of evidence that said something else by then."""
    before = {reason.rule: (reason.result, reason.text) for reason in first.reasons}
    others = [one for one in explaining.in_order(again) if before.get(one.rule) != (one.result, one.text)]
    shown = {(piece.query, piece.finding, piece.detail) for piece in first.evidence}
    evidence = [one for one in again.evidence if (one.query, one.finding, one.detail) not in shown]
    same = len(again.reasons) - len(others)
    return [
        explaining.verdict(again, known),
        *(explaining.rule(again, one, known) for one in others),
        *(explaining.finding(one) for one in evidence[:EVIDENCE_SHOWN]),
        words(f"{same} of {len(again.reasons)} rules said what they had said at first."),
    ]


def _seals(explanation: Explanation) -> Mrkdwn:
    stored, claim = explanation.stored, explanation.claim
    digests = [concat(words("policy "), code(stored.policy_digest[:12]))]
    if stored.decision.plan_digest:
        digests.append(concat(words("plan "), code(stored.decision.plan_digest[:12])))
    entries = [words(f"audit entry {stored.audit_entry}"), words(f"question {stored.revision}")]
    if claim is not None:
        entries.append(
            words(f"begun under policy {claim.decision.policy_digest[:12]}, audit entry {claim.audit_entry}")
        )
    return dotted([*digests, *entries])


# -- override ------------------------------------------------------------------------------------------------------


def override_modal(incident: str, choices: Sequence[Choice], value: str) -> View:
    """Another runbook, nothing, or by hand. Runbooks that do not fit are reached with ``/watch run``."""
    offered = [choice for choice in choices if len(choice.runbook) <= OPTION_VALUE]
    shown = offered[: RADIO_OPTIONS - 2]
    options = [
        *map(_choice, shown),
        layout.option(
            BY_HAND,
            plain("I'll do it by hand", OPTION_TEXT),
            plain("Watchkeeper does nothing by itself here", OPTION_TEXT),
        ),
        layout.option(
            NOTHING, plain("Do nothing", OPTION_TEXT), plain("The question is closed; the alerts stay", OPTION_TEXT)
        ),
    ]
    blocks: list[Block] = [
        layout.radio_input(CHOICE, CHOICE, plain("What shall happen instead?", 100), options),
        _reason("Goes into the record and the incident's thread."),
    ]
    if len(shown) < len(choices):
        blocks.insert(1, layout.context(words("More runbooks fit; start one with /watch run.")))
    return layout.modal(
        Button.OVERRIDE,
        plain(f"Override {incident}", 24),
        blocks,
        private_metadata=value,
        submit=plain("Override", 24),
        close=plain("Cancel", 24),
    )


def _choice(choice: Choice) -> Option:
    name = f"{choice.runbook} (proposed)" if choice.proposed else choice.runbook
    return layout.option(choice.runbook, plain(name, OPTION_TEXT), plain(choice.summary, OPTION_TEXT))


def read_override(values: Values) -> OverrideForm:
    """What was filled in; missing parts are empty."""
    return OverrideForm(selected(values, CHOICE), typed(values, REASON))


def override_faults(form: OverrideForm) -> dict[str, str]:
    """What is wrong with it, by ``block_id``, in words for the person."""
    return _no_reason(form.reason) | ({} if form.choice else {CHOICE: "Please choose one."})


# -- why it was stopped --------------------------------------------------------------------------------------------


def say_why_modal(incident: str, value: str) -> View:
    """Why something was stopped, in one's own words."""
    return layout.modal(
        Button.SAY_WHY,
        plain(f"Stopped: {incident}", 24),
        [_reason("Goes into the record and the incident's thread.")],
        private_metadata=value,
        submit=plain("Say it", 24),
        close=plain("Cancel", 24),
    )


def reason_faults(values: Values) -> dict[str, str]:
    """What is wrong with the reason, by ``block_id``, in words for the person."""
    return _no_reason(typed(values, REASON))


# -- pause ---------------------------------------------------------------------------------------------------------


def pause_modal(scopes: Sequence[Scope], value: str = "") -> View:
    """Pause automation. ``scopes``: what suits the incident, the likeliest first; everything is always offered."""
    offered = {scope_value(scope): scope for scope in (*scopes, EVERYTHING)}
    options = [
        layout.option(key, plain(_scope_words(scope), OPTION_TEXT))
        for key, scope in offered.items()
        if len(key) <= OPTION_VALUE
    ]
    lengths = [layout.option(duration_text(one), plain(f"for {_long(one)}", OPTION_TEXT)) for one in DURATIONS]
    lengths.append(layout.option(UNTIL_RESUMED, plain("until somebody resumes it", OPTION_TEXT)))
    return layout.modal(
        Button.PAUSE,
        plain("Pause automation", 24),
        [
            layout.section(words("Nothing starts by itself where it is paused. Alerts still come in; people may act.")),
            layout.select_input(SCOPE, SCOPE, plain("What shall pause?", 100), options, options[0]),
            layout.select_input(
                DURATION, DURATION, plain("For how long?", 100), lengths, lengths[DURATIONS.index(DEFAULT_DURATION)]
            ),
            _reason("Shown to everybody who meets the pause."),
        ],
        private_metadata=value,
        submit=plain("Pause", 24),
        close=plain("Cancel", 24),
    )


def read_pause(values: Values) -> PauseForm | None:
    """What was filled in; None when it is not one of the things the dialog offers."""
    scope, lasting = read_scope(selected(values, SCOPE)), selected(values, DURATION)
    lengths: dict[str, timedelta | None] = {duration_text(one): one for one in DURATIONS}
    lengths[UNTIL_RESUMED] = None
    if scope is None or lasting not in lengths:
        return None
    return PauseForm(scope, lengths[lasting], typed(values, REASON))


def pause_faults(form: PauseForm | None) -> dict[str, str]:
    """What is wrong with it, by ``block_id``, in words for the person."""
    return {SCOPE: "Please choose what shall pause, and for how long."} if form is None else _no_reason(form.reason)


def scope_value(scope: Scope) -> str:
    """A scope as buttons and menus carry it."""
    return f"{scope.kind.value}:{scope.name}"


def read_scope(value: str) -> Scope | None:
    """The scope that a button or a menu carried; None when it is none of ours."""
    kind, found, name = value.partition(":")
    if not found or kind not in {one.value for one in ScopeKind} or (kind == ScopeKind.EVERYTHING) != (name == ""):
        return None
    return Scope(kind=ScopeKind(kind), name=name)


def _scope_words(scope: Scope) -> str:
    return "Everything, everywhere" if scope.kind is ScopeKind.EVERYTHING else f"{scope.kind.capitalize()} {scope.name}"


def _long(duration: timedelta) -> str:
    minutes = int(duration.total_seconds() // 60)
    number, unit = (minutes, "minute") if minutes < 60 else (minutes // 60, "hour")
    return f"{number} {unit}{'' if number == 1 else 's'}"


# -- inside --------------------------------------------------------------------------------------------------------


def _reason(hint: str) -> Block:
    return layout.text_input(REASON, REASON, plain("Why?", 100), plain(hint, 200), max_length=REASON_MAX_CHARACTERS)


def _no_reason(reason: str) -> dict[str, str]:
    return {} if reason else {REASON: "Please say why: the reason is part of the record."}


def selected(values: Values, name: str) -> str:
    """The value of the option that was chosen; empty when none was."""
    option = values.get(name, {}).get(name, {}).get("selected_option") or {}
    value = option.get("value")
    return value if isinstance(value, str) else ""


def typed(values: Values, name: str) -> str:
    """The text that was typed, as long as we take it; empty when none was."""
    text = values.get(name, {}).get(name, {}).get("value")
    return text.strip()[:REASON_MAX_CHARACTERS] if isinstance(text, str) else ""
