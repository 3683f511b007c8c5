"""The story that the demo tells, act by act: it breaks what is to be broken, and waits for what people and the bot do.

Nothing here decides or repairs anything. It acts as people can, by a button at the side and by a command in Slack, and
goes on when what it waits for can be read in the workspace.
"""

import asyncio
from collections.abc import Callable

from bot.local.demo import guide
from bot.local.demo.service import ShopOnShow
from bot.local.demo.story import Story
from bot.local.workspace import Message, Workspace

BREAKS_BY_ITSELF_AFTER_SECONDS = 15.0
BREATH_SECONDS = 4.0
"""Between two acts, for people who read."""
RUNBOOK = "restart-service"
AUTHOR = "U02BOB"


class Play:
    """One telling, in a workspace where nothing has happened yet."""

    def __init__(self, workspace: Workspace, channel: str, shop: ShopOnShow, story: Story, *, gates: bool) -> None:
        self._workspace = workspace
        self._channel = channel
        self._shop = shop
        self._story = story
        self._gates = gates
        """Whether they can be run: their trigger is the real monitor."""

    async def tell(self) -> None:
        """From the first failure to the last, until cancelled; a story that was told here before is not told again."""
        if self._said():
            self._shop.invite(guide.AS_YOU_LIKE.invitation)
            return
        await self._people_are_asked()
        if not self._gates:
            self._begins(guide.NOTHING_TO_EARN)
            return
        if not await self._its_gates_are_run():
            self._begins(guide.NOT_EARNED)
            return
        await self._it_acts_alone()
        await self._it_makes_it_worse()
        self._begins(guide.AS_YOU_LIKE)

    async def _people_are_asked(self) -> None:
        self._begins(guide.ASKED)
        try:
            await asyncio.wait_for(self._shop.was_broken.wait(), BREAKS_BY_ITSELF_AFTER_SECONDS)
        except TimeoutError:
            await self._shop.hang()
        await self._until(lambda said: _is_over(said, since=""))

    async def _its_gates_are_run(self) -> bool:
        """Whether somebody has signed."""
        await asyncio.sleep(BREATH_SECONDS)
        self._begins(guide.TRIED)
        author = self._workspace.person(AUTHOR)
        self._story.tell(f"{author.user.real_name} types /watch promote {RUNBOOK}", "yellow")
        await author.slash("/watch", f"promote {RUNBOOK}", self._channel)
        await self._until(lambda said: _waits_for_a_name(said) or _came_to_nothing(said))
        if _came_to_nothing(self._said()):
            return False
        self._begins(guide.SIGNED)
        await self._until(lambda said: _card_says(said, "Signed off.") or _came_to_nothing(said))
        return _card_says(self._said(), "Signed off.")

    async def _it_acts_alone(self) -> None:
        await asyncio.sleep(BREATH_SECONDS)
        self._begins(guide.ALONE)
        since = self._workspace.state.next_ts()
        await self._shop.hang()
        await self._until(lambda said: _is_over(said, since))

    async def _it_makes_it_worse(self) -> None:
        await asyncio.sleep(BREATH_SECONDS)
        self._begins(guide.WORSE)
        since = self._workspace.state.next_ts()
        await self._shop.tear()
        await self._until(lambda said: any("is paused" in _all(message) for message in said if message.ts > since))
        await asyncio.sleep(BREATH_SECONDS)

    def _begins(self, act: guide.Act) -> None:
        self._story.tell(act.title, "bold cyan")
        self._shop.invite(act.invitation)

    def _said(self) -> list[Message]:
        """What the app has said in the channel and its threads."""
        messages = self._workspace.state.in_channel(self._channel).values()
        return [message for message in messages if message.from_app]

    async def _until(self, seen: Callable[[list[Message]], bool]) -> None:
        """As long as it takes: people are asked, and may be at lunch."""
        with self._workspace.state.changes.listening() as changes:
            while not seen(self._said()):
                await changes.get()


def _is_over(said: list[Message], since: str) -> bool:
    """Whether the incident of a card that came after ``since`` is resolved."""
    return any(message.ts > since and not message.is_reply and "Resolved" in message.text for message in said)


def _card_says(said: list[Message], *words: str) -> bool:
    """Whether the card of the gates has any of the words."""
    cards = [message.text for message in said if not message.is_reply and message.text.startswith("Gates of ")]
    return any(word in card for card in cards for word in words)


def _came_to_nothing(said: list[Message]) -> bool:
    return _card_says(said, "Not passed.", "Broken off.", "Not yet.")


def _waits_for_a_name(said: list[Message]) -> bool:
    return any(
        element.get("action_id") == "sign_off"
        for message in said
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    )


def _all(message: Message) -> str:
    return f"{message.text} {message.blocks}"
