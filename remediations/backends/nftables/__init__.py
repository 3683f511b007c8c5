"""The way to the packet filter of one network: two sets of blocked addresses in a table agreed upon, through ``nft``.

The table belongs to the administrator (``deploy/watchkeeper.nft``), who says in it what becomes of packets from a
blocked address. This puts elements into its two sets and takes them out, and names no other table, ever.

What an error means is as for the other backends: ``TemporaryError`` only where nothing has been asked of the kernel. A
change is one transaction of the kernel: all of it or nothing. Whether it took effect is judged from what the sets hold
afterwards and not from what ``nft`` says, which differs from version to version; that is also how one is decided whose
``nft`` did not answer, because it has been ended by then.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from bot.policy.file.fields import Duration
from bot.remediation import PermanentError, TemporaryError
from remediations.backends import program
from remediations.backends.base import Backend, BackendSettings
from remediations.backends.nftables.peers import connected_peers
from remediations.backends.nftables.table import REMEDY, SETS, Element, Network, Table, read_table
from remediations.backends.program import Answer, TooLongAnswerError

RETRY_AFTER_SECONDS = 5.0
NFT = ("nft", "--json")
FAMILY = "inet"
SHORTEST = timedelta(seconds=1)
COMMENT_MAX_BYTES = 127
"""What the kernel keeps of a comment."""


@dataclass(frozen=True, slots=True)
class Own:
    """An address that belongs to the network itself."""

    network: Network
    what: str
    """In words: "the address of eth0", "a gateway"."""


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


class Nftables(Backend):
    """The packet filter of one network."""

    kind: ClassVar[str] = "nftables"
    settings: ClassVar[type[BackendSettings]] = NftablesSettings

    def __init__(self, name: str, settings: NftablesSettings) -> None:
        super().__init__(name, settings)
        self._settings = settings
        self._seconds = settings.timeout.total_seconds()

    def __str__(self) -> str:
        where = f" in {self._settings.namespace}" if self._settings.namespace else ""
        return f"table {FAMILY} {self._settings.table}{where} (backend {self.name!r})"

    async def table(self) -> Table:
        """Everything that is blocked now, by whomever, and whether blocking is felt.

        Raises:
            TemporaryError: ``nft`` did not answer in time.
            PermanentError: there is no such table, or we may not look.
        """
        return await self._table()

    async def _table(self, *options: str) -> Table:
        answer = await self._asked(*NFT, *options, "list", "table", FAMILY, self._settings.table)
        if not answer.succeeded:
            raise self._refused(answer)
        try:
            return await asyncio.to_thread(read_table, answer.output)  # a large one takes a while
        except ValueError as error:
            raise PermanentError(
                f"{self}: nft answered with something else than its JSON; version 0.9.3 or newer is needed."
            ) from error

    async def _reach(self) -> str:
        """Without the elements of the sets, which may be many."""
        table = await self._table("--terse")
        return next((f"{self} {weakness}" for weakness in table.weaknesses.values()), "")

    async def change(self, *, out: Network | None = None, into: Element | None = None) -> None:
        """Take exactly ``out`` from its set and put ``into`` into its own, both at once or neither.

        Nothing that is there already is put in again: that is an error, as is taking out what is not there. Elements
        without a timeout cannot be put in: what Watchkeeper blocks must end without it.

        Raises:
            TemporaryError: nothing has been asked of the kernel yet.
            PermanentError: it was not done (the text says why), or whether it was is unknown.
        """
        commands = self._commands(out, into)
        try:
            answer = await self._run(*NFT, commands)
        except TimeoutError:
            complaint = f"no answer within {self._seconds:g} s"
            answer = Answer(succeeded=False, killed=True, output=b"", complaint=complaint)
        if not answer.succeeded:
            await self._judge(answer, out, into)

    async def rehearse(self, *, out: Network | None = None, into: Element | None = None) -> None:
        """Let the kernel check a change without making it.

        Raises:
            TemporaryError: ``nft`` did not answer in time.
            PermanentError: the kernel would refuse it.
        """
        answer = await self._asked(*NFT, "--check", self._commands(out, into))
        if not answer.succeeded:
            raise self._refused(answer)

    async def own(self) -> tuple[Own, ...]:
        """The addresses of the network itself and of Watchkeeper, the gateways, and whom Watchkeeper is connected with.

        Raises:
            TemporaryError: ``ip`` did not answer in time.
            PermanentError: it is not installed, or could not say.
        """
        found = [
            *await self._told(_addresses, "address"),
            *await self._told(_gateways, "route", "show", "table", "all"),
        ]
        if self._settings.namespace is not None:
            found.extend(await self._told(_addresses, "address", here=True))
        try:
            peers = await asyncio.to_thread(connected_peers)
        except (OSError, ValueError) as error:
            raise PermanentError(
                "Whom Watchkeeper is connected with cannot be told: let it read /proc/self/net/tcp and /proc/self/fd."
            ) from error
        found.extend(Own(ip_network(peer), "connected with Watchkeeper itself") for peer in peers)
        return tuple(found)

    async def _told(
        self, read: Callable[[Mapping[str, Any]], Iterator[Own]], *arguments: str, here: bool = False
    ) -> list[Own]:
        """What ``ip`` says; ``here``: in Watchkeeper's own namespace."""
        answer = await self._asked("ip", "-json", *arguments, here=here)
        if not answer.succeeded:
            raise PermanentError(f"The addresses of {self} cannot be told: ip says {answer.complaint!r}.")
        try:
            return [own for each in json.loads(answer.output or b"[]") for own in read(each)]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise PermanentError(
                f"The addresses of {self} cannot be told: ip answered with something else than its JSON; iproute2 4.17 "
                "or newer is needed."
            ) from error

    async def _judge(self, answer: Answer, out: Network | None, into: Element | None) -> None:
        """What came of a change that ``nft`` did not say it had made. Returns where it was made nevertheless."""
        what = " and ".join(
            f"{verb} {network}" for verb, network in (("unblock", out), ("block", into and into.network)) if network
        )
        try:
            table = await self.table()
        except TemporaryError as error:
            raise PermanentError(
                f"To {what} in {self} was refused ({answer.complaint}), or nobody knows what came of it: {error} Check "
                "with `nft list sets`."
            ) from error
        gone = out is None or all(element.network != out for element in table.elements)
        if into is None and gone:
            return
        if into is not None:
            for element in table.elements:
                if (element.network, element.timeout, element.comment) == (into.network, into.timeout, into.comment):
                    return
                if element.network.version == into.network.version and element.network.overlaps(into.network):
                    if element.network == out:
                        continue
                    raise PermanentError(
                        f"{into.network} was not blocked, because {element.network} is blocked in {self} already, "
                        f"{_end(element)}."
                    )
        raise PermanentError(f"To {what} in {self} was refused: nft says {answer.complaint!r}.")

    def _commands(self, out: Network | None, into: Element | None) -> str:
        commands: list[dict[str, Any]] = []
        if out is not None:
            commands.append({"delete": self._element(out, _value(out))})
        if into is not None:
            commands.append({"create": self._element(into.network, {"elem": _written(into)})})
        return json.dumps({"nftables": commands})

    def _element(self, network: Network, element: Any) -> dict[str, Any]:
        where = {"family": FAMILY, "table": self._settings.table, "name": SETS[network.version]}
        return {"element": {**where, "elem": [element]}}

    def _refused(self, answer: Answer) -> PermanentError:
        if "not permitted" in answer.complaint:
            return PermanentError(
                f"{self} may not be used by us: give the Watchkeeper process CAP_NET_ADMIN (AmbientCapabilities= in "
                "its unit)."
            )
        return PermanentError(
            f"{self} is not there or cannot be used: {REMEDY}, or correct `table` or `namespace` of the backend. nft "
            f"says {answer.complaint!r}."
        )

    async def _asked(self, *command: str, here: bool = False) -> Answer:
        """The answer to what changes nothing."""
        try:
            answer = await self._run(*command, here=here)
        except TimeoutError as error:
            raise TemporaryError(
                f"{_shown(command)} for {self} was not answered within {self._seconds:g} s.",
                retry_after=RETRY_AFTER_SECONDS,
            ) from error
        if answer.killed:
            raise TemporaryError(
                f"{_shown(command)} for {self} was killed before it had answered.", retry_after=RETRY_AFTER_SECONDS
            )
        return answer

    async def _run(self, *command: str, here: bool = False) -> Answer:
        """Run a program in the network's namespace, or ``here`` in ours.

        Raises:
            TimeoutError: it did not answer, and has been ended.
            TemporaryError: it could not be started.
            PermanentError: it is not installed, or did not stop talking.
        """
        namespace = None if here else self._settings.namespace
        enter: tuple[str, ...] = ("nsenter", f"--net={namespace}") if namespace else ()
        for needed in (*enter[:1], command[0]):
            if not program.is_installed(needed):
                raise PermanentError(f"{self}: {needed} is not installed on Watchkeeper's machine; install it.")
        asked = f"{_shown(command)} for {self}"
        try:
            return await program.ask(*enter, *command, within=self._seconds)
        except TimeoutError:
            raise
        except TooLongAnswerError as error:
            raise PermanentError(
                f"{asked} was answered with more than {program.LARGEST_ANSWER_BYTES // 2**20} MB: take out what need "
                "not be blocked."
            ) from error
        except OSError as error:
            raise TemporaryError(
                f"{asked} could not be started ({error.strerror}).", retry_after=RETRY_AFTER_SECONDS
            ) from error


def _shown(command: tuple[str, ...]) -> str:
    """A command for people, without the JSON of a change."""
    return f"`{' '.join('…' if word.startswith('{') else word for word in command)}`"


def _value(network: Network) -> Any:
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return {"prefix": {"addr": str(network.network_address), "len": network.prefixlen}}


def _written(element: Element) -> dict[str, Any]:
    """An element as ``nft`` reads it; times in whole seconds, rounded up."""
    if element.timeout is None or element.timeout < SHORTEST:
        raise PermanentError(f"{element.network} must be blocked for a time, and for 1 s at the least.")
    if len(element.comment.encode()) > COMMENT_MAX_BYTES:
        raise PermanentError(f"The comment on {element.network} is longer than {COMMENT_MAX_BYTES} bytes.")
    timeout = _seconds(element.timeout)
    written: dict[str, Any] = {"val": _value(element.network), "timeout": timeout}
    if element.expires_in is not None and _seconds(element.expires_in) < timeout:
        written["expires"] = max(1, _seconds(element.expires_in))
    if element.comment:
        written["comment"] = element.comment
    return written


def _seconds(time: timedelta) -> int:
    return -int(-time.total_seconds() // 1)


def _end(element: Element) -> str:
    return "without an end" if element.expires_in is None else f"for {element.expires_in.total_seconds():.0f} s more"


def _addresses(interface: Mapping[str, Any]) -> Iterator[Own]:
    for each in interface.get("addr_info", ()):
        if "local" in each:
            yield Own(ip_network(each["local"]), f"the address of {interface['ifname']}")


def _gateways(route: Mapping[str, Any]) -> Iterator[Own]:
    for hop in (route, *route.get("nexthops", ())):
        gateway = hop.get("gateway") or hop.get("via", {}).get("host")
        if gateway:
            yield Own(ip_network(str(ip_address(gateway))), f"the gateway to {route['dst']}")
