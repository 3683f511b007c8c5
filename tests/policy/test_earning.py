"""What a policy file says of earning autonomy, and what it cannot say."""

import json
from datetime import timedelta

import pytest

from bot.policy.file.canonical import digest_of
from bot.policy.file.document import Policy
from bot.policy.file.loading import load_policy
from bot.policy.stored import read_policy
from tests.policy.calm import calm_policy
from tests.policy.small_file import GOOD, changed, errors_of

AT_THE_END = '    verify: {within: 2m, healthy: "up == 1"}\n'


def with_section(text: str) -> str:
    return GOOD + text


def test_what_is_written_is_read() -> None:
    text = with_section(
        "    authors: [U01ALICE]\n"
        "gates: {sign_off: [sre], expire: {rollback_verification: 2w, others: 60d}}\n"
        "promotion: {cases: 40, lower_bound: 0.9}\n"
    )
    policy = load_policy(text, filename="p")
    assert policy.runbooks["restart"].authors == ("U01ALICE",)
    assert (policy.gates.sign_off, policy.gates.expire.rollback_verification) == (("sre",), timedelta(days=14))
    assert (policy.gates.expire.others, policy.promotion.cases) == (timedelta(days=60), 40)


def test_what_is_not_written_has_the_meaning_that_the_reference_says() -> None:
    policy = load_policy(GOOD, filename="p")
    assert policy.runbooks["restart"].authors is None
    assert policy.gates.model_dump(mode="json") == {
        "sign_off": [],
        "expire": {"rollback_verification": "30d", "others": "90d"},
    }
    assert policy.promotion.model_dump() == {"cases": 20, "lower_bound": 0.8}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("gates: {sign_off: [srr]}\n", (19, 20, "there is no group of people 'srr'")),
        ("gates: {sign_of: [sre]}\n", (19, 9, "unknown key 'sign_of'")),
        ("gates: {waive: true}\n", (19, 9, "unknown key 'waive'")),
        ("gates: {expire: {chaos_test: 9d}}\n", (19, 18, "unknown key 'chaos_test'")),
        ("    authors: ['@alice']\n", (19, 15, "'@alice' is a name that people see, not an id")),
        ("    authors: []\n", (19, 14, "authors is empty")),
        ("promotion: {cases: 4}\n", (19, 20, "4: should be greater than or equal to 5")),
        ("promotion: {lower_bound: 0.4}\n", (19, 26, "0.4: should be greater than or equal to 0.5")),
    ],
)
def test_a_mistake_is_found_at_its_place(text: str, error: tuple[int, int, str]) -> None:
    assert GOOD.endswith(AT_THE_END)
    assert errors_of(with_section(text)) == [error]


@pytest.mark.parametrize("written", ["0d", "400d"])
def test_no_gate_counts_for_ever_or_not_at_all(written: str) -> None:
    ((line, column, _),) = errors_of(with_section(f"gates: {{expire: {{others: {written}}}}}\n"))
    assert (line, column) == (19, 26)


def test_a_policy_without_authors_loads_and_stays_at_l1() -> None:
    """An upgrade must not keep a bot from starting: what is missing is warned about, and earns nothing."""
    policy = load_policy(changed("level: L1", "level: L3"), filename="p")
    assert policy.runbooks["restart"].authors is None


def test_a_policy_that_an_older_release_stored_is_read() -> None:
    document = json.loads(calm_policy().model_dump_json(by_alias=True))
    for name in ("gates", "promotion"):
        del document[name]
    for runbook in document["runbooks"].values():
        del runbook["authors"]
    read = read_policy(json.dumps(document), digest_of(document))
    assert isinstance(read, Policy)
    assert read == calm_policy()
    assert read.runbooks["restart-checkout"].digest == calm_policy().runbooks["restart-checkout"].digest
