"""What ``nft --json list table`` says of the table agreed upon, read strictly: its sets, and what drops them.

Whatever does not have the shape that ``nft`` documents is a ValueError, never an empty answer: "nothing is blocked"
must not come from a misunderstanding.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network, summarize_address_range
from typing import Any

Network = IPv4Network | IPv6Network
SETS: Mapping[int, str] = {4: "blocked_ipv4", 6: "blocked_ipv6"}
"""IP version to the set that holds its addresses."""
REMEDY = "load deploy/watchkeeper.nft"
_FLAGS = frozenset({"interval", "timeout"})
_HOOKS = frozenset({"prerouting", "input", "forward", "ingress"})
"""Where packets from outside come by."""
_PROTOCOLS: Mapping[int, str] = {4: "ip", 6: "ip6"}
_STOPPING = frozenset({"drop", "reject"})
_LEAVING = frozenset({"accept", "return", "queue"})
_ELSEWHERE = frozenset({"jump", "goto"})
_HARMLESS = frozenset({"counter", "log"})
"""Statements that change nothing about whether a rule stops a packet."""


@dataclass(frozen=True, slots=True)
class Element:
    """One address or network in one of the sets."""

    network: Network
    timeout: timedelta | None = None
    """How long it was to stay when it was put in; None: until somebody takes it out."""
    expires_in: timedelta | None = None
    """When the kernel takes it out, to the second; None without a timeout."""
    comment: str = ""
    whole: bool = True
    """False: one of the networks of a range, so that it cannot be taken out alone."""


@dataclass(frozen=True, slots=True)
class Table:
    """The table as it is now."""

    elements: tuple[Element, ...]
    """IPv4 before IPv6, in order of addresses; a range is given as the networks that it consists of."""
    weaknesses: Mapping[int, str] = field(default_factory=dict)
    """IP version to why its set drops nothing or cannot be used, as the end of a sentence with a remedy; else none."""


def read_table(answer: bytes) -> Table:
    """What the table holds.

    Raises:
        ValueError: ``nft`` did not answer with its JSON, or with a shape of it that nobody knows.
    """
    try:
        found = json.loads(answer)["nftables"]
        sets = {each["set"]["name"]: each["set"] for each in found if "set" in each}
        elements = [
            element
            for version, name in SETS.items()
            for each in sets.get(name, {}).get("elem", ())
            for element in _elements(each, sets[name].get("timeout"), version)
        ]
        weaknesses = {version: _weakness(found, sets.get(name), version) for version, name in SETS.items()}
    except (LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError("not the shape of nft's JSON") from error
    elements.sort(key=lambda element: (element.network.version, element.network))
    return Table(tuple(elements), {version: weakness for version, weakness in weaknesses.items() if weakness})


def _elements(element: Any, default_timeout: int | None, version: int) -> Iterator[Element]:
    """One element of a set as ``nft`` writes it: bare where there is nothing to say about it but its value."""
    found = element["elem"] if isinstance(element, dict) and "elem" in element else {"val": element}
    expiring = "timeout" in found or "expires" in found
    timeout = found.get("timeout", default_timeout or found.get("expires")) if expiring else None
    networks = tuple(_networks(found["val"]))
    for network in networks:
        if network.version != version:
            raise ValueError(f"{network} is not of IPv{version}")
        yield Element(
            network=network,
            timeout=timedelta(seconds=timeout) if timeout is not None else None,
            expires_in=timedelta(seconds=found.get("expires", 0)) if expiring else None,
            comment=str(found.get("comment") or ""),
            whole=len(networks) == 1,
        )


def _networks(value: Any) -> Iterator[Network]:
    if isinstance(value, str):
        yield ip_network(value)
    elif "prefix" in value:
        yield ip_network((value["prefix"]["addr"], value["prefix"]["len"]))
    else:
        first, last = (ip_address(each) for each in value["range"])
        yield from summarize_address_range(first, last)


def _weakness(found: Sequence[Mapping[str, Any]], its_set: Mapping[str, Any] | None, version: int) -> str:
    name = SETS[version]
    if its_set is None:
        return f"has no set {name}: {REMEDY}."
    kind, flags = its_set["type"], set(its_set.get("flags", ()))
    if kind != f"ipv{version}_addr" or not flags >= _FLAGS:
        return (
            f"has a set {name} of type {kind} with flags {', '.join(sorted(flags)) or 'none'}: it must be of type "
            f"ipv{version}_addr with flags interval, timeout; see deploy/watchkeeper.nft."
        )
    if its_set.get("auto-merge"):
        return (
            f"has a set {name} with auto-merge, which makes one block of two and forgets when they end: leave it out."
        )
    if any("flags" in each["table"] for each in found if "table" in each):
        return "is dormant, or belongs to another program: remove its `flags`."
    if not _Rules(found, version).drop():
        return f"has no rule behind a hook that drops what is in the set {name}, so nothing would be blocked: {REMEDY}."
    return ""


class _Rules:
    """The rules of a table, walked as a packet from an address in one of the sets walks them."""

    def __init__(self, found: Sequence[Mapping[str, Any]], version: int) -> None:
        chains = [each["chain"] for each in found if "chain" in each]
        self._begin = [chain["name"] for chain in chains if chain.get("hook") in _HOOKS]
        self._rules: dict[str, list[list[dict[str, Any]]]] = {chain["name"]: [] for chain in chains}
        for each in found:
            if "rule" in each:
                self._rules[each["rule"]["chain"]].append(each["rule"]["expr"])
        self._source = {"payload": {"protocol": _PROTOCOLS[version], "field": "saddr"}}
        self._set = f"@{SETS[version]}"

    def drop(self) -> bool:
        """Whether some way from a hook leads to a rule that stops the packet."""
        return any(self._stops(chain, sure=True, seen=frozenset()) for chain in self._begin)

    def _stops(self, chain: str, *, sure: bool, seen: frozenset[str]) -> bool:
        """``sure``: every packet from the set comes by here, or only such packets do.

        What else a rule that asks for the set asks for (an interface, a port) and what is let through before it is the
        administrator's choice.
        """
        if chain in seen:
            return False
        for rule in self._rules[chain]:
            words = frozenset(word for statement in rule for word in statement)
            asked = words - _STOPPING - _LEAVING - _HARMLESS - _ELSEWHERE
            about_it = any(self._asks_for_it(statement) for statement in rule)
            reached = about_it or (sure and not asked)
            if asked <= {"match"}:
                if reached and words & _STOPPING:
                    return True
                for target in (statement[word]["target"] for statement in rule for word in _ELSEWHERE & set(statement)):
                    if self._stops(target, sure=reached, seen=seen | {chain}):
                        return True
            if not asked and words & (_LEAVING | {"goto"}):
                return False
        return False

    def _asks_for_it(self, statement: Mapping[str, Any]) -> bool:
        asked = statement.get("match", {})
        return bool(asked.get("left") == self._source and asked.get("right") == self._set and asked.get("op") == "==")
