"""A gate is sealed with everything it was passed with: whatever changes makes it void, and is named."""

from typing import Any

import pytest

from bot.policy.decide import decide
from bot.policy.file.document import Policy
from bot.policy.levels import Level
from bot.policy.rules.licence import licence_of, why_missing
from bot.policy.rules.seal import changes, digest_of_seal, seal_of, slim, void
from bot.policy.rules.services import Services
from bot.policy.situation import Evidenced, Situation
from bot.policy.track_record import Seal
from tests.policy.calm import (
    BOB,
    CALM_POLICY,
    CALM_RUNBOOK,
    CAROL,
    NOW,
    RUNBOOK,
    calm_plan,
    calm_policy,
    calm_situation,
    passed_gates,
    sealed_evidenced,
)

WRITTEN: dict[str, Any] = {
    "authors": [BOB],
    "with": {"backend": "supervisor", "service": "checkout"},
    "staging": {"with": {"service": "checkout-staging"}, "inject": "kill"},
}
BACKENDS = {"supervisor": {"server": "unix:///run/supervisor.sock"}, "kubernetes": {"context": "shop"}}
CHECKOUT = Services(frozenset({"checkout"}), known=True)


def written(runbook: dict[str, Any] | None = None, **document: Any) -> Policy:
    return calm_policy({**WRITTEN, **(runbook or {})}, **{"backends": BACKENDS, **document})


def changed(now: Policy, *, version: int = 1, touched: Services = CHECKOUT) -> tuple[str, ...]:
    """What is told to have changed since the gates were passed with everything as it was written."""
    return changes(seal_of(written(), RUNBOOK, 1), seal_of(now, RUNBOOK, version), touched)


def test_nothing_has_changed_where_the_policy_says_the_same() -> None:
    assert changed(written()) == ()
    assert digest_of_seal(seal_of(written(), RUNBOOK, 1)) == digest_of_seal(seal_of(written(), RUNBOOK, 1))


LONG = "alert.name == 'ServiceDown' && alert.labels.region == 'eu' && alert.severity == 'critical'"


@pytest.mark.parametrize(
    ("runbook", "told"),
    [
        ({"verify": {"within": "121s", "healthy": "up == 1"}}, "verify.within: 2m -> 121s"),
        ({"level": "L2"}, "level: L3 -> L2"),
        ({"conditions": ["hour >= 7"]}, "conditions.1: hour >= 6 -> hour >= 7"),
        ({"conditions": []}, 'conditions: ["hour >= 6"] -> []'),
        ({"blast_radius": {"targets": 3, "share": 0.5}}, "blast_radius.targets: 2 -> 3"),
        ({"rollback_within": "4m"}, "rollback_within: nothing -> 4m"),
        ({"authors": [BOB, CAROL]}, 'authors: ["U02BOB"] -> ["U02BOB", "U03CAROL"]'),
        ({"with": {"backend": "supervisor", "service": "checkout", "hard": True}}, "with.hard: nothing -> true"),
        (
            {"when": LONG},
            "when: …ServiceDown' -> …ServiceDown' && alert.labels.region == '…",
        ),
    ],
)
def test_what_has_changed_in_the_runbook_is_named(runbook: dict[str, Any], told: str) -> None:
    assert changed(written(runbook))[0] == f"the runbook changed ({told})"


def test_of_a_long_text_the_character_that_changed_is_shown() -> None:
    before, after = written({"when": LONG}), written({"when": LONG.replace("critical", "critica1")})
    (told,) = changes(seal_of(before, RUNBOOK, 1), seal_of(after, RUNBOOK, 1), CHECKOUT)
    assert told == "the runbook changed (when: … == 'critical' -> … == 'critica1')"


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        ("Restart ", "Restart -> Restart , character 8: none -> U+0020 space"),
        (
            "R\u0435start",
            "Restart -> R\u0435start, character 2: U+0065 latin small letter e -> U+0435 cyrillic small letter ie",
        ),
        ("Re\u200bstart", "Restart -> Re\u200bstart, character 3: none -> U+200B zero width space"),
        ("Restart\x07", "Restart -> Restart\x07, character 8: none -> U+0007 without a name"),
        ("Restart it", "Restart -> Restart it"),
        ("Restar", "Restart -> Restar"),
    ],
)
def test_a_character_that_nobody_sees_is_named(summary: str, told: str) -> None:
    before, after = written({"summary": "Restart"}), written({"summary": summary})
    assert changes(seal_of(before, RUNBOOK, 1), seal_of(after, RUNBOOK, 1), CHECKOUT) == (
        f"the runbook changed (summary: {told})",
    )


def test_true_is_not_one() -> None:
    one = written({"with": {**WRITTEN["with"], "times": 1}})
    other = written({"with": {**WRITTEN["with"], "times": True}})
    (told,) = changes(seal_of(one, RUNBOOK, 1), seal_of(other, RUNBOOK, 1), CHECKOUT)
    assert told == "the runbook changed (with.times: 1 -> true)"


def test_of_many_changes_the_first_are_named_and_the_others_counted() -> None:
    runbook = {"summary": "a", "when": "true", "level": "L2", "conditions": [], "veto_window": "31s"}
    (told,) = changed(written(runbook))
    assert told.startswith("the runbook changed (summary: ")
    assert told.endswith(", 2 more)")


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (
            {"defaults": {**CALM_POLICY["defaults"], "watch_after": "9m"}},
            "the defaults changed (watch_after: 10m -> 9m)",
        ),
        (
            {"defaults": {"approvals": {"from": ["sre"], "needed": 2}}},
            "the defaults changed (approvals.needed: 1 -> 2)",
        ),
        (
            {"escalate": {"confidence_below": 0.9}},
            "the escalation thresholds changed (confidence_below: 0.8 -> 0.9)",
        ),
        (
            {"services": {**CALM_POLICY["services"], "checkout": {"fleet": 5, "slo_burn": "slo:burn_rate:1h"}}},
            "service checkout changed (fleet: 4 -> 5)",
        ),
        ({"services": {"orders": {"fleet": 3}}}, "service checkout is gone"),
    ],
)
def test_what_has_changed_around_the_runbook_is_named(document: dict[str, Any], told: str) -> None:
    assert changed(written(**document)) == (told,)


def test_a_backend_is_named_with_its_setting_and_without_any_value() -> None:
    elsewhere = {**BACKENDS, "supervisor": {"server": "unix:///run/secret.sock"}}
    assert changed(written(backends=elsewhere)) == ("backend supervisor changed (server)",)
    assert "sock" not in seal_of(written(), RUNBOOK, 1).model_dump_json()


def test_another_version_of_the_remediation_is_another_remediation() -> None:
    assert changed(written(), version=2) == ("the remediation changed (version: 1 -> 2)",)
    unknown = changes(seal_of(written(), RUNBOOK, 1), seal_of(written(), RUNBOOK, None), CHECKOUT)
    assert unknown == ("the remediation changed (version: 1 -> nothing)",)


@pytest.mark.parametrize("own", [{"veto_window": "30s"}, {"approvals": {"from": ["sre"]}}, {"rollback_within": "1m"}])
def test_a_default_that_the_runbook_replaces_is_none_of_its_seal(own: dict[str, Any]) -> None:
    (name,) = own
    other = {"veto_window": "5s", "approvals": {"from": ["sre"], "needed": 2}, "rollback_within": "9m"}[name]
    defaults = [CALM_POLICY["defaults"], {**CALM_POLICY["defaults"], name: other}]
    one, two = (seal_of(written(own, defaults=each), RUNBOOK, 1) for each in defaults)
    assert one == two
    replaced = {"veto_window": None} if name == "veto_window" else {}
    one, two = (seal_of(written(replaced, defaults=each), RUNBOOK, 1) for each in defaults)
    (told,) = changes(one, two, CHECKOUT)
    assert told.startswith(f"the defaults changed ({name}")


def test_a_runbook_that_names_its_backends_is_sealed_with_these() -> None:
    assert sealed_backends(written()) == ["supervisor"]
    two = {**WRITTEN["staging"], "with": {"backend": "kubernetes"}}
    assert sealed_backends(written({"staging": two})) == ["supervisor", "kubernetes"]
    assert sealed_backends(written({"staging": None})) == ["supervisor"]


@pytest.mark.parametrize("backend", [{}, {"backend": "${alert.labels.system}"}, {"backend": 7}])
def test_a_runbook_that_leaves_its_backend_open_is_sealed_with_all(backend: dict[str, Any]) -> None:
    assert sealed_backends(written({"with": {"service": "checkout", **backend}})) == list(BACKENDS)


def sealed_backends(policy: Policy) -> list[str]:
    return [part.split()[1] for part in seal_of(policy, RUNBOOK, 1).parts if part.startswith("backend ")]


def test_of_services_those_that_are_touched_count() -> None:
    more = written(services={**CALM_POLICY["services"], "orders": {"fleet": 9}, "search": {}})
    assert changed(more) == ()
    assert changed(more, touched=Services(frozenset({"search"}), known=True)) == ("service search came later",)
    nobody_knows = Services(frozenset(), known=False)
    told = changed(more, touched=nobody_knows)
    assert told == ("service orders changed (fleet: 3 -> 9)", "service search came later")


def test_the_parts_have_the_digests_they_have_always_had() -> None:
    """If this fails for a new field, keep it out of its part while it says nothing: it would void every licence."""
    seal = seal_of(calm_policy(), RUNBOOK, 1)
    assert {name: part.digest[:12] for name, part in seal.parts.items()} == {
        "runbook": "b5bdc73bf5c0",
        "remediation": "a57635f762dc",
        "defaults": "6447d8a5840d",
        "escalation thresholds": "0ab1fdad5e55",
        "service checkout": "f7cff733d1ce",
        "service orders": "f8c87818a623",
    }


def test_the_part_of_the_runbook_has_the_digest_that_rows_of_older_releases_carry() -> None:
    for policy in (calm_policy(), written()):
        assert seal_of(policy, RUNBOOK, 1).parts["runbook"].digest == policy.runbooks[RUNBOOK].digest


# What is kept


def test_documents_that_say_what_is_still_so_need_not_be_kept() -> None:
    then, now = seal_of(written(), RUNBOOK, 1), seal_of(written({"summary": "Else"}), RUNBOOK, 1)
    kept = slim(then, now)
    assert [name for name, part in kept.parts.items() if part.document is not None] == ["runbook"]
    assert digest_of_seal(kept) == digest_of_seal(then)
    assert changes(kept, now, CHECKOUT) == changes(then, now, CHECKOUT)


def test_what_was_not_kept_is_told_to_have_changed_without_saying_how() -> None:
    then = seal_of(written(), RUNBOOK, 1)
    bare = slim(then, then)
    assert changes(bare, seal_of(written({"summary": "Else"}), RUNBOOK, 1), CHECKOUT) == ("the runbook changed",)


def test_a_document_that_is_another_than_its_digest_says_is_still_told_to_have_changed() -> None:
    now = seal_of(written(), RUNBOOK, 1)
    part = now.parts["runbook"].model_copy(update={"digest": "0" * 64})
    assert changes(Seal(parts={**now.parts, "runbook": part}), now, CHECKOUT) == ("the runbook changed",)


# Rows


def test_a_row_without_what_it_was_passed_with_is_void() -> None:
    held, now = sealed_evidenced(written()), seal_of(written(), RUNBOOK, 1)
    row = held.gates[0]
    assert void(row, held.seals, now, CHECKOUT) == ""
    assert void(row, {}, now, CHECKOUT) == "what it was passed with is not on record"
    another = {row.seal: seal_of(written({"summary": "Else"}), RUNBOOK, 1)}
    assert void(row, another, now, CHECKOUT) == "what it was passed with is not on record"


def test_a_row_of_an_older_release_was_sealed_by_the_runbook_alone() -> None:
    policy = written()
    row = passed_gates(policy)[0]
    assert void(row, {}, seal_of(written(escalate={"slo_burn_above": 1.0}), RUNBOOK, 2), CHECKOUT) == ""
    assert void(row, {}, seal_of(written({"level": "L2"}), RUNBOOK, 1), CHECKOUT) == "the runbook changed"


# Decided


def with_gates(policy: Policy, held: Evidenced | None = None) -> Situation:
    return calm_situation(policy, evidenced={RUNBOOK: held or sealed_evidenced(policy)})


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (
            written({"verify": {"within": "121s", "healthy": "up == 1"}}),
            "every gate is void: the runbook changed (verify.within: 2m -> 121s)",
        ),
        (
            written(backends={"supervisor": {"server": "unix:///run/else.sock"}}),
            "every gate is void: backend supervisor changed (server)",
        ),
        (
            written(
                services={**CALM_POLICY["services"], "checkout": {"fleet": 8, "slo_burn": "slo:burn_rate:1h"}},
                escalate={"slo_burn_above": 1.5},
            ),
            "every gate is void: the escalation thresholds changed (slo_burn_above: 2.0 -> 1.5); "
            "service checkout changed (fleet: 4 -> 8)",
        ),
    ],
)
def test_one_change_voids_the_licence_and_the_decision_says_which(now: Policy, told: str) -> None:
    situation = with_gates(written())
    assert decide(situation, written()).level is Level.L3
    decision = decide(situation, now)
    assert (decision.level, decision.verdict.autonomous, decision.decisive) == (Level.L1, False, "licence")
    assert decision.headline == f"restart-checkout may act at most at L1 instead of L3: {told}."


def test_a_plan_that_another_version_of_the_remediation_made_has_no_licence() -> None:
    policy = written()
    situation = calm_situation(policy, plan=calm_plan(version=2), evidenced={RUNBOOK: sealed_evidenced(policy)})
    assert "the remediation changed (version: 1 -> 2)" in decide(situation, policy).headline


def test_a_plan_that_touches_a_service_which_has_changed_has_no_licence_there_and_others_have() -> None:
    before = written()
    after = written(services={**CALM_POLICY["services"], "orders": {"fleet": 9}})
    held = {RUNBOOK: sealed_evidenced(before)}
    assert decide(calm_situation(after, evidenced=held), after).level is Level.L3
    there = calm_situation(after, plan=calm_plan(services=frozenset({"orders"})), evidenced=held)
    assert "service orders changed (fleet: 3 -> 9)" in decide(there, after).headline


def every_leaf(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in every_leaf(each, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for place, each in enumerate(value) for leaf in every_leaf(each, (*path, place))]
    return [path]


def with_leaf(value: Any, path: tuple[str | int, ...]) -> Any:
    if not path:
        return f"{value}x"
    copied: Any = list(value) if isinstance(value, list) else dict(value)
    copied[path[0]] = with_leaf(copied[path[0]], path[1:])
    return copied


def test_whatever_leaf_of_whatever_part_changes_is_named_with_its_path() -> None:
    now = seal_of(written(), RUNBOOK, 1)
    held = sealed_evidenced(written())
    for name, part in now.parts.items():
        for path in every_leaf(part.document):
            document = with_leaf(part.document, path)
            altered = part.model_copy(update={"digest": "another", "document": document})
            then = Seal(parts={**now.parts, name: altered})
            rows = tuple(row.model_copy(update={"seal": digest_of_seal(then)}) for row in held.gates)
            evidence = Evidenced(gates=rows, seals={digest_of_seal(then): then})
            everywhere = Services(frozenset(), known=False)
            said = why_missing(licence_of(evidence, written(), RUNBOOK, now, NOW, touched=everywhere))
            place = ".".join(str(each + 1) if isinstance(each, int) else each for each in path)
            assert said.startswith("every gate is void: ")
            assert f"{name} changed ({place}" in said


def test_the_calm_runbook_is_written_as_these_tests_say() -> None:
    assert CALM_RUNBOOK["verify"] == {"within": "2m", "healthy": "up == 1"}
