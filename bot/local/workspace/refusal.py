"""How a Web API method says no: Slack's error code, and what explains it."""

from bot.local.workspace.team import Json


class Refusal(Exception):  # noqa: N818  # the workspace's own word: Slack refuses, it does not fail
    """Raised by a method to answer `{"ok": false, "error": code}`.

    Args:
        code: one of the errors Slack documents for the method.
        messages: sentences for `response_metadata.messages`, without the `[ERROR]` prefix.
        extra: further top-level fields of the answer, such as `needed` and `provided`.
    """

    def __init__(self, code: str, messages: list[str] | None = None, **extra: object) -> None:
        super().__init__(code, *(messages or []))
        self.code = code
        self.messages = messages or []
        self.extra = extra

    def as_slack(self) -> Json:
        """The body of the answer."""
        body: Json = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            body["errors"] = list(self.messages)
            body["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return body


def invalid_arguments(*messages: str) -> Refusal:
    """The refusal for arguments that are missing, unknown or malformed, naming each."""
    return Refusal("invalid_arguments", list(messages))
