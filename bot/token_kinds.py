"""What Slack gives an app, and how one kind of it is told from another, so that each stands in its own place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlackKind:
    """What Slack gives an app, and how it is told from the others."""

    starts: tuple[str, ...]
    what: str
    where: str

    @property
    def surely(self) -> bool:
        """Whether its beginning tells."""
        return bool(self.starts)

    def fits(self, value: str) -> bool:
        """Whether ``value`` may be one."""
        if self.starts:
            return value.startswith(self.starts)
        return not value.startswith(("xox", "xapp-"))


SLACK_KINDS = {
    "SLACK_BOT_TOKEN": SlackKind(
        ("xoxb-", "xoxe.xoxb-"),
        "a bot token (xoxb-...)",
        "copy it from OAuth & Permissions on the app's page at Slack, after it is installed",
    ),
    "SLACK_APP_TOKEN": SlackKind(
        ("xapp-",),
        "an app-level token (xapp-...)",
        "make one with connections:write under Basic Information on the app's page at Slack",
    ),
    "SLACK_SIGNING_SECRET": SlackKind(
        (), "the signing secret, which is no token", "copy it from Basic Information on the app's page at Slack"
    ),
}
OTHER_TOKENS = {
    "xoxp-": "a user's token (xoxp-...)",
    "xoxe.xoxp-": "a user's token (xoxe.xoxp-...)",
    "xoxe-": "a token to refresh others with (xoxe-...)",
    "xox": "another kind of Slack's tokens",
}
