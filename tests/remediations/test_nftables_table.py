"""What nft says of the table, read strictly: every shape that stops a packet, and every lie."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediations.backends.nftables.peers import peers_in
from remediations.backends.nftables.table import read_table

Json = dict[str, Any]
COUNTER: Json = {"counter": {"packets": 0, "bytes": 0}}
DROP: Json = {"drop": None}
ACCEPT: Json = {"accept": None}
FROM_THE_SET: Json = {
    "match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "@blocked_ipv4"}
}
AT_THE_EDGE: Json = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "edge"}}
LIMIT: Json = {"limit": {"rate": 1, "per": "second"}}
TO_BAD: Json = {"jump": {"target": "bad"}}


def a_set(version: int, *elements: Any, **changes: Any) -> Json:
    listed = {"elem": list(elements)} if elements else {}
    flags = ["interval", "timeout"]
    return {"set": {"name": f"blocked_ipv{version}", "type": f"ipv{version}_addr", "flags": flags, **listed, **changes}}


def a_rule(*statements: Json, chain: str = "incoming") -> Json:
    return {"rule": {"chain": chain, "expr": list(statements)}}


def a_chain(name: str = "incoming", **hooked: Any) -> Json:
    return {"chain": {"name": name, **hooked}}


HOOKED = a_chain(type="filter", hook="prerouting", prio=-10, policy="accept")
BAD = a_chain("bad")


def answered(*parts: Json) -> bytes:
    return json.dumps({"nftables": [{"metainfo": {}}, {"table": {"name": "watchkeeper"}}, *parts]}).encode()


def weakness(*parts: Json) -> str:
    return read_table(answered(a_set(4), a_set(6), *parts)).weaknesses.get(4, "")


@pytest.mark.parametrize(
    "rules",
    [
        [a_rule(FROM_THE_SET, DROP)],
        [a_rule(FROM_THE_SET, COUNTER, {"log": {"prefix": "x"}}, {"reject": {"type": "icmp"}})],
        [a_rule(FROM_THE_SET, COUNTER, TO_BAD), a_rule(COUNTER, DROP, chain="bad")],
        [a_rule(FROM_THE_SET, {"goto": {"target": "bad"}}), a_rule(DROP, chain="bad")],
        [a_rule(TO_BAD), a_rule(FROM_THE_SET, DROP, chain="bad")],
        [a_rule(AT_THE_EDGE, TO_BAD), a_rule(FROM_THE_SET, DROP, chain="bad")],
        [a_rule(AT_THE_EDGE, FROM_THE_SET, DROP)],
        [a_rule(AT_THE_EDGE, ACCEPT), a_rule(FROM_THE_SET, DROP)],
        [a_rule(DROP)],
    ],
)
def test_a_rule_behind_a_hook_that_stops_packets_from_the_set_is_found(rules: list[Json]) -> None:
    assert weakness(HOOKED, BAD, *rules) == ""


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [HOOKED],
        [a_chain(), a_rule(FROM_THE_SET, DROP)],
        [a_chain(type="filter", hook="output"), a_rule(FROM_THE_SET, DROP)],
        [HOOKED, a_rule(FROM_THE_SET, ACCEPT)],
        [HOOKED, a_rule(FROM_THE_SET, COUNTER)],
        [HOOKED, a_rule(FROM_THE_SET, LIMIT, DROP)],
        [HOOKED, a_rule(ACCEPT), a_rule(FROM_THE_SET, DROP)],
        [HOOKED, a_rule(AT_THE_EDGE, DROP)],
        [HOOKED, BAD, a_rule(AT_THE_EDGE, TO_BAD), a_rule(DROP, chain="bad")],
        [HOOKED, BAD, a_rule(FROM_THE_SET, TO_BAD), a_rule(ACCEPT, chain="bad"), a_rule(DROP, chain="bad")],
        [HOOKED, BAD, a_rule(FROM_THE_SET, TO_BAD), a_rule(TO_BAD, chain="bad")],
        [HOOKED, a_rule({"match": FROM_THE_SET["match"] | {"op": "!="}}, DROP)],
        [HOOKED, a_rule({"match": FROM_THE_SET["match"] | {"right": "@allowed"}}, DROP)],
    ],
)
def test_rules_that_let_them_pass_are_no_block(parts: list[Json]) -> None:
    assert "has no rule behind a hook that drops what is in the set blocked_ipv4" in weakness(*parts)


def test_a_set_that_cannot_hold_what_we_put_in_says_why() -> None:
    drops = (HOOKED, a_rule(FROM_THE_SET, DROP))
    for its_set, text in (
        (a_set(4, type="ipv6_addr"), "of type ipv6_addr with flags interval, timeout"),
        (a_set(4, flags=["timeout"]), "with flags timeout"),
        (a_set(4, flags="interval"), "with flags interval"),
        ({"set": {"name": "blocked_ipv4", "type": "ipv4_addr"}}, "with flags none"),
        (a_set(4, **{"auto-merge": True}), "with auto-merge, which makes one block of two"),
        (a_set(9), "has no set blocked_ipv4"),
    ):
        assert text in read_table(answered(its_set, a_set(6), *drops)).weaknesses[4]


def test_elements_are_read_with_what_is_known_of_their_end() -> None:
    elements = (
        "192.0.2.1",
        {"elem": {"val": "192.0.2.2", "timeout": 60, "expires": 7, "comment": "x"}},
        {"elem": {"val": "192.0.2.3", "timeout": 60}},
        {"prefix": {"addr": "192.0.2.128", "len": 25}},
        {"range": ["192.0.2.4", "192.0.2.6"]},
    )
    table = read_table(answered(a_set(4, *elements), a_set(6, {"elem": {"val": "2001:db8::1", "expires": 5}})))
    seconds = [
        (str(each.network), *(time and time.total_seconds() for time in (each.timeout, each.expires_in)))
        for each in table.elements
    ]
    assert seconds == [
        ("192.0.2.1/32", None, None),
        ("192.0.2.2/32", 60, 7),
        ("192.0.2.3/32", 60, timedelta(0)),
        ("192.0.2.4/31", None, None),
        ("192.0.2.6/32", None, None),
        ("192.0.2.128/25", None, None),
        ("2001:db8::1/128", 5, 5),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"nftables": 7}',
        b"[" * 100_000,
        b'\xff{"nftables": []}',
        answered(a_set(4, "not an address")),
        answered(a_set(4, "2001:db8::1")),
        answered(a_set(4, {"prefix": {"addr": "192.0.2.1", "len": 99}})),
        answered(a_set(4, {"elem": {"val": "192.0.2.1", "timeout": "soon"}})),
        answered(a_set(4, {"elem": {"val": "192.0.2.1", "timeout": 10**20}})),
        answered(a_set(4), a_set(6), HOOKED, a_rule(FROM_THE_SET, TO_BAD)),
        answered(a_set(4), a_set(6), a_rule(DROP)),
    ],
)
def test_an_answer_of_another_shape_is_never_read_as_an_empty_table(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_table(answer)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING, st.sampled_from(["set", "chain", "rule", "table"]))
def test_whatever_it_says_is_read_or_refused(anything: Any, kind: str) -> None:
    try:
        table = read_table(answered(a_set(4), a_set(6), {kind: anything}))
    except ValueError:
        return
    assert table.elements == ()
    assert set(table.weaknesses) == {4, 6}


def test_only_our_own_established_connections_have_peers() -> None:
    rest = "00000000:00000000 00:00000000 00000000     0        0"
    lines = [
        f"   0: 0100007F:1F90 0200007F:C350 01 {rest} 11 1 0",
        f"   1: 0100007F:1F90 0300007F:C350 0A {rest} 12 1 0",
        f"   2: 0100007F:1F90 0400007F:C350 01 {rest} 13 1 0",
        f"   3: {'0' * 32}:1F90 0000000000000000FFFF00000500007F:C350 01 {rest} 14 1 0",
        f"   4: {'0' * 32}:1F90 B80D0120000000000000000007000000:C350 01 {rest} 15 1 0",
    ]
    found = {str(each) for each in peers_in(lines, frozenset({"11", "12", "14", "15"}))}
    assert found == {"127.0.0.2", "127.0.0.5", "2001:db8::7"}
