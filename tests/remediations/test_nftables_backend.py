"""The nftables backend in a network namespace of its own, where packets really are dropped and pass again."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from bot.remediation import PermanentError, TemporaryError
from remediations.backends import nftables as nftables_module
from remediations.backends.nftables import Nftables, NftablesSettings
from tests.fixtures.network import ATTACKER, BYSTANDER, Wire, running_wire
from tests.fixtures.servers import until

TABLE = Path(__file__).parents[2] / "deploy" / "watchkeeper.nft"
FOREIGN = """
table inet filter {
    set blocked_ipv4 { type ipv4_addr; flags interval, timeout; elements = { 192.0.2.1 timeout 1d }; }
    chain input { type filter hook input priority 0; policy accept; }
}
table ip watchkeeper { set blocked_ipv4 { type ipv4_addr; flags interval, timeout; }; }
"""
HOUR = timedelta(hours=1)


def nftables_in(wire: Wire, **settings: Any) -> Nftables:
    return Nftables("nftables", NftablesSettings.model_validate({"namespace": wire.gate.path, **settings}))


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    """With the table that we ship."""
    async with running_wire() as running:
        await running.gate.run("nft", "-f", "-", text=TABLE.read_text())
        yield running


@pytest.mark.parametrize("version", [4, 6])
async def test_packets_are_dropped_while_blocked_and_pass_again_when_taken_out(wire: Wire, version: int) -> None:
    nftables = nftables_in(wire)
    attacker, bystander = ATTACKER[version], BYSTANDER[version]
    assert await wire.passes(attacker)
    await nftables.block(ip_network(attacker), HOUR)
    assert not await wire.passes(attacker)
    assert await wire.passes(bystander)
    assert await nftables.unblock(ip_network(attacker))
    assert await wire.passes(attacker)


@pytest.mark.parametrize("version", [4, 6])
async def test_a_block_ends_by_itself(wire: Wire, version: int) -> None:
    nftables = nftables_in(wire)
    attacker = ATTACKER[version]
    await nftables.block(ip_network(attacker), timedelta(seconds=1))

    async def ended() -> bool:
        return await nftables.blocked() == ()

    await until(ended, "the block has ended")
    assert await wire.passes(attacker)
    assert not await nftables.unblock(ip_network(attacker))


@pytest.mark.parametrize("network", ["198.51.100.0/29", "2001:db8::/125"])
async def test_a_network_is_blocked_as_a_whole_and_no_wider(wire: Wire, network: str) -> None:
    version = ip_network(network).version
    await nftables_in(wire).block(ip_network(network), HOUR)
    assert not await wire.passes(ATTACKER[version])
    assert await wire.passes(BYSTANDER[version])


async def test_what_is_blocked_is_listed_with_its_mark_and_remaining_time(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await nftables.block(ip_network("2001:db8::/64"), 2 * HOUR)
    await nftables.block(ip_network("198.51.100.7"), HOUR, mark="watchkeeper:A-17")
    await nftables.block(ip_network("192.0.2.0/24"), HOUR)
    await wire.gate.run("nft", "add element inet watchkeeper blocked_ipv4 { 203.0.113.0-203.0.113.2 }")
    found = await nftables.blocked()
    assert [(str(block.network), block.mark) for block in found] == [
        ("192.0.2.0/24", None),
        ("198.51.100.7/32", "watchkeeper:A-17"),
        ("203.0.113.0/31", None),
        ("203.0.113.2/32", None),
        ("2001:db8::/64", None),
    ]
    for block, longest in zip(found, (HOUR, HOUR, None, None, 2 * HOUR), strict=True):
        if longest is None:
            assert block.expires_in is None
        else:
            assert block.expires_in is not None
            assert timedelta(0) < block.expires_in <= longest


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.0/24", "198.51.100.7"),
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8::/64", "2001:db8::7"),
    ],
)
async def test_what_is_blocked_already_is_left_as_it_is(wire: Wire, first: str, second: str) -> None:
    nftables = nftables_in(wire)
    await nftables.block(ip_network(first), HOUR)
    with pytest.raises(PermanentError, match=rf"because {ip_network(first)} is blocked in .* already, for 3\d+ s more"):
        await nftables.block(ip_network(second), 2 * HOUR)
    (block,) = await nftables.blocked()
    assert block.network == ip_network(first)
    assert block.expires_in is not None
    assert block.expires_in <= HOUR


async def test_what_is_not_there_is_not_taken_out_and_neither_is_a_part(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await nftables.block(ip_network("198.51.100.0/24"), HOUR)
    assert not await nftables.unblock(ip_network("198.51.100.7"))
    assert not await nftables.unblock(ip_network("2001:db8::7"))
    assert not await wire.passes(ATTACKER[4])


async def test_no_other_table_is_touched(wire: Wire) -> None:
    await wire.gate.run("nft", "-f", "-", text=FOREIGN)

    async def others() -> list[str]:
        return [
            await wire.gate.run("nft", "list", "table", *name) for name in (("inet", "filter"), ("ip", "watchkeeper"))
        ]

    async def at_rest() -> list[str]:
        return [line.partition(" expires ")[0] for table in await others() for line in table.splitlines()]

    before = await at_rest()
    nftables = nftables_in(wire)
    assert await nftables.blocked() == ()
    await nftables.block(ip_network("192.0.2.1"), HOUR)
    await nftables.unblock(ip_network("192.0.2.1"))
    assert not await nftables.unblock(ip_network("192.0.2.1"))
    assert await at_rest() == before


async def test_loading_our_table_again_keeps_what_is_blocked(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await nftables.block(ip_network(ATTACKER[4]), HOUR)
    await wire.gate.run("nft", "-f", "-", text=TABLE.read_text())
    await nftables.check()
    assert [block.network for block in await nftables.blocked()] == [ip_network(ATTACKER[4])]
    assert not await wire.passes(ATTACKER[4])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            "delete table inet watchkeeper",
            r"has no table watchkeeper, or it cannot be read: load deploy/watchkeeper.nft",
        ),
        ("flush chain inet watchkeeper incoming", "drops what is in the set blocked_ipv4, so nothing"),
        (
            "flush chain inet watchkeeper incoming; add rule inet watchkeeper incoming ip saddr @blocked_ipv4 drop; "
            "add rule inet watchkeeper incoming ip6 saddr @blocked_ipv6 counter accept",
            "drops what is in the set blocked_ipv6, so nothing",
        ),
        (
            "flush chain inet watchkeeper incoming; delete set inet watchkeeper blocked_ipv4; "
            "add set inet watchkeeper blocked_ipv4 { type ipv4_addr; flags interval; }",
            "is of type ipv4_addr with flags interval: it must be of type ipv4_addr with flags interval, timeout",
        ),
        (
            "delete table inet watchkeeper; add table inet watchkeeper",
            "has no set blocked_ipv4: load deploy/watchkeeper.nft",
        ),
    ],
)
async def test_a_table_in_which_a_block_would_not_be_felt_is_refused(wire: Wire, change: str, text: str) -> None:
    nftables = nftables_in(wire)
    await nftables.check()
    await wire.gate.run("nft", change)
    with pytest.raises(PermanentError, match=text):
        await nftables.check()


async def test_without_the_table_nothing_is_blocked_or_taken_out_and_the_remedy_is_named(wire: Wire) -> None:
    nftables = nftables_in(wire, table="elsewhere")
    for act in (nftables.block(ip_network("192.0.2.1"), HOUR), nftables.unblock(ip_network("192.0.2.1"))):
        with pytest.raises(
            PermanentError, match=r"has no set blocked_ipv4.*load deploy/watchkeeper.nft, or correct `table`"
        ):
            await act


async def test_a_namespace_that_is_not_there_is_named_with_the_remedy(wire: Wire, tmp_path: Path) -> None:
    nftables = nftables_in(wire, namespace=tmp_path / "absent")
    for act in (nftables.check(), nftables.block(ip_network("192.0.2.1"), HOUR)):
        with pytest.raises(PermanentError, match=r"or correct `table` or `namespace` of the backend.*No such file"):
            await act


@pytest.mark.parametrize(
    ("duration", "mark", "text"),
    [
        (timedelta(milliseconds=500), None, "cannot be blocked for 0.5 s: 1 s is the shortest"),
        (HOUR, 'x" }; flush ruleset', "must be 1 to 64 letters, digits"),
        (HOUR, "", "must be 1 to 64 letters, digits"),
    ],
)
async def test_what_nft_could_misread_never_reaches_it(
    wire: Wire, duration: timedelta, mark: str | None, text: str
) -> None:
    nftables = nftables_in(wire)
    with pytest.raises(PermanentError, match=text):
        await nftables.block(ip_network("192.0.2.1"), duration, mark)
    assert await nftables.blocked() == ()


async def test_an_unprivileged_process_is_told_what_it_lacks(wire: Wire, tmp_path: Path) -> None:
    weak = tmp_path / "nft"
    weak.write_text(
        '#!/bin/sh\nexec setpriv --bounding-set=-all --inh-caps=-all --reuid=65534 --clear-groups /usr/sbin/nft "$@"\n'
    )
    weak.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nftables_module, "FOLDERS", f"{tmp_path}:{nftables_module.FOLDERS}")
        with pytest.raises(PermanentError, match="CAP_NET_ADMIN"):
            await nftables_in(wire).blocked()
        with pytest.raises(PermanentError, match="CAP_NET_ADMIN"):
            await nftables_in(wire).block(ip_network("192.0.2.1"), HOUR)


def ended(pid: Path) -> bool:
    return not Path("/proc", pid.read_text().strip()).exists()


def hanging_nft(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A program named nft that writes its pid and environment down and then never answers."""
    program = folder / "nft"
    program.write_text(f"#!/bin/sh\nenv > {folder}/environment\necho $$ > {folder}/pid\nexec sleep infinity\n")
    program.chmod(0o755)
    patch.setattr(nftables_module, "FOLDERS", f"{folder}:{nftables_module.FOLDERS}")
    return folder / "pid"


async def test_an_nft_that_hangs_is_ended_and_a_change_is_then_an_unknown_outcome(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_PASSWORD", "hunter2")
    pid = hanging_nft(tmp_path, monkeypatch)
    nftables = Nftables("nftables", NftablesSettings.model_validate({"timeout": "300ms"}))
    with pytest.raises(
        TemporaryError, match=r"nft did not answer `list set inet watchkeeper blocked_ipv4` for .* 0.3 s"
    ):
        await nftables.blocked()
    assert ended(pid)
    with pytest.raises(PermanentError, match="whether it took effect is unknown"):
        await nftables.block(ip_network("192.0.2.1"), HOUR)
    assert "hunter2" not in (tmp_path / "environment").read_text()


async def test_an_nft_whose_wait_is_cancelled_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = hanging_nft(tmp_path, monkeypatch)
    blocking = asyncio.ensure_future(Nftables("nftables", NftablesSettings()).block(ip_network("192.0.2.1"), HOUR))

    async def begun() -> bool:
        return pid.exists() and pid.read_text().endswith("\n")

    await until(begun, "nft has been started")
    blocking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocking
    assert ended(pid)


async def test_without_nft_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nftables_module, "FOLDERS", str(tmp_path))
    with pytest.raises(PermanentError, match="nft is not installed on Watchkeeper's machine; install it"):
        await Nftables("nftables", NftablesSettings()).blocked()
