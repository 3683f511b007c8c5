"""``/watch``: what people ask for in words, answered to them alone.

Must not know: who may do what; the interventions decide, and record refusals.
"""

import logging
from dataclasses import dataclass

from bot.policy.approval import Intervention
from bot.policy.confidence.calibration import ENOUGH
from bot.policy.situation import ScopeKind
from bot.response.assessment.assess import Brief
from bot.response.assessment.votes import Roster
from bot.response.interventions import pauses as controls
from bot.response.interventions import reviews
from bot.response.interventions import take_override as interventions
from bot.response.interventions.calibrations import confidence_measured
from bot.response.interventions.candidacies import ask_for_gates
from bot.response.interventions.clicks import UNKNOWN_SUBJECT, Answer, Press, Tried
from bot.response.interventions.explanations import explain_incident
from bot.response.interventions.known_names import Doubt, doubt, stored_names, with_live_targets
from bot.response.interventions.refusals import refused
from bot.response.interventions.requests import REHEARSAL_TIMEOUT_SECONDS, RequestError, ask_rehearsal, rehearse, run
from bot.response.interventions.runbook_levels import runbook_levels
from bot.response.model.incidents import Incident
from bot.response.notices.card import present_card
from bot.response.ports.context import Context
from bot.slack import layout, listings, replies
from bot.slack.layout import Message
from bot.slack.pausing import doubted, read_offer
from bot.slack.text import bold, code, lines, spaced, words
from handlers.slack import overview, watch_words
from handlers.slack.arrival import Arrived
from handlers.slack.bridge import Bridge, everybody
from handlers.slack.documents import DocumentOf, send_document
from handlers.slack.pause_words import EVERYTHING, SCOPES, Pause, WordsError
from handlers.slack.watch_words import SUBCOMMANDS, understand
from storage.unit_of_work import UnitOfWork

COMMAND = "/watch"
Reply = Message | Answer
NO_DECISION = Answer(False, "I am still assessing this incident; there is no decision yet. Try again in a moment.")

log = logging.getLogger(__name__)


async def watch_command(bridge: Bridge, arrived: Arrived) -> None:
    """Carry out one ``/watch`` in one transaction, and answer."""
    try:
        request = understand(arrived.text("text"))
    except WordsError as error:
        request, problem = watch_words.Help(), str(error)
    else:
        problem = ""
    workspace_url = await bridge.workspace_url() if isinstance(request, watch_words.Incidents) else ""

    against = await _doubt(bridge, request) if isinstance(request, Pause) else None

    async def act(work: UnitOfWork, context: Context, roster: Roster) -> Reply | Brief | DocumentOf:
        if problem:
            return replies.mistake(problem)
        try:
            invocation = _Invocation(work, context, roster, arrived.person, bridge, workspace_url, against)
            return await invocation.carry_out(request)
        except (WordsError, RequestError) as error:
            return replies.mistake(str(error))

    reply = await bridge.settle(arrived, act)
    if isinstance(reply, Brief):
        await _rehearse(bridge, arrived, reply)
    elif isinstance(reply, DocumentOf):
        await send_document(bridge, arrived, reply)
    elif isinstance(reply, Answer):
        await bridge.answer(arrived, reply)
    elif reply is not None:
        await bridge.private.tell(arrived, reply)


async def paused_anyway(bridge: Bridge, arrived: Arrived) -> None:
    """One click after a pause was doubted: it is on."""
    offer = read_offer(arrived.text("actions", 0, "value"))

    async def act(work: UnitOfWork, context: Context, roster: Roster) -> Answer:
        if offer is None:
            return UNKNOWN_SUBJECT
        until = None if offer.lasting is None else context.now() + offer.lasting
        return await controls.pause(work, context, roster, arrived.person, offer.scope, until, offer.reason)

    await bridge.answer(arrived, await bridge.settle(arrived, act))


async def _doubt(bridge: Bridge, request: Pause) -> Doubt | None:
    """What speaks against this pause; backends are asked only where nothing stored knows the name."""
    async with bridge.database.read() as work:
        names = await stored_names(work, bridge.context.policy())
    found = doubt(names, request.scope, request.name)
    if found is None or (request.scope is not None and request.scope.kind is not ScopeKind.TARGET):
        return found
    return doubt(await with_live_targets(names, bridge.context.catalogue), request.scope, request.name)


async def _rehearse(bridge: Bridge, arrived: Arrived, brief: Brief) -> None:
    """Read live systems, which takes its time: the person is told at once that it has begun, and then its result."""
    runbook = brief.request.runbook if brief.request else ""
    await bridge.private.tell(arrived, listings.looking(runbook))
    try:
        seen = await rehearse(bridge.context, brief)
    except TimeoutError:
        problem = f"The rehearsal of {runbook} took longer than {REHEARSAL_TIMEOUT_SECONDS:.0f} s, so I gave it up."
        message = replies.mistake(problem, "Nothing was changed. Is the system that it reads well?")
    except Exception:
        log.exception("the rehearsal of %s for %s failed", runbook, arrived.person)
        problem = f"The rehearsal of {runbook} went wrong on my side."
        message = replies.mistake(problem, "Nothing was changed; the details are in my log.")
    else:
        message = listings.rehearsal(seen, runbook, everybody(await bridge.context.roster()))
    await bridge.private.tell(arrived, message)


def is_pause(arrived: Arrived) -> bool:
    """Whether it pauses something: that takes effect however late it is found."""
    try:
        return isinstance(understand(arrived.text("text")), Pause)
    except WordsError:
        return False


def help_message() -> Message:
    """Every subcommand with its use and an example."""
    listed = [
        spaced(
            words("•"),
            code(f"{COMMAND} {subcommand.usage}"),
            words(subcommand.summary),
            *(
                [words("· for example"), code(f"{COMMAND} {subcommand.example}")]
                if subcommand.example != subcommand.usage
                else []
            ),
        )
        for subcommand in SUBCOMMANDS.values()
    ]
    scopes = words(f"Scopes: {SCOPES}.".replace("`", ""))
    half = (len(listed) + 1) // 2
    blocks = [
        layout.section(lines([bold(words("What you can ask Watchkeeper")), *listed[:half]])),
        layout.section(lines(listed[half:])),
        layout.context(scopes),
    ]
    return Message(words(f"What you can ask Watchkeeper: {', '.join(SUBCOMMANDS)}."), layout.built(blocks))


@dataclass(frozen=True, slots=True)
class _Invocation:
    """One request of one person, inside its transaction."""

    work: UnitOfWork
    context: Context
    roster: Roster
    person: str
    bridge: Bridge
    workspace_url: str
    doubt: Doubt | None = None
    """What speaks against the pause that is asked for."""

    async def carry_out(  # noqa: PLR0911, PLR0912 a case a subcommand
        self, request: watch_words.Request
    ) -> Reply | Brief | DocumentOf:
        match request:
            case watch_words.Help():
                return help_message()
            case watch_words.Status():
                return await self._status()
            case watch_words.Incidents():
                return await self._incidents()
            case watch_words.Show(number):
                return await self._show(await self._incident(number))
            case watch_words.Why(number):
                return await self._why(await self._incident(number))
            case Pause():
                return await self._pause(request)
            case watch_words.Resume(scope):
                return await controls.resume(self.work, self.context, self.roster, self.person, scope)
            case watch_words.RollBack(number, reason):
                incident = await self._incident(number)
                press = Press(self.person, incident.handle, incident.revision)
                return await interventions.roll_back(self.work, self.context, self.roster, press, reason)
            case watch_words.Run(wanted):
                return (await run(self.work, self.context, self.roster, self.person, wanted)).answer
            case watch_words.Rehearse(wanted):
                return await ask_rehearsal(self.work, self.context, self.roster, self.person, wanted)
            case watch_words.Promote(runbook):
                stand = await ask_for_gates(self.work, self.context, self.roster, self.person, runbook)
                return listings.stand(stand)
            case watch_words.Runbooks():
                policy, catalogue = self.context.policy(), self.context.catalogue
                listed = await runbook_levels(self.work, policy, catalogue, self.context.now())
                measured = await confidence_measured(self.work, self.context.now())
                return listings.runbooks(listed, measured.text if measured.count >= ENOUGH else "")
            case watch_words.Review():
                return listings.reviews(await reviews.due(self.work, self.context), self.person)
            case watch_words.Audit(number):
                return await self._audit(number)
            case watch_words.Report(number):
                return await self._report(await self._incident(number))

    async def _incidents(self) -> Reply:
        open_now = await self.work.incidents.unresolved(overview.INCIDENTS_MAX)
        shown = await overview.lines(self.work, open_now[: replies.INCIDENTS_SHOWN], self.workspace_url)
        return replies.incidents(shown, len(open_now))

    async def _audit(self, number: int | None) -> Reply:
        if number is None:
            return listings.record(await self.work.audit.latest(listings.ENTRIES_SHOWN))
        incident = await self._incident(number)
        entries = await self.work.audit.of_incident(incident.id)
        return listings.record(tuple(reversed(entries)), incident.name)

    async def _report(self, incident: Incident) -> Answer | DocumentOf:
        tried = Tried(self.person, {"subject": incident.handle, "revision": incident.revision}, incident.id)
        against = await refused(self.work, self.context, self.roster, Intervention.SHARE_DOCUMENT, tried)
        return against or DocumentOf(incident.id)

    async def _status(self) -> Reply:
        now = self.context.now()
        seen = await overview.gather(self.work, self.context.policy(), now)
        digest = self.context.policy().digest
        return replies.status(seen.status(self.bridge.problems(), digest, now, self.bridge.process()))

    async def _show(self, incident: Incident) -> Reply:
        card = await present_card(self.work, self.context.policy(), incident.id, self.context.now())
        return NO_DECISION if card is None else replies.show(card, everybody(self.roster))

    async def _why(self, incident: Incident) -> Reply:
        explanation = await explain_incident(self.work, self.context, incident.id, self.person)
        return NO_DECISION if explanation is None else replies.why(explanation, everybody(self.roster))

    async def _pause(self, request: Pause) -> Reply:
        if self.doubt is not None:
            return doubted(self.doubt, request.lasting, request.reason, request.name)
        now = self.context.now()
        until = None if request.lasting is None else now + request.lasting
        scope = request.scope or EVERYTHING
        return await controls.pause(self.work, self.context, self.roster, self.person, scope, until, request.reason)

    async def _incident(self, number: int) -> Incident:
        incident = await self.work.incidents.get(number)
        if incident is None:
            raise WordsError(f"There is no incident INC-{number}. `{COMMAND} incidents` lists what is open.")
        return incident
