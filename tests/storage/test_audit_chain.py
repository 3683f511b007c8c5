"""What a reader of the chain notices. Pure: no database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.policy.decision import Verdict
from storage.audit_chain import EMPTY, GENESIS, PROBLEMS_MAX, Damage, Head, SealedEntry, key_id, plain, seal, verify
from tests.fixtures.incidents import NOW

KEY = b"the key of the house"
OTHER_KEY = b"the key of somebody else"


def chain(length: int, key: bytes = KEY) -> list[SealedEntry]:
    entries: list[SealedEntry] = []
    previous = GENESIS
    for number in range(1, length + 1):
        entry = SealedEntry(
            number, NOW + timedelta(seconds=number), "U01ALICE", "spoke", 1, {"n": number}, previous, ""
        )
        previous = sealed(entry, key).hash
        entries.append(sealed(entry, key))
    return entries


def sealed(entry: SealedEntry, key: bytes = KEY) -> SealedEntry:
    return replace(
        entry,
        hash=seal(
            key,
            number=entry.number,
            at=entry.at,
            actor=entry.actor,
            kind=entry.kind,
            incident_id=entry.incident_id,
            body=entry.body,
            previous=entry.previous,
        ),
    )


def head_of(entries: list[SealedEntry]) -> Head:
    return Head(entries[-1].number, entries[-1].hash)


def damages(entries: list[SealedEntry], **known: Any) -> list[tuple[int, Damage]]:
    return [(problem.number, problem.damage) for problem in verify(entries, KEY, **known).problems]


def test_an_untouched_chain_is_intact() -> None:
    entries = chain(7)
    found = verify(entries, KEY, [head_of(entries[:3]), EMPTY], head_of(entries))
    assert found.intact
    assert (found.entries, found.head) == (7, head_of(entries))


def test_an_empty_chain_is_intact() -> None:
    assert verify([], KEY, head=EMPTY).intact


@pytest.mark.parametrize(
    "change",
    [
        lambda e: replace(e, at=e.at + timedelta(microseconds=1)),
        lambda e: replace(e, actor="U99MALLORY"),
        lambda e: replace(e, kind="was.silent"),
        lambda e: replace(e, incident_id=2),
        lambda e: replace(e, incident_id=None),
        lambda e: replace(e, body={"n": 4, "more": ""}),
    ],
)
def test_a_changed_entry_is_named(change: Callable[[SealedEntry], SealedEntry]) -> None:
    entries = chain(7)
    entries[3] = change(entries[3])
    assert damages(entries) == [(4, Damage.CHANGED)]


def test_an_entry_written_without_the_key_is_named_and_so_is_the_break_behind_it() -> None:
    entries = chain(7)
    entries[3] = sealed(replace(entries[3], body={"n": "forged"}), OTHER_KEY)
    assert damages(entries) == [(4, Damage.CHANGED), (5, Damage.UNLINKED)]


def test_an_entry_replaced_with_the_key_is_found_by_its_successor() -> None:
    entries = chain(7)
    entries[3] = sealed(replace(entries[3], body={"n": "replaced by the owner of the key"}))
    assert damages(entries) == [(5, Damage.UNLINKED)]


def test_a_removed_entry_is_named() -> None:
    entries = chain(7)
    del entries[3]
    found = verify(entries, KEY)
    assert [(p.number, p.damage) for p in found.problems] == [(5, Damage.REMOVED)]
    assert found.problems[0].text == "entry 4 was removed before entry 5"


def test_removed_first_entries_are_named() -> None:
    assert [p.text for p in verify(chain(7)[2:], KEY).problems] == ["entries 1 to 2 were removed before entry 3"]


def test_exchanged_entries_are_noticed() -> None:
    entries = chain(7)
    entries[3], entries[4] = entries[4], entries[3]
    assert {number for number, _ in damages(entries)} == {4, 5, 6}


def test_a_repeated_entry_is_noticed() -> None:
    entries = chain(3)
    assert damages([*entries, entries[2]]) == [(3, Damage.MOVED)]


def test_a_tail_that_was_cut_off_is_found_against_the_head() -> None:
    entries = chain(7)
    found = verify(entries[:5], KEY, head=head_of(entries))
    assert [(p.number, p.damage, p.text) for p in found.problems] == [
        (6, Damage.CUT_OFF, "entries 6 to 7 were removed from the end of the chain")
    ]


def test_a_tail_that_was_cut_off_together_with_the_head_is_found_against_an_anchor() -> None:
    entries = chain(7)
    shorter = entries[:5]
    assert verify(shorter, KEY, head=head_of(shorter)).intact, "without a witness nothing shows"
    assert damages(shorter, head=head_of(shorter), anchors=[head_of(entries[:6])]) == [(6, Damage.CUT_OFF)]


def test_a_whole_chain_that_was_removed_is_found_against_an_anchor() -> None:
    assert damages([], head=EMPTY, anchors=[head_of(chain(2))]) == [(1, Damage.CUT_OFF)]


def test_a_chain_rewritten_with_the_key_is_found_against_an_anchor() -> None:
    entries = chain(7)
    rewritten = chain(3)
    for entry in entries[3:]:
        rewritten.append(sealed(replace(entry, body={"n": "another story"}, previous=rewritten[-1].hash)))
    assert verify(rewritten, KEY, head=head_of(rewritten)).intact
    assert damages(rewritten, anchors=[head_of(entries[:5])]) == [(5, Damage.REWRITTEN)]


def test_anchors_that_contradict_each_other_are_noticed() -> None:
    entries = chain(3)
    assert damages(entries, anchors=[head_of(entries), Head(3, "f" * 64)]) == [(3, Damage.REWRITTEN)]


def test_entries_that_the_head_does_not_know_are_noticed() -> None:
    entries = chain(7)
    assert damages(entries, head=head_of(entries[:5])) == [(6, Damage.REWRITTEN)]
    assert damages(entries, head=Head(7, "f" * 64)) == [(7, Damage.REWRITTEN)]


def test_the_wrong_key_is_one_problem_not_one_per_entry() -> None:
    found = verify(chain(500), OTHER_KEY)
    assert [problem.damage for problem in found.problems] == [Damage.WRONG_KEY]


def test_many_problems_are_counted_but_not_all_kept() -> None:
    entries = [replace(entry, actor="X") if entry.number > 1 else entry for entry in chain(PROBLEMS_MAX + 50)]
    found = verify(entries, KEY)
    assert found.problem_count == PROBLEMS_MAX + 49
    assert len(found.problems) == PROBLEMS_MAX


@settings(deadline=None)
@given(
    length=st.integers(2, 12),
    damage=st.sampled_from(["change", "remove", "exchange", "cut"]),
    place=st.integers(0, 10),
)
def test_no_damage_goes_unnoticed(length: int, damage: str, place: int) -> None:
    entries, place = chain(length), place % (length - 1)
    head = head_of(entries)
    match damage:
        case "change":
            entries[place] = replace(entries[place], body={"n": "changed"})
        case "remove":
            del entries[place]
        case "exchange":
            entries[place], entries[place + 1] = entries[place + 1], entries[place]
        case "cut":
            del entries[place + 1 :]
    assert not verify(entries, KEY, head=head).intact


def test_a_key_is_recognised_but_not_revealed() -> None:
    assert key_id(KEY) == key_id(KEY) != key_id(OTHER_KEY)
    assert KEY.hex() not in key_id(KEY)


def test_values_that_look_like_secrets_never_reach_the_chain() -> None:
    body = {
        "slack_token": "xoxb-1",
        "password": ["hunter2"],
        "nested": [{"Api-Key": "k", "apiKey": {"a": 1}, "reason": "it hangs"}],
        "tokens_used": 7,
        "authorization": None,
        "secret": "",
    }
    assert plain(body) == {
        "slack_token": "[redacted]",
        "password": "[redacted]",
        "nested": [{"Api-Key": "[redacted]", "apiKey": "[redacted]", "reason": "it hangs"}],
        "tokens_used": 7,
        "authorization": None,
        "secret": "",
    }


def test_a_body_becomes_plain_json() -> None:
    class Model(BaseModel):
        at: Any = NOW

    body = plain({"verdict": Verdict.ASK, "model": Model(), "pair": (1, 2.5), "burn": float("inf"), "odd": "\ud800\0"})
    assert body == {
        "verdict": "ask",
        "model": {"at": "2026-11-23T12:00:00Z"},
        "pair": [1, 2.5],
        "burn": "inf",
        "odd": "\ud800\0",
    }


def test_a_body_that_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError, match="must be JSON"):
        plain({"thing": object()})
