"""What newcomers read: the guide's message in the workspace, the links above it, and the panel at the side."""

from collections.abc import Awaitable, Callable, Mapping

from bot.local.demo.health import Health
from bot.local.workspace import Message, Panel, PanelButton, PanelLine, User, Workspace

GUIDE = User("U00GUIDE", "guide", "Demo guide", "Shows you around", avatar_colour="#4a6b3d", is_bot=True)
TO_TRY = (
    "Break the service with a button at the side, or wait: after 20 seconds it hangs by itself, once.",
    "A card comes in #incidents within seconds. Read what is proposed and why, then press *Approve* as Alice.",
    "Open the card's thread: what was done, whether it helped, and the rollback. Press *Why?* on the card.",
    "Break it again, and be Dave, who may not approve; then press *Override…* or *Pause…*, or type `/watch help`.",
)
WORDS = {
    Health.ANSWERING: "answering",
    Health.FAILING: "answering with errors",
    Health.HANGING: "hanging: alive, but it answers nobody",
    Health.CRASHED: "crashed: its process has ended",
}


def welcome(workspace: Workspace, channel_id: str, links: Mapping[str, str]) -> None:
    """Introduce the demo in the channel, once; ``links`` (title to URL) stand above it."""
    state, channel = workspace.state, workspace.team.channel(channel_id)
    workspace.team.add(GUIDE)
    if GUIDE.id not in channel.members:
        channel.members.append(GUIDE.id)
    greeting = next((each for each in workspace.messages(channel.id) if each.user == GUIDE.id), None)
    if greeting is None:
        text = (
            "*This is a demo of Watchkeeper.* Everything in it is real and runs on this machine: a web service called "
            "checkout, supervisord that runs it, a monitor that watches it, and Watchkeeper, which may restart it.\n"
            + "\n".join(f"{number}. {step}" for number, step in enumerate(TO_TRY, start=1))
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
    found: Health | None,
    monitor: str,
    break_it: Mapping[str, Callable[[], Awaitable[None]]],
) -> Panel:
    """The panel for what the last check found; the buttons (id to act) are there while there is something to break."""
    if found is None:
        service = PanelLine("Service", "starting")
    else:
        service = PanelLine("Service", WORDS[found], "good" if found is Health.ANSWERING else "bad")
    hint = "Read the card in #incidents." if service.tone == "bad" else "Break it, and see the card come."
    labels = {"hang": "Break it (hang)", "crash": "Break it (crash)"}
    return Panel(
        "checkout",
        (service, PanelLine("Monitor", monitor), PanelLine("Next", hint)),
        tuple(PanelButton(id, labels[id], press, "danger") for id, press in break_it.items())
        if found is Health.ANSWERING
        else (),
    )
