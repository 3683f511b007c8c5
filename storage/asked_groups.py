"""Groups that were asked, as a column keeps them: one form for whatever asks or calls people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bot.response.model.actions import AskedGroup


def asked_document(asked: Sequence[AskedGroup]) -> list[dict[str, Any]]:
    """What the column keeps."""
    return [{"group": one.group, "people": list(one.people), "at": one.at.isoformat()} for one in asked]


def asked_groups(document: Sequence[dict[str, Any]]) -> tuple[AskedGroup, ...]:
    """What it kept."""
    return tuple(AskedGroup(one["group"], tuple(one["people"]), datetime.fromisoformat(one["at"])) for one in document)
