"""The way to the packet filter of one network: two sets of blocked addresses in a table agreed upon, through ``nft``.

The table belongs to the administrator (``deploy/watchkeeper.nft``), who says in it what becomes of packets from a
blocked address. This adds elements to its two sets and takes them out, and names no other table, ever. Every element
that it adds expires by itself: the kernel takes it out, also when Watchkeeper is gone.

``nft`` is a program that answers in a few milliseconds. It is given an argument list, a limit and nothing of our
environment; when the wait for it is cancelled, it is ended. What failed is judged from what the sets hold afterwards
and not from what ``nft`` says, which differs from version to version.

What an error means is as for the other backends: ``TemporaryError`` only where nothing has been asked of the kernel.
"""

import asyncio
import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network, summarize_address_range
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, TemporaryError
from remediations.backends.base import Backend, BackendSettings

RETRY_AFTER_SECONDS = 5.0
FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where the programs are searched: what filters packets is not chosen by anybody's environment."""
FAMILY = "inet"
SETS: Mapping[int, str] = {4: "blocked_ipv4", 6: "blocked_ipv6"}
"""IP version to the set that holds its addresses."""
FLAGS = frozenset({"interval", "timeout"})
STOPPING = frozenset({"drop", "reject", "jump", "goto"})
"""What a rule may do with packets from a blocked address; where it jumps to is the administrator's to know."""
MARK = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
SHORTEST = timedelta(seconds=1)

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Block:
    """One blocked address or network."""

    network: Network
    expires_in: timedelta | None
    """To the second; None when it stays until somebody takes it out."""
    mark: str | None
    """The comment on it, such as the mark of what blocked it."""


class NftablesSettings(BackendSettings):
    """``backends:`` entry of kind ``nftables``."""

    table: str = Field(default="watchkeeper", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")
    """The table of family ``inet`` with the two sets; everything else in the packet filter is left alone."""
    namespace: Path | None = None
    """A network namespace, such as ``/run/netns/edge``; Watchkeeper's own without it."""
    timeout: Duration = timedelta(seconds=5)
    """For one call of ``nft``."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.namespace is not None and not self.namespace.is_absolute():
            raise ValueError("`namespace` is the path of a network namespace, such as /run/netns/edge")
        if not self.timeout > timedelta(0):
            raise ValueError("timeout must be longer than 0s")
        return self


@dataclass(frozen=True, slots=True)
class _Answer:
    succeeded: bool
    output: bytes
    complaint: str


class Nftables(Backend):
    """The packet filter of one network."""

    kind: ClassVar[str] = "nftables"
    settings: ClassVar[type[BackendSettings]] = NftablesSettings

    def __init__(self, name: str, settings: NftablesSettings) -> None:
        super().__init__(name, settings)
        self._settings = settings

    def __str__(self) -> str:
        where = f" in {self._settings.namespace}" if self._settings.namespace else ""
        return f"table {FAMILY} {self._settings.table}{where} (backend {self.name!r})"

    async def check(self) -> None:
        """That the table is there, has both sets, and has a rule for each, so that a block will be felt.

        Raises:
            TemporaryError: ``nft`` did not answer in time.
            PermanentError: something of it is missing, or we may not look.
        """
        found = await self._list("table", self._settings.table)
        sets = {each["set"]["name"]: each["set"] for each in found if "set" in each}
        rules = [each["rule"]["expr"] for each in found if "rule" in each]
        stopping = json.dumps([rule for rule in rules if any(STOPPING & set(statement) for statement in rule)])
        for version, name in SETS.items():
            if name not in sets:
                raise PermanentError(f"{self} has no set {name}: load deploy/watchkeeper.nft.")
            kind, flags = sets[name]["type"], set(sets[name].get("flags", ()))
            if kind != f"ipv{version}_addr" or not flags >= FLAGS:
                raise PermanentError(
                    f"Set {name} of {self} is of type {kind} with flags {', '.join(sorted(flags)) or 'none'}: it must "
                    f"be of type ipv{version}_addr with flags interval, timeout; see deploy/watchkeeper.nft."
                )
            if f'"@{name}"' not in stopping:
                raise PermanentError(
                    f"No rule of {self} drops what is in the set {name}, so nothing would be blocked: load "
                    "deploy/watchkeeper.nft."
                )

    async def blocked(self) -> tuple[Block, ...]:
        """Everything that is blocked now, by whomever, IPv4 before IPv6 and in order of addresses.

        A range that somebody else put in is given as the networks that it consists of.

        Raises:
            TemporaryError: ``nft`` did not answer in time.
            PermanentError: there is no such table or set, or we may not look.
        """
        found: list[Block] = []
        for name in SETS.values():
            (listed,) = [each["set"] for each in await self._list("set", self._settings.table, name) if "set" in each]
            found.extend(block for element in listed.get("elem", ()) for block in _blocks(element))
        return tuple(sorted(found, key=lambda block: (block.network.version, block.network)))

    async def block(self, network: Network, duration: timedelta, mark: str | None = None) -> None:
        """Block an address or a network for a time, counted in whole seconds; what is blocked already is an error.

        Raises:
            TemporaryError: nothing has been asked of the kernel yet.
            PermanentError: it overlaps what is blocked already, the table or its sets are missing, we may not, or
                ``nft`` did not answer, so that the outcome is unknown.
        """
        if duration < SHORTEST:
            raise PermanentError(
                f"{network} cannot be blocked for {duration.total_seconds():g} s: 1 s is the shortest."
            )
        if mark is not None and not MARK.fullmatch(mark):
            raise PermanentError(
                f"The mark of a block must be 1 to 64 letters, digits or any of _ . : -, and {mark!r} is not."
            )
        seconds = math.ceil(duration.total_seconds())
        comment = f' comment "{mark}"' if mark else ""
        answer = await self._element("create", network, f"{network} timeout {seconds}s{comment}")
        if answer.succeeded:
            return
        for block in await self._look_after(answer, f"block {network}"):
            if block.network.version == network.version and block.network.overlaps(network):
                end = f"for {block.expires_in.total_seconds():.0f} s more" if block.expires_in else "without an end"
                raise PermanentError(
                    f"{network} was not blocked, because {block.network} is blocked in {self} already, {end}."
                )
        raise PermanentError(f"{network} was not blocked in {self}: nft says {answer.complaint!r}.")

    async def unblock(self, network: Network) -> bool:
        """Take out exactly this address or network; False when it is not there, or not any more.

        Raises:
            TemporaryError: nothing has been asked of the kernel yet.
            PermanentError: the table or its sets are missing, we may not, or ``nft`` did not answer, so that the
                outcome is unknown.
        """
        answer = await self._element("delete", network, str(network))
        if answer.succeeded:
            return True
        if any(block.network == network for block in await self._look_after(answer, f"unblock {network}")):
            raise PermanentError(f"{network} was not unblocked in {self}: nft says {answer.complaint!r}.")
        return False

    async def _look_after(self, answer: _Answer, what: str) -> tuple[Block, ...]:
        """What is blocked after ``nft`` refused a change, which is why it cannot be temporary any more."""
        try:
            return await self.blocked()
        except TemporaryError as error:
            raise PermanentError(f"nft refused to {what} ({answer.complaint!r}), and then: {error}") from error

    async def _element(self, verb: str, network: Network, element: str) -> _Answer:
        """Change one of our two sets; the answer may be a refusal."""
        return await self._nft(
            *(verb, "element", FAMILY, self._settings.table, SETS[network.version], f"{{ {element} }}"), changes=True
        )

    async def _list(self, what: str, *names: str) -> list[dict[str, Any]]:
        answer = await self._nft("list", what, FAMILY, *names, changes=False)
        if not answer.succeeded:
            if "not permitted" in answer.complaint:
                raise PermanentError(
                    f"{self} may not be used by us: give the Watchkeeper process CAP_NET_ADMIN (AmbientCapabilities= "
                    "in its unit)."
                )
            raise PermanentError(
                f"{self} has no {what} {names[-1]}, or it cannot be read: load deploy/watchkeeper.nft, or correct "
                f"`table` or `namespace` of the backend. nft says {answer.complaint!r}."
            )
        try:
            found: list[dict[str, Any]] = json.loads(answer.output)["nftables"]
        except (ValueError, LookupError, TypeError) as error:
            raise PermanentError(
                f"{self}: nft did not answer with its JSON; version 0.9.3 or newer is needed."
            ) from error
        return found

    async def _nft(self, *arguments: str, changes: bool) -> _Answer:
        seconds = self._settings.timeout.total_seconds()
        enter: tuple[str, ...] = ("nsenter", f"--net={self._settings.namespace}") if self._settings.namespace else ()
        command = (*enter, "nft", "--json", *arguments)
        for needed in {command[0], "nft"}:
            if shutil.which(needed, path=FOLDERS) is None:
                raise PermanentError(f"{self}: {needed} is not installed on Watchkeeper's machine; install it.")
        process = await asyncio.create_subprocess_exec(
            *command,
            env={"LC_ALL": "C", "PATH": FOLDERS},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(seconds):
                output, complaint = await process.communicate()
        except TimeoutError as error:
            what = f"nft did not answer `{' '.join(arguments)}` for {self} within {seconds:g} s"
            if changes:
                raise PermanentError(
                    f"{what}; whether it took effect is unknown. Check with `nft list sets`."
                ) from error
            raise TemporaryError(f"{what}.", retry_after=RETRY_AFTER_SECONDS) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        first, *_ = complaint.decode(errors="replace").splitlines() or [""]
        return _Answer(succeeded=process.returncode == 0, output=output, complaint=first.removeprefix("Error: "))


def _blocks(element: Any) -> Iterator[Block]:
    """One element of a set as ``nft`` writes it: bare where there is nothing to say about it but its value."""
    found = element["elem"] if isinstance(element, dict) and "elem" in element else {"val": element}
    expires_in = timedelta(seconds=found.get("expires", 0)) if "timeout" in found else None
    for network in _networks(found["val"]):
        yield Block(network=network, expires_in=expires_in, mark=found.get("comment"))


def _networks(value: Any) -> Iterator[Network]:
    if isinstance(value, str):
        yield ip_network(value)
    elif "prefix" in value:
        yield ip_network((value["prefix"]["addr"], value["prefix"]["len"]))
    else:
        first, last = (ip_address(each) for each in value["range"])
        yield from summarize_address_range(first, last)
