"""Every way of writing an address, and every way of writing none."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import ip_addresses
from pydantic import ValidationError

from remediations.security.addresses import counted, is_private, network_of, written
from remediations.security.block_ip import BlockIpParameters


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::FFFF:cb00:7107", "203.0.113.7"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
    ],
)
def test_an_address_is_written_in_one_way(text: str, canonical: str) -> None:
    assert written(network_of(text)) == canonical
    assert BlockIpParameters.model_validate({"address": text, "duration": "1h"}).address == canonical


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "attacker.example.com", "localhost", "203.0.113.7 ", " 203.0.113.7", "203.0.113.7\n"),
        *("203.0.113", "203.0.113.256", "0203.0.113.7", "0xcb007107", "3405803783", "203.0.113.7:80", "[2001:db8::7]"),
        *("fe80::1%eth0", "2001:db8::7%", "203.0.113.0/255.255.255.0", "203.0.113.0/33", "2001:db8::/129"),
        *("203.0.113.0/-1", "203.0.113.0/ 24", "203.0.113.7/24", "2001:db8::7/64", "203.0.113.7/24/24"),
        *("203.0.113.7,203.0.113.8", "203.0.113.7-203.0.113.9", "203.0.113.7; flush ruleset", "@blocked_ipv4"),
        *("\u0662\u0660\u0663.0.113.7", "\uff12\uff10\uff13.0.113.7", "203\uff0e0\uff0e113\uff0e7", "203.0.113.\u00b2"),
        *("2001:db8::7\x00", "::ffff:203.0.113.7/96", "9" * 5000),
    ],
)
def test_what_is_no_address_or_means_another_than_it_says_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no IP address"):
        network_of(text)
    with pytest.raises(ValidationError):
        BlockIpParameters.model_validate({"address": text, "duration": "1h"})


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0/32", "0.0.0.0/0", "127.0.0.1", "127.0.0.0/8", "126.0.0.0/7", "169.254.169.254", "224.0.0.1"),
        *("239.255.255.250", "255.255.255.255", "240.0.0.0/4", "::", "::1", "::/0", "fe80::1", "ff02::1", "8000::/1"),
        *("::ffff:127.0.0.1", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::127.0.0.1", "::/80"),
    ],
)
def test_what_no_attacker_can_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="so it is never blocked"):
        network_of(text)


def refusal(text: str) -> str:
    """Why it is refused; empty when it is not."""
    try:
        network_of(text)
    except ValueError as error:
        return str(error)
    return ""


@given(st.text())
def test_whatever_is_written_is_an_address_in_its_one_form_or_refused(text: str) -> None:
    refused = refusal(text)
    assert len(refused) < 500
    assert refused or network_of(written(network_of(text))) == network_of(text)


@given(ip_addresses())
def test_every_address_is_itself_or_refused_for_what_it_is(address: IPv4Address | IPv6Address) -> None:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    refused = refusal(str(address))
    assert "so it is never blocked" in refused or written(network_of(str(address))) == str(mapped or address)


@given(ip_addresses(v=4), st.integers(min_value=0, max_value=32))
def test_an_ipv4_network_is_the_same_written_as_ipv6(address: IPv4Address, length: int) -> None:
    network = IPv4Network((address, length), strict=False)
    mapped = f"::ffff:{network.network_address}/{length + 96}"
    assert bool(refusal(str(network))) == bool(refusal(mapped))
    assert refusal(mapped) or network_of(str(network)) == network_of(mapped) == network


@given(st.integers(min_value=0, max_value=64))
def test_a_wider_ipv6_network_never_counts_less(length: int) -> None:
    wider, narrower = IPv6Network((0, length)), IPv6Network((0, length + 1))
    assert counted(wider) >= counted(narrower) >= 1


def test_private_is_what_ones_own_machines_have() -> None:
    own = ("10.0.0.1", "172.31.0.0/24", "192.168.1.1", "100.64.0.1", "fd00::1")
    assert all(is_private(network_of(each)) for each in own)
    assert not any(is_private(network_of(each)) for each in ("203.0.113.7", "172.32.0.1", "2001:db8::7"))


@pytest.mark.parametrize("duration", ["1s", "90s", "24h", "1d"])
def test_a_block_has_an_end_within_bounds(duration: str) -> None:
    assert BlockIpParameters.model_validate({"address": "203.0.113.7", "duration": duration})


@pytest.mark.parametrize("duration", ["999ms", "25h", "0s", "52w", "forever", "", None])
def test_a_block_without_a_sensible_end_is_refused(duration: str | None) -> None:
    with pytest.raises(ValidationError):
        BlockIpParameters.model_validate({"address": "203.0.113.7", "duration": duration})
    with pytest.raises(ValidationError, match="duration"):
        BlockIpParameters.model_validate({"address": "203.0.113.7"})


@pytest.mark.parametrize(
    "widths", [{"widest_ipv4": 23}, {"widest_ipv4": 33}, {"widest_ipv6": 47}, {"widest_ipv6": 129}]
)
def test_no_policy_can_allow_a_wider_network(widths: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        BlockIpParameters.model_validate({"address": "203.0.113.7", "duration": "1h", **widths})


def test_parameters_survive_being_stored() -> None:
    wanted = BlockIpParameters.model_validate({"address": "2001:db8::7", "duration": "90m", "widest_ipv6": 64})
    assert BlockIpParameters.model_validate_json(wanted.model_dump_json()) == wanted
    assert BlockIpParameters.model_validate(wanted.model_dump(mode="json")) == wanted
