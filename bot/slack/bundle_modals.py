"""The dialogs of a card about many incidents: choose among them, and why they are asked together.

Must not know: who may do it, and what happens when they do.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from slack_sdk.models.blocks import Block

from bot.policy.situation import Scope, ScopeKind
from bot.response.interventions.bundles import BundleView
from bot.response.model.bundle import Member
from bot.response.model.notices import Button
from bot.response.model.state_words import state_words
from bot.slack import layout
from bot.slack.cards.buttons import button_value
from bot.slack.limits import OPTION_TEXT, VIEW_BLOCKS
from bot.slack.modals import Values, View, selected
from bot.slack.text import EMPTY, Mrkdwn, bold, code, concat, dotted, escape, lines, naming, plain, words

CHOSEN, DEED = "chosen", "deed"
"""Each is both the block_id and the action_id of one input."""
APPROVE, ALONE = "approve", "alone"
LINES_PER_SECTION = 20
SERVICES_OFFERED = 5


@dataclass(frozen=True, slots=True)
class ChoiceForm:
    """What a person filled in: incidents as ``INC-7``, and one of ``APPROVE`` and ``ALONE``."""

    chosen: tuple[str, ...]
    intervention: str


def choose_modal(shown: BundleView) -> View:
    """Some of the incidents, and what shall become of them; it speaks for the bundle as it stands now."""
    options = [layout.option(one.incident.name, plain(_option(one), OPTION_TEXT)) for one in shown.choosable]
    waits = any(one.waits for one in shown.choosable)
    interventions = [
        *([layout.option(APPROVE, plain("Approve them", OPTION_TEXT))] if waits else []),
        layout.option(
            ALONE,
            plain("Give each a card of its own", OPTION_TEXT),
            plain("To look closer, override, or withdraw an approval", OPTION_TEXT),
        ),
    ]
    return layout.modal(
        Button.CHOOSE,
        plain("Choose incidents", 24),
        [
            layout.section(lines([bold(escape(shown.summary, 200)), escape(shown.because)])),
            layout.many_input(CHOSEN, CHOSEN, plain("Which?", 100), options),
            layout.radio_input(DEED, DEED, plain("What shall happen to them?", 100), interventions),
        ],
        private_metadata=button_value(shown.bundle.handle, shown.bundle.revision),
        submit=plain("Do it", 24),
        close=plain("Cancel", 24),
    )


def read_choice(values: Values) -> ChoiceForm:
    """What was filled in; missing parts are empty."""
    options = values.get(CHOSEN, {}).get(CHOSEN, {}).get("selected_options") or ()
    chosen = (option.get("value") for option in options)
    return ChoiceForm(tuple(one for one in chosen if isinstance(one, str)), selected(values, DEED))


def choice_faults(form: ChoiceForm) -> dict[str, str]:
    """What is wrong with it, by ``block_id``, in words for the person."""
    nobody = {} if form.chosen else {CHOSEN: "Please choose at least one incident."}
    return nobody | (
        {} if form.intervention in (APPROVE, ALONE) else {DEED: "Please choose what shall happen to them."}
    )


def why_these_modal(shown: BundleView, known_people: Collection[str] = ()) -> View:
    """Why there is one card, which rule settled which incidents, and how to see everything about one."""
    blocks: list[Block] = [
        layout.section(lines([bold(escape(shown.summary, 200)), escape(shown.because)])),
        layout.header(plain("Which rule settled it", 150)),
        *(layout.section(said) for said in _by_headline(shown.members, known_people)),
    ]
    example = shown.members[0].incident.name if shown.members else "INC-7"
    everything = concat(words("Every rule, the evidence and the record of one: "), code(f"/watch why {example}"))
    return layout.modal(
        Button.WHY_THESE,
        plain("Why together?", 24),
        [*blocks[: VIEW_BLOCKS - 1], layout.context(everything)],
        private_metadata=button_value(shown.bundle.handle, shown.bundle.revision),
        close=plain("Close", 24),
    )


def _by_headline(members: Sequence[Member], known_people: Collection[str]) -> Iterator[Mrkdwn]:
    """The incidents under the rule that settled them, a few lines a block: Slack takes no long ones."""
    for headline in dict.fromkeys(one.headline for one in members):
        settled = [_member(one) for one in members if one.headline == headline]
        for start in range(0, len(settled), LINES_PER_SECTION):
            said = bold(naming(headline, known_people, 300)) if start == 0 else EMPTY
            yield lines([said, *settled[start : start + LINES_PER_SECTION]])


def likely_scopes(shown: BundleView) -> list[Scope]:
    """What could be paused because of this storm, the likeliest first."""
    runbook = [Scope(kind=ScopeKind.RUNBOOK, name=shown.bundle.runbook)] if shown.bundle.runbook else []
    services = dict.fromkeys(one.incident.service for one in shown.choosable if one.incident.service)
    return [*runbook, *(Scope(kind=ScopeKind.SERVICE, name=name) for name in list(services)[:SERVICES_OFFERED])]


def _option(member: Member) -> str:
    """ "INC-7 checkout: Restart checkout (on hold)", as short as a menu wants it."""
    what = (member.action.plan.summary if member.action else member.incident.alert_name).rstrip(". ")
    where = f"{member.incident.name} {member.incident.service}".strip()
    return f"{where}: {what}" if member.waits else f"{where}: {what} ({_state(member)})"


def _member(member: Member) -> Mrkdwn:
    where = code(member.incident.service, 50) if member.incident.service else words("no service")
    return dotted([escape(member.incident.name, 20), where, words(_state(member))])


def _state(member: Member) -> str:
    action = member.action
    said = state_words(action.state, action.result) if action else state_words(member.incident.state)
    return said.within
