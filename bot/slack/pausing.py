"""A pause of a name that nobody knows: what is near, and one click that pauses it, or that, anyway.

Built and read back here. Must not know: who may pause.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.policy.file.fields import duration_text
from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.known_names import Doubt
from bot.response.model.notices import Button
from bot.slack import layout
from bot.slack.layout import Message
from bot.slack.limits import BUTTON_TEXT, BUTTON_VALUE
from bot.slack.text import concat, escape, plain, spaced, units, words

TEXT_MAX_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class OfferedPause:
    """What one click pauses; ``lasting`` None until somebody resumes."""

    scope: Scope
    lasting: timedelta | None
    reason: str


def doubted(doubt: Doubt, lasting: timedelta | None, reason: str, typed: str = "") -> Message:
    """Nothing was paused: why, and what one click pauses. ``typed``: the name, which is part of a reason for all."""
    said = spaced(words("🤔"), escape(doubt.text, TEXT_MAX_CHARACTERS))
    time = "until somebody resumes it" if lasting is None else f"for {duration_text(lasting)}"
    rows = [
        layout.actions(
            [
                layout.button(
                    Button.PAUSE_ANYWAY,
                    plain(_label(doubt, scope), BUTTON_TEXT),
                    _value(scope, lasting, f"{typed} {reason}".strip() if not scope.name else reason),
                    style="danger" if scope == doubt.offers[0] else None,
                )
            ]
        )
        for scope in doubt.offers
    ]
    hint = layout.context(concat(words("One click pauses it "), words(time), words(".")))
    return Message(said, layout.built([layout.section(said), *rows, hint]))


def read_offer(value: str) -> OfferedPause | None:
    """What the pressed button offered; None when the value is not one of ours."""
    try:
        read: Any = json.loads(value)
        scope = Scope(kind=ScopeKind(read["kind"]), name=read["name"])
        lasting = None if read["for"] is None else timedelta(seconds=read["for"])
        return OfferedPause(scope, lasting, str(read["why"]))
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _label(doubt: Doubt, scope: Scope) -> str:
    """What nobody knows is not repeated: it stands above."""
    return f"Pause {scope}" if scope not in doubt.unknown else f"Pause it anyway, as a {scope.kind.value}"


def _value(scope: Scope, lasting: timedelta | None, reason: str) -> str:
    """As long as Slack takes it: a reason that is too long is shortened, as a pause never fails for saying too much."""
    while True:
        seconds = None if lasting is None else lasting.total_seconds()
        offer = {"kind": scope.kind.value, "name": scope.name, "for": seconds, "why": reason}
        value = json.dumps(offer, ensure_ascii=False).replace("<", "\\u003c")  # what people type is never markup
        if units(value) <= BUTTON_VALUE or not reason:
            return value
        reason = reason[: len(reason) // 2]
