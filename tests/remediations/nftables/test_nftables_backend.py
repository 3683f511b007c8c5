"""The nftables backend in a network namespace of its own, where packets really are dropped and pass again."""

import asyncio
import socket
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from bot.remediation import PermanentError, TemporaryError
from remediations.backends import program
from remediations.backends.nftables import Nftables, NftablesSettings
from remediations.backends.nftables.table import Element
from tests.fixtures.network import ATTACKER, BYSTANDER, Wire
from tests.fixtures.servers import until
from tests.remediations.nftables.gate import load_table, nft, nftables_in, write_nft

FOREIGN = """
table inet filter {
    set blocked_ipv4 { type ipv4_addr; flags interval, timeout; elements = { 192.0.2.1 timeout 1d }; }
    chain input { type filter hook input priority 0; policy accept; }
}
table ip watchkeeper { set blocked_ipv4 { type ipv4_addr; flags interval, timeout; }; }
"""
HOUR = timedelta(hours=1)


def element(network: str, timeout: timedelta = HOUR, comment: str = "", expires_in: timedelta | None = None) -> Element:
    return Element(ip_network(network), timeout, expires_in, comment)


async def block(nftables: Nftables, network: str, timeout: timedelta = HOUR, comment: str = "") -> None:
    await nftables.change(into=element(network, timeout, comment))


async def unblock(nftables: Nftables, network: str) -> None:
    await nftables.change(out=ip_network(network))


async def blocked(nftables: Nftables) -> list[str]:
    return [str(each.network) for each in (await nftables.table()).elements]


@pytest.mark.parametrize("network", ["198.51.100.0/29", "2001:db8::/125"])
async def test_a_network_is_blocked_as_a_whole_and_no_wider(wire: Wire, network: str) -> None:
    version = ip_network(network).version
    await block(nftables_in(wire), network)
    assert not await wire.passes(ATTACKER[version])
    assert await wire.passes(BYSTANDER[version])


async def test_what_is_blocked_is_listed_with_its_comment_and_remaining_time(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await block(nftables, "2001:db8::/64", 2 * HOUR)
    await block(nftables, "198.51.100.7", HOUR, 'by "Zoë", { flush ruleset }')
    await nftables.change(into=element("192.0.2.0/24", HOUR, expires_in=HOUR / 60))
    await nft(wire, "add element inet watchkeeper blocked_ipv4 { 203.0.113.0-203.0.113.2 }")
    found = (await nftables.table()).elements
    assert [(str(each.network), each.timeout, each.comment, each.whole) for each in found] == [
        ("192.0.2.0/24", HOUR, "", True),
        ("198.51.100.7/32", HOUR, 'by "Zoë", { flush ruleset }', True),
        ("203.0.113.0/31", None, "", False),
        ("203.0.113.2/32", None, "", False),
        ("2001:db8::/64", 2 * HOUR, "", True),
    ]
    for each, longest in zip(found, (HOUR / 60, HOUR, None, None, 2 * HOUR), strict=True):
        assert (each.expires_in is None) == (longest is None)
        assert each.expires_in is None or longest is None or timedelta(0) < each.expires_in <= longest


async def test_one_block_takes_the_place_of_another_at_once_or_not_at_all(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await block(nftables, "198.51.100.7", HOUR, "one")
    await nftables.change(out=ip_network("198.51.100.7"), into=element("198.51.100.7", 2 * HOUR, "two"))
    await block(nftables, "192.0.2.1", HOUR, "in the way")
    with pytest.raises(PermanentError, match=r"192.0.2.0/24 was not blocked, because 192.0.2.1/32 is blocked"):
        await nftables.change(out=ip_network("198.51.100.7"), into=element("192.0.2.0/24"))
    found = (await nftables.table()).elements
    assert [(str(each.network), each.timeout, each.comment) for each in found] == [
        ("192.0.2.1/32", HOUR, "in the way"),
        ("198.51.100.7/32", 2 * HOUR, "two"),
    ]


async def test_a_rehearsal_is_checked_by_the_kernel_and_changes_nothing(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await nftables.rehearse(into=element("198.51.100.7"))
    await block(nftables, "198.51.100.0/24")
    with pytest.raises(PermanentError, match="overlaps"):
        await nftables.rehearse(into=element("198.51.100.7"))
    await nftables.rehearse(out=ip_network("198.51.100.0/24"), into=element("198.51.100.7"))
    assert await blocked(nftables) == ["198.51.100.0/24"]


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
    await block(nftables, first)
    with pytest.raises(PermanentError, match=rf"because {ip_network(first)} is blocked in .* already, for 3\d+ s more"):
        await block(nftables, second, 2 * HOUR)
    (found,) = (await nftables.table()).elements
    assert found.network == ip_network(first)
    assert found.timeout == HOUR


async def test_what_is_not_there_is_gone_and_a_part_is_not_taken_out(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await block(nftables, "198.51.100.0/24")
    await unblock(nftables, "198.51.100.7")
    await unblock(nftables, "2001:db8::7")
    assert await blocked(nftables) == ["198.51.100.0/24"]
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
    assert await blocked(nftables) == []
    await block(nftables, "192.0.2.1")
    await unblock(nftables, "192.0.2.1")
    await unblock(nftables, "192.0.2.1")
    assert await at_rest() == before


async def test_loading_our_table_again_keeps_what_is_blocked(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await block(nftables, ATTACKER[4])
    await load_table(wire)
    table = await nftables.table()
    assert table.weaknesses == {}
    assert [each.network for each in table.elements] == [ip_network(ATTACKER[4])]
    assert not await wire.passes(ATTACKER[4])


@pytest.mark.parametrize(
    ("change", "version", "text"),
    [
        ("flush chain inet watchkeeper incoming", 4, "drops what is in the set blocked_ipv4, so nothing"),
        (
            "flush chain inet watchkeeper incoming; add rule inet watchkeeper incoming ip saddr @blocked_ipv4 drop; "
            "add rule inet watchkeeper incoming ip6 saddr @blocked_ipv6 counter accept",
            6,
            "drops what is in the set blocked_ipv6, so nothing",
        ),
        (
            "flush chain inet watchkeeper incoming; delete set inet watchkeeper blocked_ipv4; "
            "add set inet watchkeeper blocked_ipv4 { type ipv4_addr; flags interval; }",
            4,
            "of type ipv4_addr with flags interval: it must be of type ipv4_addr with flags interval, timeout",
        ),
        ("delete table inet watchkeeper; add table inet watchkeeper", 4, "has no set blocked_ipv4: load deploy"),
        ("add table inet watchkeeper { flags dormant; }", 6, "is dormant"),
        (
            "delete chain inet watchkeeper incoming; add chain inet watchkeeper incoming; "
            "add rule inet watchkeeper incoming ip saddr @blocked_ipv4 drop",
            4,
            "has no rule behind a hook",
        ),
    ],
)
async def test_a_table_in_which_a_block_would_not_be_felt_says_why(
    wire: Wire, change: str, version: int, text: str
) -> None:
    nftables = nftables_in(wire)
    assert (await nftables.table()).weaknesses == {}
    await nft(wire, change)
    assert text in (await nftables.table()).weaknesses[version]


@pytest.mark.parametrize("settings", [{"table": "elsewhere"}, {"namespace": "/run/netns/not-there"}])
async def test_without_the_table_nothing_is_blocked_or_taken_out_and_the_remedy_is_named(
    wire: Wire, settings: dict[str, str]
) -> None:
    nftables = nftables_in(wire, **settings)
    for act in (
        lambda: block(nftables, "192.0.2.1"),
        lambda: unblock(nftables, "192.0.2.1"),
        lambda: nftables.rehearse(into=element("192.0.2.1")),
        nftables.table,
    ):
        with pytest.raises(
            PermanentError,
            match=r"load deploy/watchkeeper.nft, or correct `table` or `namespace` of the backend.*No such file",
        ):
            await act()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (element("192.0.2.1", timedelta(milliseconds=500)), "for 1 s at the least"),
        (Element(ip_network("192.0.2.1")), "must be blocked for a time"),
        (element("192.0.2.1", HOUR, "é" * 64), "longer than 127 bytes"),
    ],
)
async def test_what_would_not_end_or_not_be_kept_never_reaches_the_kernel(
    wire: Wire, wrong: Element, text: str
) -> None:
    nftables = nftables_in(wire)
    with pytest.raises(PermanentError, match=text):
        await nftables.change(into=wrong)
    assert await blocked(nftables) == []


async def test_the_gates_own_addresses_its_gateways_and_our_peers_are_told(wire: Wire) -> None:
    await wire.gate.run("ip", "route", "add", "default", "via", "198.51.100.254")
    await wire.gate.run("ip", "route", "add", "192.0.2.0/24", "nexthop", "via", "198.51.100.253")
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()):
        own = {(str(each.network), each.what) for each in await nftables_in(wire).own()}
    assert {
        ("198.51.100.1/32", "the address of wire"),
        ("2001:db8::1/128", "the address of wire"),
        ("198.51.100.254/32", "the gateway to default"),
        ("198.51.100.253/32", "the gateway to 192.0.2.0/24"),
        ("127.0.0.1/32", "connected with Watchkeeper itself"),
    } <= own


AS_NOBODY = "setpriv --reuid=65534 --clear-groups --no-new-privs"


async def test_an_unprivileged_process_is_told_what_it_lacks(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = "--bounding-set=-all --inh-caps=-all"
    write_nft(tmp_path, monkeypatch, f'#!/bin/sh\nexec {AS_NOBODY} {rights} /usr/sbin/nft "$@"\n')
    with pytest.raises(PermanentError, match="CAP_NET_ADMIN"):
        await nftables_in(wire).table()
    with pytest.raises(PermanentError, match="CAP_NET_ADMIN"):
        await block(nftables_in(wire), "192.0.2.1")


async def test_the_one_right_that_the_documents_name_is_enough(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights = "--bounding-set=-all,+net_admin --inh-caps=-all,+net_admin --ambient-caps=+net_admin"
    write_nft(tmp_path, monkeypatch, f'#!/bin/sh\nexec {AS_NOBODY} {rights} /usr/sbin/nft "$@"\n')
    nftables = nftables_in(wire)
    await nftables.rehearse(into=element("192.0.2.1"))
    await block(nftables, "192.0.2.1")
    assert await blocked(nftables) == ["192.0.2.1/32"]
    await unblock(nftables, "192.0.2.1")
    assert await blocked(nftables) == []


def ended(pid: Path) -> bool:
    return not Path("/proc", pid.read_text().strip()).exists()


def hanging_nft(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """A program named nft that writes its pid and environment down and then never answers."""
    write_nft(folder, patch, f"#!/bin/sh\nenv > {folder}/environment\necho $$ > {folder}/pid\nexec sleep infinity\n")
    return folder / "pid"


async def test_an_nft_that_hangs_is_ended_and_gets_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_PASSWORD", "hunter2")
    pid = hanging_nft(tmp_path, monkeypatch)
    nftables = Nftables("nftables", NftablesSettings.model_validate({"timeout": "300ms"}))
    with pytest.raises(
        TemporaryError, match=r"`nft --json list table inet watchkeeper` for .* was not answered within 0.3 s"
    ):
        await nftables.table()
    assert ended(pid)
    with pytest.raises(PermanentError, match=r"block 192.0.2.1/32 .* nobody knows what came of it"):
        await block(nftables, "192.0.2.1")
    assert "hunter2" not in (tmp_path / "environment").read_text()


async def test_a_change_whose_answer_is_lost_is_decided_by_what_is_there_afterwards(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes what it is told to, and then hangs; what is only asked is answered."""
    program_text = (
        '#!/bin/sh\ncase "$*" in *list*) exec /usr/sbin/nft "$@";; esac\n/usr/sbin/nft "$@"\nexec sleep infinity\n'
    )
    write_nft(tmp_path, monkeypatch, program_text)
    nftables = nftables_in(wire, timeout="1s")
    await block(nftables, "192.0.2.1")
    assert await blocked(nftables) == ["192.0.2.1/32"]
    await unblock(nftables, "192.0.2.1")
    assert await blocked(nftables) == []


async def test_an_nft_whose_wait_is_cancelled_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = hanging_nft(tmp_path, monkeypatch)
    blocking = asyncio.ensure_future(block(Nftables("nftables", NftablesSettings()), "192.0.2.1"))

    async def begun() -> bool:
        return pid.exists() and pid.read_text().endswith("\n")

    await until(begun, "nft has been started")
    blocking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await blocking
    assert ended(pid)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("echo nonsense", "something else than its JSON"),
        ('echo "{\\"nftables\\": [{\\"set\\": 1}]}"', "something else than its JSON"),
        ("cat /dev/zero", "more than 8 MB"),
    ],
)
async def test_an_answer_that_is_none_is_never_an_empty_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, text: str
) -> None:
    write_nft(tmp_path, monkeypatch, f"#!/bin/sh\n{answer}\n")
    with pytest.raises(PermanentError, match=text):
        await Nftables("nftables", NftablesSettings.model_validate({"timeout": "60s"})).table()


async def test_without_nft_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "FOLDERS", str(tmp_path))
    with pytest.raises(PermanentError, match="nft is not installed on Watchkeeper's machine; install it"):
        await Nftables("nftables", NftablesSettings()).table()


async def test_what_keeps_us_from_blocking_is_told_without_blocking(wire: Wire) -> None:
    nftables = nftables_in(wire)
    await block(nftables, "198.51.100.7")
    assert await nftables.reach() == ""
    assert await blocked(nftables) == ["198.51.100.7/32"]
    await nft(wire, "flush table inet watchkeeper")
    told = await nftables.reach()
    assert told is not None
    assert "has no rule behind a hook that drops what is in the set blocked_ipv4" in told
    await nft(wire, "delete table inet watchkeeper")
    assert "is not there or cannot be used: load deploy/watchkeeper.nft" in (await nftables.reach() or "")
