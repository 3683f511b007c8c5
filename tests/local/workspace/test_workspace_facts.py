"""The facts we refuse by are Slack's own, and Slack's client agrees with them."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local.workspace.facts import MethodFacts, method_facts
from bot.local.workspace.methods import METHODS

NOT_AMONG_THE_ARGUMENTS = {
    "apps.connections.open": {"app_token"},  # it goes in a header
    "chat.postMessage": {"container_id"},  # the client is ahead of our facts, and nobody asks for it
    "team.info": {"include_slackbot_availability"},  # likewise
}


def test_every_implemented_method_has_facts() -> None:
    assert set(METHODS) <= set(method_facts())


@pytest.mark.parametrize("facts", method_facts().values(), ids=lambda facts: facts.name)
def test_the_facts_of_a_method_agree_with_slacks_client(facts: MethodFacts) -> None:
    ask: Callable[..., Any] = getattr(AsyncWebClient, facts.name.replace(".", "_"))
    arguments = set(inspect.signature(ask).parameters) - {"self", "kwargs"}
    assert arguments - NOT_AMONG_THE_ARGUMENTS.get(facts.name, set()) <= facts.argument_types.keys()
    assert set(facts.required) <= facts.argument_types.keys()
