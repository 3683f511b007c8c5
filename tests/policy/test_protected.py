"""What no plan may touch, whoever asks."""

from ipaddress import ip_network

import pytest

from bot.policy.file.loading import check_policy, load_policy
from bot.policy.file.protected import Protected
from tests.policy.small_file import GOOD

HOME = Protected(networks=("10.0.0.0/8", "2001:db8::/32"), accounts=("admin*",), targets=("supervisor:payments*", "db"))


@pytest.mark.parametrize(
    ("wanted", "protecting"),
    [
        ("10.1.2.3", "10.0.0.0/8"),
        ("0.0.0.0/0", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.0.0.0/8"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("2001:db8::1", "2001:db8::/32"),
        ("::/0", "2001:db8::/32"),
        ("192.0.2.1", ""),
        ("2001:db9::1", ""),
        ("::a00:1", ""),
    ],
)
def test_a_network_is_protected_where_it_shares_an_address(wanted: str, protecting: str) -> None:
    assert HOME.network(ip_network(wanted)) == protecting


def test_a_network_written_as_the_other_family_is_the_same() -> None:
    assert Protected(networks=("::ffff:10.0.0.0/104",)).network(ip_network("10.9.9.9")) == "::ffff:a00:0/104"


@pytest.mark.parametrize(("name", "pattern"), [("ADMIN-7", "admin*"), ("admin", "admin*"), ("sysadmin", "")])
def test_an_account_is_protected_by_a_pattern_whatever_its_case(name: str, pattern: str) -> None:
    assert HOME.account(name) == pattern


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("supervisor:payments-1", "payments-1"), "supervisor:payments*"),
        (("systemd:db", "db"), "db"),
        (("supervisor:web", "web"), ""),
    ],
)
def test_a_target_is_protected_by_its_key_or_its_name(names: tuple[str, ...], pattern: str) -> None:
    assert HOME.target(names) == pattern


def test_nothing_is_protected_where_nothing_is_named() -> None:
    assert load_policy(GOOD, filename="p").protected == Protected()
    written = GOOD + "protected: {networks: [' 10.0.0.0/8', 192.0.2.1], accounts: [root], targets: ['*-db']}\n"
    protected = load_policy(written, filename="p").protected
    assert protected.networks == ("10.0.0.0/8", "192.0.2.1/32")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "everywhere", "10.0.0.0/33"])
def test_a_network_that_is_none_is_an_error_with_a_remedy(network: str) -> None:
    (error,) = check_policy(GOOD + f"protected: {{networks: ['{network}']}}\n").errors
    assert error.remedy == "write an address or a network such as 10.0.0.0/8"
