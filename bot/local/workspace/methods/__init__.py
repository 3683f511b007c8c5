"""The Web API methods this workspace implements, one module per noun. Import `METHODS` from here."""

from bot.local.workspace.methods import apps, chat, conversations, files, functions, marks, people, views
from bot.local.workspace.methods.registry import Implementation

METHODS: dict[str, Implementation] = {
    **apps.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **functions.METHODS,
    **marks.METHODS,
    **people.METHODS,
    **views.METHODS,
}
