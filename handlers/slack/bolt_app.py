"""Builds the Bolt app: what is asked first, which listener acknowledges what, and who is told when something fails.

Listeners acknowledge and nothing else; effects run in the inbox. Must not know: what any button, command or modal
does; ``handlers.slack.routes`` names who does.
"""

import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.response import BoltResponse

from bot.slack.text import code, concat, words
from handlers.slack.arrival import Arrived, Kind, recognise
from handlers.slack.inbox import ARRIVED, IS_NEW, Inbox
from handlers.slack.routes import FORMS

Ack = Callable[..., Awaitable[BoltResponse]]
ANYTHING = re.compile(".*", re.DOTALL)

log = logging.getLogger(__name__)


def build_slack_app(inbox: Inbox, *, signing_secret: str | None = None) -> AsyncApp:
    """The app for Socket Mode and for signed HTTP alike; its Web API client is the one of the inbox's bridge.

    Args:
        inbox: saves what arrives before it is acknowledged, and runs it afterwards.
        signing_secret: verifies HTTP requests; None in Socket Mode, and then no HTTP request is ever accepted.
    """
    listeners = _Listeners(inbox)
    app = AsyncApp(
        name="watchkeeper",
        logger=logging.getLogger("slack_bolt"),  # or each part of Bolt has the root's level, whatever is set for it
        client=inbox.bridge.client,
        # Without a secret every signature must be wrong; an empty one would make them forgeable.
        signing_secret=signing_secret or secrets.token_hex(32),
        before_authorize=inbox.save_first,
        raise_error_for_unhandled_request=True,
    )
    app.error(listeners.failed)
    for name in inbox.names(Kind.BUTTON):
        app.action(name)(listeners.acknowledge)
    for name in inbox.names(Kind.MODAL):
        app.view(name)(listeners.submitted)
    for name in inbox.names(Kind.COMMAND):
        app.command(name)(listeners.acknowledge)
    for name in inbox.names(Kind.SHORTCUT):
        app.shortcut(name)(listeners.acknowledge)
    for name in inbox.names(Kind.EVENT):
        app.event(name)(listeners.acknowledge)
    app.action(ANYTHING)(listeners.unknown)
    app.view(ANYTHING)(listeners.unknown)
    app.command(ANYTHING)(listeners.unknown)
    app.shortcut(ANYTHING)(listeners.unknown)
    app.event(ANYTHING)(listeners.not_ours)
    return app


class _Listeners:
    """What Bolt calls."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def acknowledge(self, ack: Ack, context: dict[str, Any]) -> None:
        """Acknowledged; what was saved takes effect in a task of our own."""
        await ack()
        self._inbox.begin(context)

    async def submitted(self, ack: Ack, context: dict[str, Any]) -> None:
        """A modal: sent back with what is wrong beside each input, or closed and done."""
        arrived: Arrived = context[ARRIVED]
        errors = FORMS[arrived.name](arrived)
        if errors:
            await ack(response_action="errors", errors=errors)
            await self._inbox.put_away(context)
        else:
            await ack()
            self._inbox.begin(context)

    async def unknown(self, ack: Ack, body: dict[str, Any]) -> None:
        """Something of an older release, or of nobody: said to the person instead of a warning triangle."""
        await ack()
        arrived = recognise(body, self._inbox.bridge.context.now())
        if arrived is None:
            log.warning("Slack sent a %r that is of no form we know", body.get("type"))
            return
        log.warning("%s used the %s %r, which nothing handles", arrived.person, arrived.kind, arrived.name)
        self._inbox.bridge.metrics.arrivals.labels(arrived.kind, "", "unknown").inc()
        await self._inbox.bridge.say(
            arrived,
            concat(
                words(f"I do not know the {arrived.kind} "),
                code(arrived.name, 80),
                words(" any more, and did nothing. The newest card in the incident's thread has the present buttons."),
            ),
        )

    async def not_ours(self, ack: Ack, body: dict[str, Any]) -> None:
        """An event that we subscribed to in some other release."""
        await ack()
        event = body.get("event")
        log.info("event %r is not handled", event.get("type") if isinstance(event, dict) else event)

    async def failed(self, error: Exception, body: dict[str, Any], context: dict[str, Any]) -> BoltResponse | None:
        """Nothing is swallowed: it is logged, and the person is told in words."""
        if ARRIVED not in context:
            # The signature was not verified, so whoever sent this is told nothing.
            log.warning("a request to the Slack endpoint was refused: %s", error)
            return BoltResponse(status=401, body="")
        arrived = context[ARRIVED]
        if arrived is None:  # so it is nothing that a person did, and no effect of ours that failed
            log.warning("Slack sent what has no form that we know (%s)", type(error).__name__)
            return None if isinstance(error, BoltUnhandledRequestError) else BoltResponse(status=400, body="")
        log.error("handling %r failed", body.get("type") or body.get("command"), exc_info=error)
        if arrived.kind is Kind.EVENT and IS_NEW not in context:
            return None  # an event that could not be saved is not acknowledged either, and Slack sends it again
        fate = (
            "It is saved, and I take it up again within a minute."
            if context.get(IS_NEW)
            else "Nothing was done; please try again in a moment."
        )
        await self._inbox.bridge.say(
            arrived,
            words(f"Something went wrong on my side with “{arrived.name}”. {fate} The details are in my log."),
        )
        return BoltResponse(status=200, body="") if isinstance(error, BoltUnhandledRequestError) else None
