"""The one place that says what handles what: every button, modal, command, shortcut and event by its name.

The manifest and its test are tied to these tables.
"""

from collections.abc import Callable, Mapping

from handlers.arrival import Arrived, Kind
from handlers.inbox import Routes

ROUTES: Routes = {Kind.BUTTON: {}, Kind.MODAL: {}, Kind.COMMAND: {}, Kind.SHORTCUT: {}, Kind.EVENT: {}}

FORMS: Mapping[str, Callable[[Arrived], dict[str, str]]] = {}
"""What is wrong with a submitted modal, by ``block_id``; asked before it is acknowledged."""
