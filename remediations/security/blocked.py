"""What a system blocks: values, and what of them survives being stored.

A block carries a mark: which action made it, and when it is to end. So ours is told from everybody else's, also after
a crash; and one whose end is another than its mark says has been extended or shortened by somebody.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from pydantic import JsonValue

from remediations.security.addresses import Network

SLACK = timedelta(seconds=30)
"""How far the end of a block may be from what its mark says: the time between our clock and the change, generously."""
_MARK = re.compile(r"watchkeeper:([^:]{1,64}):(\d{8}T\d{6}Z)")
_MARKED_TIME = "%Y%m%dT%H%M%SZ"
_PRINTABLE_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Block:
    """One blocked address or network."""

    network: Network
    lasts: timedelta | None
    """How long it was to last when it was made; None: until somebody takes it out."""
    until: datetime | None
    """When it ends by itself; None: never."""
    mark: str = ""
    """What is noted on it, such as what made it."""
    whole: bool = True
    """False: a part of something that the system keeps as one, so that it cannot be ended alone."""

    @property
    def end(self) -> str:
        """In words: "until 2026-11-27 02:15 UTC"."""
        return "without an end" if self.until is None else f"until {shown(self.until)}"

    @property
    def noted(self) -> str:
        """What is noted on it, for the end of a sentence; else empty."""
        return f" (noted on it: {self.mark!r})" if self.mark else ""

    @property
    def running(self) -> "Block | None":
        """None when its time is over."""
        return None if self.until is not None and self.until <= datetime.now(UTC) else self

    @property
    def made_by(self) -> str:
        """Which action of ours made it, by its mark; empty when none did."""
        found = _MARK.fullmatch(self.mark)
        return found[1] if found else ""

    @property
    def as_marked(self) -> bool:
        """Whether it is ours and ends when it was to end."""
        found = _MARK.fullmatch(self.mark)
        if found is None or self.until is None:
            return False
        return abs(self.until - datetime.strptime(found[2], _MARKED_TIME).replace(tzinfo=UTC)) <= SLACK

    @property
    def identity(self) -> dict[str, JsonValue]:
        """What stays the same while it runs down."""
        return {"lasts_seconds": self.lasts.total_seconds() if self.lasts is not None else None, "mark": self.mark}


@dataclass(frozen=True, slots=True)
class Sight:
    """What a system blocks now."""

    blocks: tuple[Block, ...]
    """Everything that is blocked, by whomever, in order."""
    weaknesses: Mapping[int, str]
    """IP version to why nothing that is blocked would really be kept out, in a sentence with the remedy; else none."""

    def of(self, network: Network) -> Block | None:
        """The block of exactly this network."""
        return next((block for block in self.blocks if block.whole and block.network == network), None)

    def around(self, network: Network) -> Block | None:
        """A block of more than this network, which holds all of it."""
        exact = self.of(network)
        return next((each for each in self.blocks if each != exact and _within(network, each.network)), None)

    def inside(self, network: Network) -> tuple[Block, ...]:
        """Blocks of parts of it."""
        return tuple(b for b in self.blocks if b.network != network and _within(b.network, network))


def _within(inner: Network, outer: Network) -> bool:
    """Whether all of ``inner`` is in ``outer``; networks of two versions share nothing."""
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def mark(key: str, until: datetime) -> str:
    """The mark of a block that the action with this idempotency key makes."""
    name = key if _PRINTABLE_KEY.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()[:32]
    return f"watchkeeper:{name}:{until:{_MARKED_TIME}}"


def shown(moment: datetime) -> str:
    """As people read it, to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def same(one: Block | None, other: Block | None) -> bool:
    """Whether two blocks are the same one: they are of one make, and end at one time as far as clocks can tell."""
    if one is None or other is None or one.until is None or other.until is None:
        return one == other
    return one.identity == other.identity and abs(one.until - other.until) <= SLACK


def as_json(block: Block | None) -> JsonValue:
    """A block, or that there is none, as it is stored."""
    if block is None:
        return None
    return {
        "network": str(block.network),
        **block.identity,
        "until": block.until.isoformat(timespec="seconds") if block.until is not None else None,
    }


def from_json(noted: Any) -> Block | None:
    """The same read back."""
    if noted is None:
        return None
    lasts, until = noted["lasts_seconds"], noted["until"]
    return Block(
        network=ip_network(noted["network"]),
        lasts=timedelta(seconds=lasts) if lasts is not None else None,
        until=datetime.fromisoformat(until) if until is not None else None,
        mark=noted["mark"],
    )
