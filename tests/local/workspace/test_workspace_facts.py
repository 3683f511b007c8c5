"""The facts we refuse by are Slack's own."""

import json
from pathlib import Path

import pytest

from bot.local.workspace.facts import method_facts
from bot.local.workspace.methods import METHODS

CONTRACT = Path(__file__).resolve().parents[3].parent / "shared" / "contracts" / "slack-methods.json"


def test_every_implemented_method_has_facts() -> None:
    assert set(METHODS) <= set(method_facts())


def test_our_facts_agree_with_the_shared_contract() -> None:
    if not CONTRACT.is_file():
        pytest.skip(f"the shared contract is not on this machine: {CONTRACT}")
    contract = json.loads(CONTRACT.read_text())
    assert set(contract) == set(method_facts())
    for name, facts in method_facts().items():
        theirs = contract[name]
        assert facts.tier == theirs["rate_tier"], name
        assert facts.accepts_json == bool(theirs["json_input"]), name
        assert list(facts.scopes) == theirs["bot_scopes"], name
        assert list(facts.required) == theirs["required"], name
        assert facts.errors == set(theirs["errors"]), name
        assert set(facts.argument_types) == set(theirs["args"]), name
