"""The scopes that the manifest asks for, for whoever compares them with those that Slack has granted.

The manifest is no part of what is installed; a test ties the two together.
"""

NEEDED = frozenset(
    {
        "app_mentions:read",
        "bookmarks:read",
        "bookmarks:write",
        "channels:history",
        "channels:manage",
        "channels:read",
        "chat:write",
        "commands",
        "groups:history",
        "im:write",
        "pins:write",
        "usergroups:read",
        "users:read",
    }
)
"""Without one of these something of what Watchkeeper does fails."""
KEPT_READY = frozenset(
    {
        "channels:join",
        "files:write",
        "groups:read",
        "groups:write",
        "im:history",
        "reactions:write",
        "users:read.email",
    }
)
"""Asked for at the first installation, so that what comes later needs no second consent."""
