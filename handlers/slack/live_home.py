"""Keeps the Home tabs of those who have opened theirs up to date: the only one who publishes them.

Everything that people see there changes together with an entry of the record or the outbox, so their numbers say when
to draw. What only time changes (a pause ends, an action is a day old) is drawn now and then. What a person has on
the screen is remembered as a digest, so nothing is sent without news. Must not know: what a tab shows.
"""

import asyncio
import hashlib
import json
import logging
from contextlib import suppress
from datetime import datetime, timedelta

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.slack.failures import error_word
from bot.slack.home_tab import home_view
from bot.slack.limits import check_view
from bot.slack.modals import View
from bot.slack.pacing import Pace
from bot.slack.posting import Limited, outcome_of
from handlers.slack.bridge import Bridge
from handlers.slack.overview import HomeOverview, for_home
from storage.home_tabs import HomeTab

POLL_SECONDS = 1.0
"""Between two reads of the record: what happens within it is drawn once."""
ANYWAY_SECONDS = 30.0
KEPT_UP_TO_DATE = timedelta(days=3)
"""After the last opening; who comes back later gets a fresh tab by opening it."""
LEASE = timedelta(seconds=30)
PUBLISH_INTERVAL_SECONDS = 0.75
"""Slack takes views.publish about a hundred times a minute."""
PUBLISH_BURST = 15
PUBLISH = "views.publish"
CONFLICT = "hash_conflict"
TRY_AGAIN = timedelta(seconds=30)

log = logging.getLogger(__name__)


class LiveHome:
    """Draws until closed. One per process; replicas share the tabs by leases."""

    def __init__(
        self, bridge: Bridge, *, poll_seconds: float = POLL_SECONDS, interval_seconds: float = PUBLISH_INTERVAL_SECONDS
    ) -> None:
        """``interval_seconds``: between two published tabs, once the burst is used up."""
        self._bridge = bridge
        self._poll_seconds = poll_seconds
        self._pace = Pace(interval_seconds, PUBLISH_BURST)
        self._closing = asyncio.Event()
        self._drawn_news: tuple[int, ...] = ()
        self._read_at = float("-inf")
        self._is_behind = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin drawing, in the running loop."""
        self._task = asyncio.create_task(self._run(), name="live home")

    async def close(self) -> None:
        """Stop; what is being published ends first."""
        self._closing.set()
        self._bridge.home_opened.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._closing.is_set():
            try:
                await self._draw_news()
            except Exception:  # the database may be away for a while; the next read finds what this one missed
                log.exception("the Home tabs could not be drawn; trying again in %s s", self._poll_seconds)
                self._is_behind = True
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bridge.home_opened.wait(), self._poll_seconds)

    async def _draw_news(self) -> None:
        opened = self._bridge.home_opened.is_set()
        self._bridge.home_opened.clear()
        now = asyncio.get_running_loop().time()
        async with self._bridge.database.read() as work:
            news = ((await work.audit.head()).number, *await work.outbox.news())
        if not (opened or self._is_behind or news != self._drawn_news or now - self._read_at > ANYWAY_SECONDS):
            return
        self._read_at, self._drawn_news, self._is_behind = now, news, False
        await self._draw_all()

    async def _draw_all(self) -> None:
        url = await self._bridge.workspace_url()
        since = self._bridge.context.now() - KEPT_UP_TO_DATE
        roster = await self._bridge.context.roster()
        async with self._bridge.database.read() as work:
            tabs = await work.home_tabs.watched(since)
            seen = await for_home(work, self._bridge.context, roster, url) if tabs else None
        if seen is None:
            return
        for tab in tabs:
            view = self._view(seen, tab.person)
            if digest_of(view) != tab.digest and not self._closing.is_set():
                await self._draw(tab, view)

    def _view(self, seen: HomeOverview, person: str) -> View:
        view = home_view(seen.seen_by(person, self._bridge.problems()))
        check_view(view)
        return view

    async def _draw(self, tab: HomeTab, view: View) -> None:
        now = self._bridge.context.now()
        async with self._bridge.database.begin() as work:
            claimed = await work.home_tabs.claim(tab.person, now, now + LEASE)
        if claimed is None or claimed.digest != tab.digest:
            self._is_behind = True  # another replica holds the lease, or has drawn it since: read fresh facts first
            if claimed is not None:
                await self._put_down(tab.person, None)
            return
        await self._wait_for_slot()
        published = await self._publish(tab.person, view, claimed.hash)
        if published is None:
            self._is_behind = True
            await self._put_down(tab.person, self._bridge.context.now() + TRY_AGAIN)
            return
        async with self._bridge.database.begin() as work:
            await work.home_tabs.drawn(tab.person, digest_of(view), published)

    async def _put_down(self, person: str, until: datetime | None) -> None:
        async with self._bridge.database.begin() as work:
            await work.home_tabs.put_down(person, until)

    async def _wait_for_slot(self) -> None:
        clock = asyncio.get_running_loop().time
        wait = self._pace.reserve(clock()) - clock()
        if wait > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), wait)

    async def _publish(self, person: str, view: View, known_hash: str) -> str | None:
        """Slack's mark of the published view; None when it was not taken.

        A hash that is not Slack's any more means that somebody else has drawn the tab since. What we draw comes from
        the rows as they are, so it is right to draw over it.
        """
        try:
            try:
                return await self._call(person, view, known_hash)
            except SlackApiError as error:
                if error_word(error) != CONFLICT:
                    raise
                return await self._call(person, view, "")
        except (SlackClientError, aiohttp.ClientError, TimeoutError) as error:
            outcome = outcome_of(error, PUBLISH, person)
            if isinstance(outcome, Limited):
                self._pace.block(asyncio.get_running_loop().time() + outcome.retry_after_seconds)
            log.warning("the Home tab of %s could not be drawn: %s", person, outcome)
            return None

    async def _call(self, person: str, view: View, known_hash: str) -> str:
        given = {"hash": known_hash} if known_hash else {}
        answer = await self._bridge.client.views_publish(user_id=person, view=view, **given)
        return str((answer.get("view") or {}).get("hash") or "")


def digest_of(view: View) -> str:
    """Recognises a view."""
    return hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
