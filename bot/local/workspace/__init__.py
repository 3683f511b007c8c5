"""A Slack-compatible workspace that runs on this machine: for the demo, and for tests with the real bot.

The bot is the same as with Slack; only `SLACK_API_URL` differs. What Slack refuses is refused here too.
"""

from bot.local.workspace.content import File, Message, View
from bot.local.workspace.panel import Panel, PanelButton, PanelLine
from bot.local.workspace.people import Outcome, Person
from bot.local.workspace.server import Server
from bot.local.workspace.team import Channel, ChannelKind, Team, User, UserGroup
from bot.local.workspace.workspace import Workspace

__all__ = [
    "Channel",
    "ChannelKind",
    "File",
    "Message",
    "Outcome",
    "Panel",
    "PanelButton",
    "PanelLine",
    "Person",
    "Server",
    "Team",
    "User",
    "UserGroup",
    "View",
    "Workspace",
]
