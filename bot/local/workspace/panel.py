"""A panel at the side of the page that belongs to whoever runs the workspace, not to the app.

The demo shows its little service there, with a button to break it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from bot.local.workspace.team import Json

Tone = Literal["good", "warn", "bad", "neutral"]


@dataclass(frozen=True, slots=True)
class PanelLine:
    """One fact, plain text."""

    label: str
    value: str
    tone: Tone = "neutral"


@dataclass(frozen=True, slots=True)
class PanelButton:
    """A button; `press` runs when somebody presses it, `tone` says how it is shown."""

    id: str
    label: str
    press: Callable[[], Awaitable[None]]
    tone: Literal["neutral", "primary", "danger"] = "neutral"


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel shows now. Assign a new one to `workspace.panel` to change it."""

    title: str
    lines: tuple[PanelLine, ...] = field(default=())
    buttons: tuple[PanelButton, ...] = field(default=())

    def as_json(self) -> Json:
        """The panel for the page."""
        return {
            "title": self.title,
            "lines": [{"label": line.label, "value": line.value, "tone": line.tone} for line in self.lines],
            "buttons": [{"id": each.id, "label": each.label, "tone": each.tone} for each in self.buttons],
        }
