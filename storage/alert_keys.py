"""What tells alerts apart, and the episodes of one alert, and the groups that incidents are made of."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from bot.response.model.incidents import Alert
from storage.columns import INDEXED_TEXT_MAX_CHARACTERS, nul_free

Identity = tuple[str, str]
"""Source and fingerprint: what makes two signals the same alert."""
Key = tuple[str, str, datetime]
"""The same with its start: what makes two signals the same episode of it."""


def key_of(alert: Alert) -> Key:
    """The alert's key, as it is stored."""
    return nul_free(alert.facts.source), nul_free(alert.facts.fingerprint), alert.facts.starts_at


def group_key(alert: Alert, names: Iterable[str]) -> str:
    """The values that put alerts into one incident, as text that an index can hold.

    ``service`` and ``alertname`` mean what the handler understood as such; every other name is a label.
    """
    facts = alert.facts
    understood = {"service": facts.service, "alertname": facts.name}
    text = json.dumps({name: understood.get(name, facts.labels.get(name, "")) for name in names})
    return text if len(text) <= INDEXED_TEXT_MAX_CHARACTERS else hashlib.sha256(text.encode()).hexdigest()
