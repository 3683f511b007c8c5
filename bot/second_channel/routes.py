"""The routes that the policy names, each with its credential where the policy says it is."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from bot.policy.file.document import Policy
from bot.second_channel.apprise import Anywhere
from bot.second_channel.mail import MailRoute
from bot.second_channel.pagerduty import PagerDuty
from bot.second_channel.route import Route

ReadSecret = Callable[[str | None, Path | None], str | None]
"""Reads a credential from an environment variable or a file; raises ``PermanentError`` when it is not there."""


def build_routes(policy: Policy, read_secret: ReadSecret, *, dedup_prefix: str) -> tuple[Route, ...]:
    """Every route, its credential read once so that a missing one is found now and not during an outage.

    Args:
        dedup_prefix: keeps our incidents apart from those of another Watchkeeper.

    Raises:
        PermanentError: a credential is not where the policy says.
    """
    channel = policy.second_channel
    if channel is None:
        return ()
    routes: list[Route] = []
    if (mail := channel.email) is not None:
        password = _reading(read_secret, mail.password_env, mail.password_file)
        routes += [MailRoute(mail, recipient, password) for recipient in policy.mail_recipients()]
    if (pager := channel.pagerduty) is not None:
        routing_key = _reading(read_secret, pager.routing_key_env, pager.routing_key_file)
        routes.append(PagerDuty(pager, routing_key, dedup_prefix))
    routes += [Anywhere(one, _reading(read_secret, one.url_env, one.url_file)) for one in channel.apprise]
    return tuple(routes)


def _reading(read_secret: ReadSecret, variable: str | None, file: str | None) -> Callable[[], str | None]:
    read = partial(read_secret, variable, Path(file) if file else None)
    read()
    return read
