"""Signed links from messages of the second channel: a page that says what one would do, and a button that does it.

Opening one changes nothing, because mail scanners open every link. The link itself is the authority, for its one
intervention and once: whoever was written to may stop and pause, as everybody whom the policy names. It never approves.
"""

import logging
from dataclasses import dataclass, replace

from aiohttp import web

from bot.policy.situation import Scope, ScopeKind
from bot.response.assessment.votes import Roster
from bot.response.interventions import approvals
from bot.response.interventions import pauses as controls
from bot.response.interventions.clicks import Answer, Press
from bot.response.model.actions import ACTION_LIFECYCLE, IN_STEPS, ActionEvent, ActionState
from bot.response.model.incidents import Incident
from bot.response.model.state_words import state_words
from bot.response.notices.card import current_action
from bot.response.notices.progress import progress_of
from bot.response.ports.context import Context
from bot.second_channel.links import PATH, LinkError, LinkIntervention, Links, Offer
from handlers.web.link_page import page
from storage.database import Database
from storage.unit_of_work import UnitOfWork

EVERYTHING = Scope(kind=ScopeKind.EVERYTHING)
NOTHING_DONE = "Nothing was done."
WHAT_STOPS = (
    "If you stop it, no further step begins. What is done until then stays done: nothing is rolled back by itself, "
    "and a person is called to decide."
)
_DONE = {LinkIntervention.STOP: "Stopped", LinkIntervention.PAUSE: "Paused"}
NOT_OURS, GONE, TOO_LATE = 404, 410, 409

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Preview:
    """What pressing the button would do."""

    title: str
    said: tuple[str, ...]
    button: str
    """Empty when there is nothing to press."""


class LinkPages:
    """Answers ``/links/<token>``."""

    def __init__(self, context: Context, database: Database, links: Links) -> None:
        """``database``: the context's own, as the one that also knows which links were used."""
        self._context = context
        self._database = database
        self._links = links

    def add_to(self, app: web.Application) -> None:
        """Serve the pages in ``app``."""
        app.router.add_get(f"/{PATH}/{{token}}", self.show)
        app.router.add_post(f"/{PATH}/{{token}}", self.press)

    async def show(self, request: web.Request) -> web.Response:
        """What the link would do, with a button. Changes nothing."""
        offer = self._offer(request)
        if isinstance(offer, web.Response):
            return offer
        async with self._database.read() as work:
            if (used := await _used(work, offer)) is not None:
                return used
            preview = await _preview(work, offer)
        return page(
            preview.title,
            preview.said,
            button=preview.button,
            footnote=f"This link was sent to {offer.recipient}, and the record will say so. It works once."
            if preview.button
            else "",
            status=200 if preview.button else TOO_LATE,
        )

    async def press(self, request: web.Request) -> web.Response:
        """Do it, once: the intervention and the mark that the link is spent are one transaction."""
        offer = self._offer(request)
        if isinstance(offer, web.Response):
            return offer
        async with self._database.begin() as work:
            if (used := await _used(work, offer)) is not None:
                return used
            answer = await self._do(work, offer)
            if answer.accepted:
                await work.used_links.use(
                    offer.nonce,
                    incident_id=offer.incident_id,
                    deed=offer.intervention,  # as the column is called
                    recipient=offer.recipient,
                    now=self._context.now(),
                )
        log.info("a link to %s sent to %s was pressed: %s", offer.intervention, offer.recipient, answer.text)
        if not answer.accepted:
            return page("Nothing was done", [answer.text], status=TOO_LATE)
        return page(_DONE[offer.intervention], [f"INC-{offer.incident_id}: {answer.text}", "You can close this page."])

    def _offer(self, request: web.Request) -> Offer | web.Response:
        try:
            offer = self._links.read(request.match_info["token"])
        except LinkError:
            said = [
                "It may be cut off: open it from the message, or copy the whole of it.",
                "If the message came from somebody else, do not trust it.",
                NOTHING_DONE,
            ]
            return page("This is no link of Watchkeeper's", said, status=NOT_OURS)
        if offer.expires_at <= self._context.now():
            said = [
                f"It worked until {offer.expires_at:%Y-%m-%d %H:%M} UTC. {NOTHING_DONE}",
                "Automation can still be paused: in Slack with /watch pause, or on the machine: watchkeeper pause.",
            ]
            return page("This link has expired", said, status=GONE)
        return offer

    async def _do(self, work: UnitOfWork, offer: Offer) -> Answer:
        now = self._context.now()
        context, actor = replace(self._context, now=lambda: now), offer.actor
        roster: Roster = dict.fromkeys(context.policy().people, frozenset({actor}))
        match offer.intervention:
            case LinkIntervention.STOP:
                incident = await work.incidents.get(offer.incident_id)
                if incident is None or not (await _preview(work, offer)).button:
                    return Answer(False, f"There is nothing to stop any more. {NOTHING_DONE}")
                return await approvals.stop(work, context, roster, Press(actor, incident.handle, incident.revision))
            case LinkIntervention.PAUSE:
                reason = f"with the link in the message about INC-{offer.incident_id}"
                return await controls.pause(
                    work, context, roster, actor, EVERYTHING, None, reason, incident_id=offer.incident_id
                )


async def _used(work: UnitOfWork, offer: Offer) -> web.Response | None:
    used = await work.used_links.get(offer.nonce)
    if used is None:
        return None
    said = [
        f"It took effect on {used.used_at:%Y-%m-%d at %H:%M:%S} UTC, and works only once.",
        "Nothing more was done now.",
    ]
    return page("This link was used already", said, status=GONE)


async def _preview(work: UnitOfWork, offer: Offer) -> _Preview:
    incident = await work.incidents.get(offer.incident_id)
    if offer.intervention is LinkIntervention.PAUSE:
        return _Preview(
            "Pause all automation?",
            (
                "Nothing will act by itself any more, anywhere, until somebody resumes it: in Slack with "
                "/watch resume, or on the machine: watchkeeper resume.",
                "What runs now ends before its next step, and a person is called for it; nothing is rolled back.",
                "Alerts still come in, and people can still act by hand.",
            ),
            "Yes, pause everything",
        )
    return await _stop_preview(work, incident)


async def _stop_preview(work: UnitOfWork, incident: Incident | None) -> _Preview:
    action = await current_action(work, incident) if incident else None
    if incident is None or action is None:
        return _Preview("There is nothing to stop", (NOTHING_DONE,), "")
    what = f"{action.plan.summary.rstrip('. ')} ({incident.name}, {incident.alert_name} on {incident.service})."
    progress = await progress_of(work, action)
    if progress.can_be_halted:
        far = f"How far it is: {progress.words}." if progress.words else ""
        return _Preview(f"Stop {incident.name}?", (what, far, WHAT_STOPS), "Yes, stop it")
    if not ACTION_LIFECYCLE.allows(action.state, ActionEvent.STOP):
        said = state_words(action.state, action.result).within
        stopping = ", but no further step begins" if action.halted_at is not None and action.state in IN_STEPS else ""
        stands = f"How it stands: {said}{stopping}. {NOTHING_DONE}"
        return _Preview("There is nothing to stop any more", (what, stands), "")
    runs_itself = action.state is ActionState.VETO_WINDOW and action.due_at is not None
    starts = f"It starts by itself at {action.due_at:%H:%M:%S} UTC." if runs_itself else ""
    return _Preview(
        f"Stop {incident.name}?",
        (
            what,
            starts,
            "If you stop it, it will not run, and nothing acts by itself for this incident any more. People still can.",
        ),
        "Yes, stop it",
    )
