"""The second channel: what tells people when Slack does not, and the pages behind its links."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.composition.foundation import Foundation
from bot.composition.start_error import StartError
from bot.remediation import PermanentError
from bot.response.deadlines.announcements import told_elsewhere
from bot.response.ports.context import Context
from bot.response.ports.second_notices import SecondNotice, SecondWork
from bot.second_channel.alarm import Alarm
from bot.second_channel.letters import Letter
from bot.second_channel.links import Links
from bot.second_channel.route import Route
from bot.second_channel.routes import build_routes
from bot.second_channel.teller import LinkOffice, Teller
from handlers.web.links import LinkPages
from remediations.backends.credentials import read_secret
from storage.audit_chain import key_id


@dataclass(frozen=True, slots=True)
class SecondChannel:
    """``pages`` is None where the policy wants no links."""

    teller: Teller
    alarm: Alarm
    pages: LinkPages | None

    @property
    def problems(self) -> tuple[str, ...]:
        """What is not well with it, in words."""
        return tuple(
            f"People could not be told by {route} at {problem.at:%H:%M} UTC: {problem.error}"
            for route, problem in self.teller.state.problems.items()
        )


def build_second_channel(base: Foundation) -> SecondChannel | None:
    """The second channel of the policy; None where it names none. Reads the files of credentials, so it may block.

    Raises:
        StartError: a credential is not where the policy says.
    """
    channel, context = base.context.policy().second_channel, base.context
    if channel is None:
        return None
    # Another Watchkeeper may tell the same PagerDuty service of an INC-7 of its own.
    dedup_prefix = f"watchkeeper-{key_id(base.settings.audit_key)[:8]}"
    try:
        routes = build_routes(context.policy(), _secret, dedup_prefix=dedup_prefix)
    except PermanentError as error:
        raise StartError(f"The policy's second_channel cannot be used: {error}") from error
    links = Links(base.settings.audit_key, channel.links.base_url) if channel.links else None
    teller = Teller(
        base.database,
        routes,
        name=base.name,
        after=channel.after,
        now=context.now,
        on_taken=partial(_on_taken, context),
        office=LinkOffice(links, channel.links.valid_for) if links and channel.links else None,
    )
    alarm = Alarm(routes, lambda: base.writing.problem, after=channel.after, now=context.now)
    return SecondChannel(teller, alarm, LinkPages(context, base.database, links) if links else None)


def _secret(variable: str | None, file: Path | None) -> str | None:
    return read_secret(environment_variable=variable, file=file)


async def _on_taken(context: Context, work: SecondWork, told: SecondNotice, route: Route, letter: Letter) -> None:
    await told_elsewhere(work, context, told, route.in_words, letter.title)
