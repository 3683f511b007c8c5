"""What a person did, and what they are told in return."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.response.model.actions import Action
from bot.response.model.incidents import Incident
from bot.response.notices.card import current_action
from bot.response.ports.work import Work


@dataclass(frozen=True, slots=True)
class Press:
    """A person pressed a button, or said the same in words.

    ``subject`` is what the button carried: an action's id or an incident's handle.
    """

    person: str
    subject: str
    revision: int

    def on(self, incident_id: int) -> "Tried":
        """The press as an attempt on this incident, which may be refused."""
        return Tried(self.person, {"subject": self.subject, "revision": self.revision}, incident_id)


@dataclass(frozen=True, slots=True)
class Tried:
    """Who tried something, and on what; ``on`` is what the audit entry of a refusal says of that."""

    person: str
    on: Mapping[str, str | int]
    incident_id: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """``accepted``: it took effect (or had already, by the same person); ``text``: said to that person alone."""

    accepted: bool
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a button points at."""

    incident: Incident
    action: Action | None
    current: bool
    """Whether the pressed card is still the present question."""


UNKNOWN_SUBJECT = Answer(
    False, "I do not know this button any more. Please use the newest card in the incident's thread."
)


async def find(work: Work, subject: str, revision: int) -> Found | None:
    """Resolve a button's subject; None when it names nothing that we know."""
    action = await work.actions.get(subject)
    if action is not None:
        incident = await work.incidents.get(action.incident_id)
    else:
        incident = await work.incidents.by_handle(subject)
        action = await current_action(work, incident) if incident else None
    if incident is None:
        return None
    return Found(incident, action, current=incident.revision == revision)


async def present(work: Work, found: Found) -> Action | None:
    """What stopping, taking over and pausing are about: the incident's present action, whatever card was pressed."""
    return await current_action(work, found.incident) or found.action


async def last_act(work: Work, incident: Incident) -> Action | None:
    """What a rollback of the whole incident is about: its newest action that began, whatever is asked by now."""
    begun = [action for action in await work.actions.of_incident(incident.id) if action.begun_at is not None]
    return begun[-1] if begun else await current_action(work, incident)


def stale(found: Found) -> Answer:
    """The refusal for a click on a card that is no longer the question."""
    return Answer(
        False,
        f"This card is out of date: {found.incident.name} has a newer question. Nothing was done. "
        "Please look at the card again and answer that one.",
    )
