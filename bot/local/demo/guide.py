"""What newcomers read: the guide's message in the workspace, the links above it, and the panel at the side."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bot.local.demo.health import Health
from bot.local.workspace import Message, Panel, PanelButton, PanelLine, User, Workspace

GUIDE = User("U00GUIDE", "guide", "Demo guide", "Shows you around", avatar_colour="#4a6b3d", is_bot=True)
TO_TRY = (
    "*It asks.* checkout hangs after 15 seconds, or when you break it. Read the card, and press *Restart* as Alice.",
    "*It is tried.* Bob asks for the gates: for a minute the runbook is broken, disturbed and killed on staging.",
    "*You sign off.* Read what was seen, and press *Sign off*. That is one click, and nobody else's.",
    "*It acts alone.* checkout hangs again. You have 10 seconds to press *Stop*; or watch.",
    "*It does harm.* basket hangs, and a restart makes it worse: it is paused, demoted, and you are called.",
)
WITHOUT_PROMETHEUS = (
    "checkout hangs after 15 seconds, or when you break it. Read the card, and press *Restart checkout* as Alice.",
    "Open the card's thread: what was done, and whether it helped. Press *Why?* on the card.",
    "Break it again, and press *Pause…* as Dave, who is refused. As Alice it is paused; or type `/watch help`.",
)
RIGHTS = ("approve", "stop", "pause", "sign off")
"""What the guide says of each person whether they may do it, in the policy's words."""
MAY = {"Alice": RIGHTS, "Bob": RIGHTS[:3], "Carol": RIGHTS, "Dave": ()}
"""First name to what the demo's policy lets them do. Bob has written the runbook; Dave is not named there."""
WHO = (
    "*Alice*, who is on call, and *Carol*, who leads, may approve, stop, pause and sign off.",
    "*Bob* may approve, stop and pause. He has written the runbook, so he may not sign it off.",
    "*Dave* is not named in the policy: he may read and ask why, and is refused everything else.",
)
"""The same in words."""
WORDS = {
    Health.ANSWERING: "answering",
    Health.FAILING: "answering with errors",
    Health.HANGING: "hanging: alive, but it answers nobody",
    Health.CRASHED: "crashed: its process has ended",
}
LABELS = {
    "hang": "Break checkout (hang)",
    "crash": "Break checkout (crash)",
    "tear": "Break basket, for the worse",
    "mend": "Mend it by hand",
}


@dataclass(frozen=True, slots=True)
class Act:
    """One act of the story: its line in the terminal, and what people can do at the side of the page."""

    title: str
    invitation: str


ASKED = Act("Act 1 of 5: it asks", "Break checkout, or wait. Then read the card, and approve.")
TRIED = Act("Act 2 of 5: it is tried on staging", "Watch the thread of “Gates of restart-service”: about a minute.")
SIGNED = Act(
    "Act 3 of 5: a person answers for it. Press Sign off, in the page",
    "Your turn: read the card “Gates of restart-service”, and press Sign off.",
)
ALONE = Act("Act 4 of 5: it acts alone", "Press Stop on the card within 10 seconds, or watch.")
WORSE = Act("Act 5 of 5: it does harm", "basket hangs. Watch what a restart does, and what becomes of the licence.")
NOT_EARNED = Act(
    "It has not earned to act alone, so it goes on asking",
    "Read the card “Gates of restart-service”. /watch promote restart-service tries again.",
)
AS_YOU_LIKE = Act(
    "That was all five acts. The shop is yours",
    "Type /watch runbooks: what may it do now, and why? Break what you like, and mend it.",
)
NOTHING_TO_EARN = Act(
    "Without Prometheus no gate can be run, so it goes on asking",
    "Break it again. Press Pause… as Dave, who is refused, then Override… or Pause… as Alice.",
)


def welcome(workspace: Workspace, channel_id: str, links: Mapping[str, str], to_try: tuple[str, ...]) -> None:
    """Introduce the demo in the channel, once; ``links`` (title to URL) stand above it."""
    state, channel = workspace.state, workspace.team.channel(channel_id)
    workspace.team.add(GUIDE)
    if GUIDE.id not in channel.members:
        channel.members.append(GUIDE.id)
    greeting = next((each for each in workspace.messages(channel.id) if each.user == GUIDE.id), None)
    if greeting is None:
        text = (
            "*This is a demo of Watchkeeper.* Everything in it is real and runs on this machine: a shop of three "
            "services, supervisord that runs them, a monitor that watches them, and Watchkeeper, which may restart "
            "them, once it has earned that.\n"
            + "\n".join(f"{number}. {step}" for number, step in enumerate(to_try, start=1))
            + "\n\nAt the side you choose who you are.\n"
            + "\n".join(f"• {who}" for who in WHO)
        )
        section = {"type": "section", "text": {"type": "mrkdwn", "text": text}}
        ts = state.next_ts()
        greeting = state.post(Message(channel.id, ts, GUIDE.id, "This is a demo of Watchkeeper.", blocks=[section]))
    permalink = f"{state.base_url}/archives/{channel.id}/p{greeting.ts.replace('.', '')}"
    channel.bookmarks[:] = [
        {"id": f"Bk{title}", "channel_id": channel.id, "title": title, "link": url, "emoji": "", "type": "link"}
        for title, url in {"What to try": permalink, **links}.items()
    ]


def panel(
    found: Mapping[str, Health], monitor: str, invitation: str, buttons: Mapping[str, Callable[[], Awaitable[None]]]
) -> Panel:
    """The panel for what the last check of each service found; ``buttons``: id to act."""
    services = [
        PanelLine(name, WORDS[health], "good" if health is Health.ANSWERING else "bad")
        for name, health in found.items()
    ]
    return Panel(
        "The shop",
        (
            *(services or [PanelLine("Services", "starting")]),
            PanelLine("Monitor", monitor),
            PanelLine("Next", invitation),
        ),
        tuple(
            PanelButton(id, LABELS[id], press, "primary" if id == "mend" else "danger") for id, press in buttons.items()
        ),
    )
