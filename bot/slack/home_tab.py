"""The Home tab of one person: is autonomy on, what waits for them, what happens, what each runbook may do.

A pure function from facts to a view: the same facts give the same view, so that nothing is sent without news.
Must not know: how the facts were gathered, when it is drawn.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import Block

from bot.policy.file.document import Freeze
from bot.policy.situation import Change, Pause
from bot.response.interventions.reviews import DueReview
from bot.response.interventions.runbook_levels import RunbookLevel
from bot.response.model.actions import Action, ActionState
from bot.response.model.incidents import Incident
from bot.response.model.notices import Button
from bot.response.model.state_words import state_words
from bot.response.notices.plan_words import plan_card
from bot.response.notices.progress import Doing
from bot.slack import layout, listings
from bot.slack.cards.buttons import button_row, resume_row
from bot.slack.cards.situations import Shown
from bot.slack.limits import OPTION_VALUE
from bot.slack.modals import View, scope_value
from bot.slack.replies import (
    CHANGES_SHOWN,
    COMMAND,
    IncidentLine,
    World,
    change,
    incident,
    nobody_woken,
    own_health,
    world,
)
from bot.slack.text import (
    EMPTY,
    Mrkdwn,
    bold,
    code,
    concat,
    dotted,
    escape,
    lines,
    link,
    mention,
    plain,
    web_address,
    when,
    words,
)
from bot.slack.tones import toned

PAUSES_SHOWN = 6
PROBLEMS_SHOWN = 4
WAITING_SHOWN = 8
UNDER_WAY_SHOWN = 5
REVIEWS_SHOWN = 5
INCIDENTS_SHOWN = 10
ACTIONS_SHOWN = 10
RUNBOOKS_SHOWN = 20
LINES_PER_SECTION = 5
_OFFERED = {
    ActionState.WAITING: (Button.APPROVE, Button.STOP, Button.WHY),
    ActionState.VETO_WINDOW: (Button.STOP, Button.WHY),
}


@dataclass(frozen=True, slots=True)
class HomeFacts:
    """What one person sees."""

    person: str
    problems: Sequence[str]
    pauses: Sequence[Pause]
    freezes: Sequence[Freeze]
    """Those of the policy that last now."""
    waiting: Sequence[Action]
    """Questions that this person may answer and has not, and announced acts they may stop; oldest first."""
    under_way: Sequence[Doing]
    """What is carried out or rolled back at this moment; oldest first."""
    incidents: Sequence[IncidentLine]
    """The newest of them; ``world`` counts all."""
    world: World
    ended: Sequence[Action]
    """Actions of the last day, newest first."""
    reviews: Sequence[DueReview]
    """Every review that is due, whoever's it is."""
    runbook_levels: Sequence[RunbookLevel]
    permalinks: Mapping[int, str]
    """Incident -> the address of its thread, where it is known."""
    changes: Sequence[Change] = ()
    """What others are changing, or will."""
    to_take: Sequence[Incident] = ()
    """Incidents that a person must check, that nobody has taken, and for which this person is called."""
    may_resume: Collection[str] = ()
    """Scopes of the pauses that this person may end."""


def home_view(facts: HomeFacts) -> View:
    """The tab as JSON, within Slack's limits whatever happens."""
    is_open = facts.world.incidents_open
    blocks: list[Block] = [
        layout.header(plain("Watchkeeper", 150)),
        layout.section(lines([_asleep(facts), bold(world(facts.world)), *_health(facts)])),
        layout.section(_autonomy(facts)),
        *_resume(facts),
        *_changes(facts),
        layout.divider(),
        *_waiting(facts),
        *_under_way(facts),
        *_reviews(facts),
        layout.divider(),
        *_chapter(f"Open incidents: {is_open}", list(map(incident, facts.incidents[:INCIDENTS_SHOWN]))),
        *_more(is_open - INCIDENTS_SHOWN, "incident"),
        *_chapter("Actions of the last day", [_ended(facts, action) for action in facts.ended[:ACTIONS_SHOWN]]),
        *_more(len(facts.ended) - ACTIONS_SHOWN),
        layout.divider(),
        *_chapter(
            "What each runbook may do",
            list(map(listings.standing, facts.runbook_levels[:RUNBOOKS_SHOWN])),
            listings.STANDINGS_PER_SECTION,
        ),
        *_more(len(facts.runbook_levels) - RUNBOOKS_SHOWN, "runbook"),
        layout.context(concat(words("Everything you can say: "), code(f"{COMMAND} help"))),
    ]
    return {"type": "home", "blocks": layout.built(blocks)}


def _asleep(facts: HomeFacts) -> Mrkdwn:
    asleep = nobody_woken(facts.world)
    return bold(asleep) if asleep else EMPTY


def _health(facts: HomeFacts) -> list[Mrkdwn]:
    return own_health(facts.problems, PROBLEMS_SHOWN)


def _autonomy(facts: HomeFacts) -> Mrkdwn:
    if not facts.pauses and not facts.freezes:
        return bold(words("▶️ Autonomy is on. Nothing is paused."))
    paused = [_pause(pause) for pause in facts.pauses[:PAUSES_SHOWN]]
    frozen = [_freeze(freeze) for freeze in facts.freezes[:PAUSES_SHOWN]]
    hidden = len(facts.pauses) - len(paused) + len(facts.freezes) - len(frozen)
    more = [words(f"… and {hidden} more")] if hidden else []
    return lines([bold(words("⏸️ Autonomy is paused")), *paused, *frozen, *more])


def _resume(facts: HomeFacts) -> list[Block]:
    """For each scope that is paused and that this person may resume."""
    scopes = {pause.scope for pause in facts.pauses[:PAUSES_SHOWN]}
    mine = sorted((scope for scope in scopes if str(scope) in facts.may_resume), key=str)
    return [resume_row(str(scope), scope_value(scope)) for scope in mine if len(scope.name) <= OPTION_VALUE]


def _pause(pause: Pause) -> Mrkdwn:
    until = concat(words("until "), when(pause.until)) if pause.until else words("until somebody resumes it")
    reason = [escape(pause.reason, 150)] if pause.reason else []
    return dotted([bold(escape(str(pause.scope), 120)), until, concat(words("by "), mention(pause.by)), *reason])


def _freeze(freeze: Freeze) -> Mrkdwn:
    what = ", ".join(freeze.services) or "everything"
    end = concat(words("until "), when(freeze.until))
    return dotted([bold(escape(what, 120)), end, concat(words("by the freeze "), code(freeze.name, 60))])


def _changes(facts: HomeFacts) -> list[Block]:
    if not facts.changes:
        return []
    title = bold(words("🚧 Others are at work, so nothing acts there by itself"))
    shown = map(change, facts.changes[:CHANGES_SHOWN])
    return [layout.section(lines([title, *shown])), *_more(len(facts.changes) - CHANGES_SHOWN)]


def _waiting(facts: HomeFacts) -> list[Block]:
    if not facts.waiting and not facts.to_take:
        return [layout.section(words("👤 Nothing waits for you."))]
    count = len(facts.waiting) + len(facts.to_take)
    blocks: list[Block] = [layout.section(bold(words(f"❓ Waits for you: {count}")))]
    for action in facts.waiting[:WAITING_SHOWN]:
        announced = action.state is ActionState.VETO_WINDOW
        end = "runs unless stopped before" if announced else "answer before"
        due = concat(words(f"{end} "), when(action.due_at)) if action.due_at else EMPTY
        blocks.append(layout.section(dotted([_name(facts, action), listings.planned(action), due])))
        at = Shown.VETO_WINDOW if announced else Shown.ASKING
        blocks += button_row(_OFFERED[action.state], action.id, action.revision, at=at, plan=plan_card(action.plan))
    blocks += _more(len(facts.waiting) - WAITING_SHOWN, "question")
    for one in facts.to_take[:WAITING_SHOWN]:
        blocks.append(layout.section(_untaken(facts, one)))
        blocks += button_row((Button.TAKE, Button.WHY), one.handle, one.revision)
    return [*blocks, *_more(len(facts.to_take) - WAITING_SHOWN, "incident", " to take")]


def _untaken(facts: HomeFacts, one: Incident) -> Mrkdwn:
    address = web_address(facts.permalinks.get(one.id, ""))
    name = bold(link(address, one.name) if address else words(one.name))
    return dotted([name, code(one.service, 60), escape(one.alert_name, 80), words("who takes it?")])


def _under_way(facts: HomeFacts) -> list[Block]:
    if not facts.under_way:
        return []
    blocks: list[Block] = [layout.section(bold(words(f"⚙️ Under way: {len(facts.under_way)}")))]
    for one in facts.under_way[:UNDER_WAY_SHOWN]:
        action = one.action
        blocks.append(layout.section(dotted([_name(facts, action), listings.planned(action), listings.doing(one)])))
        if one.progress.can_be_halted:
            at = Shown(action.state.value)
            blocks += button_row((Button.STOP,), action.id, action.revision, at=at, plan=plan_card(action.plan))
    return [*blocks, *_more(len(facts.under_way) - UNDER_WAY_SHOWN)]


def _reviews(facts: HomeFacts) -> list[Block]:
    if not facts.reviews:
        return []
    mine = [one for one in facts.reviews if facts.person in one.to]
    blocks: list[Block] = [
        layout.section(bold(words(f"📝 Reviews due: {len(facts.reviews)}, of which yours: {len(mine)}")))
    ]
    for one in mine[:REVIEWS_SHOWN]:
        blocks.append(layout.section(listings.review(one)))
        blocks += button_row((Button.REVIEW, Button.HAND_OVER_REVIEW), one.action.id, one.action.revision)
    others = [one for one in facts.reviews if facts.person not in one.to][:REVIEWS_SHOWN]
    if others:
        blocks.append(layout.section(lines(map(listings.review, others))))
    return blocks


def _ended(facts: HomeFacts, action: Action) -> Mrkdwn:
    at = when(action.finished_at) if action.finished_at else EMPTY
    return dotted([_name(facts, action), listings.planned(action), toned(state_words(action.state, action.result)), at])


def _name(facts: HomeFacts, action: Action) -> Mrkdwn:
    name, address = f"INC-{action.incident_id}", web_address(facts.permalinks.get(action.incident_id, ""))
    return bold(link(address, name) if address else words(name))


def _chapter(title: str, texts: Sequence[Mrkdwn], together: int = LINES_PER_SECTION) -> list[Block]:
    """A few lines a block: Slack takes neither many blocks nor long ones."""
    if not texts:
        return [layout.section(lines([bold(words(title)), words("none")]))]
    chunks = [texts[start : start + together] for start in range(0, len(texts), together)]
    return [layout.section(bold(words(title))), *(layout.section(lines(chunk)) for chunk in chunks)]


def _more(hidden: int, what: str = "", which: str = "") -> list[Block]:
    """``what``: in the singular, of which there are more than are shown."""
    named = f" {what}{'' if hidden == 1 else 's'}{which}" if what else ""
    return [layout.context(words(f"… and {hidden} more{named}"))] if hidden > 0 else []
