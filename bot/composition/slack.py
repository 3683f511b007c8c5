"""What speaks in Slack: the courier, and the incidents' own channels."""

from dataclasses import dataclass
from functools import partial

from bot.composition.foundation import Foundation
from bot.composition.start_error import StartError
from bot.response.deadlines.announcements import announced
from bot.response.model.notices import CardNotice, DirectNotice
from bot.response.notices.card import end_direct_messages
from bot.response.notices.channel_moves import lost, want_channel
from bot.response.ports.context import Context
from bot.slack.connection import Connection
from bot.slack.courier import Courier
from bot.slack.deliveries import OutboxItem
from bot.slack.incident_channels import Channels
from bot.slack.pacing import Paces
from bot.slack.people import SlackPeople
from bot.slack.posting import Desk
from bot.slack.tokens import refused_tokens
from storage.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class SlackSide:
    """What goes out to Slack; what comes in is built by ``bot.composition.arrivals``."""

    people: SlackPeople
    courier: Courier[UnitOfWork]
    channels: Channels

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not well on this way to people, in words."""
        state = self.courier.state
        since = state.unreachable_since
        unreachable = (f"Slack has not answered since {since:%H:%M} UTC",) if since else ()
        return (*unreachable, *state.problems.values(), *self.channels.problems.values(), *self.people.problems)


def build_slack_side(base: Foundation, paces: Paces | None = None) -> SlackSide:
    """``paces``: how fast we may talk to Slack; None as Slack allows."""
    context = base.context
    courier = Courier(
        base.database,
        Desk(base.client),
        name=base.name,
        channel=lambda: context.policy().channels.incidents,
        now=context.now,
        on_accepted=partial(_accepted, context),
        on_lost_channel=partial(_lost_channel, context),
        known_people=base.people.known,
        paces=paces,
    )
    return SlackSide(base.people, courier, Channels(context, base.database, base.client, name=base.name))


async def _accepted(context: Context, work: UnitOfWork, item: OutboxItem) -> None:
    if isinstance(item.notice, CardNotice) and item.incident_id is not None:
        await announced(work, context, item.incident_id, item.notice)
        await want_channel(work, context, item.incident_id, item.notice)
    elif isinstance(item.notice, DirectNotice) and item.notice.buttons and item.incident_id is not None:
        # It may have been on its way while somebody answered.
        await end_direct_messages(work, context.policy(), item.incident_id, context.now())


async def _lost_channel(context: Context, work: UnitOfWork, item: OutboxItem, error: str) -> None:
    if item.incident_id is not None:
        await lost(work, context, item.incident_id, error)


async def ask_slack(base: Foundation, connection: Connection | None) -> None:
    """See whether Slack takes the tokens, where it answers at all; ``connection``: None without Socket Mode.

    Raises:
        StartError: it refuses one, or both.
    """
    refused = await refused_tokens(base.client, connection)
    if refused:
        raise StartError("\n".join(refused))
