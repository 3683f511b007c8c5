"""Alerts from monitors: one module per kind of monitor, found by its name in the address."""

from collections.abc import Mapping

from handlers.alerts import alertmanager
from handlers.alerts.source import Parse

SOURCES: Mapping[str, Parse] = {alertmanager.SOURCE: alertmanager.parse}
"""``POST /alerts/<name>`` is read by the parser of that name."""
