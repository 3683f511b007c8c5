"""The manifest and the code say the same: nothing is offered that nothing handles, nothing is used unasked."""

import ast
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bot.local.workspace.facts import method_facts
from bot.response.model.notices import Button
from bot.slack.scopes import KEPT_READY, NEEDED
from handlers.slack import workflow
from handlers.slack.arrival import Kind
from handlers.slack.commands import COMMAND
from handlers.slack.routes import FORMS, ROUTES
from handlers.slack.watch_words import SUBCOMMANDS

ROOT = Path(__file__).parents[2]
FACTS = ROOT / "tests" / "fixtures" / "slack"
SOURCES = ("bot", "handlers")
USED_BY_BOLT = {"auth.test", "apps.connections.open"}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "manifest.yml").read_text()))


def schema() -> dict[str, Any]:
    """What Slack takes as a manifest."""
    return dict(yaml.safe_load((FACTS / "manifest_schema.yml").read_text()))


def event_scopes() -> dict[str, list[str]]:
    """The scopes, one of which an event needs; by its name."""
    return dict(json.loads((FACTS / "event_scopes.json").read_text()))


def granted(manifest: dict[str, Any]) -> set[str]:
    return set(manifest["oauth_config"]["scopes"]["bot"])


def methods_in(text: str, known: set[str]) -> set[str]:
    """Web API methods that a module names, as ``"chat.postMessage"`` or as ``client.chat_postMessage(...)``."""
    spelt = {name.replace(".", "_").lower(): name for name in known}
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in known:
            found.add(node.value)
        if isinstance(node, ast.Attribute) and node.attr.lower() in spelt:
            found.add(spelt[node.attr.lower()])
    return found


def used_methods(known: set[str]) -> set[str]:
    modules = [p for source in SOURCES for p in (ROOT / source).rglob("*.py") if "local" not in p.parts]
    return set().union(*(methods_in(path.read_text(), known) for path in modules))


def test_slack_accepts_the_manifest(manifest: dict[str, Any]) -> None:
    jsonschema.validate(manifest, schema())


def test_the_manifest_for_http_differs_only_in_where_slack_sends_what_people_do(manifest: dict[str, Any]) -> None:
    over_http = yaml.safe_load((ROOT / "manifest.http.yml").read_text())
    jsonschema.validate(over_http, schema())
    settings = over_http["settings"]
    addresses = {
        *(command.pop("url") for command in over_http["features"]["slash_commands"]),
        settings["event_subscriptions"].pop("request_url"),
        settings["interactivity"].pop("request_url"),
    }
    assert addresses == {"https://watchkeeper.example.com/slack/events"}
    assert settings.pop("socket_mode_enabled") is False
    settings["socket_mode_enabled"] = True
    assert over_http == manifest


def test_the_schema_refuses_a_manifest_with_a_mistake(manifest: dict[str, Any]) -> None:
    broken = {**manifest, "features": {**manifest["features"], "slash_commands": [{"command": "watch"}]}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


def test_every_command_is_handled_and_every_handled_one_is_offered(manifest: dict[str, Any]) -> None:
    offered = manifest["features"]["slash_commands"]
    assert {entry["command"] for entry in offered} == set(ROUTES[Kind.COMMAND]) == {COMMAND}


def test_the_usage_hint_names_only_what_is_understood(manifest: dict[str, Any]) -> None:
    hint = manifest["features"]["slash_commands"][0]["usage_hint"]
    assert {part.split()[0] for part in hint.split(" | ")} <= set(SUBCOMMANDS)


def test_every_shortcut_is_handled_and_every_handled_one_is_offered(manifest: dict[str, Any]) -> None:
    offered = manifest["features"]["shortcuts"]
    assert {entry["callback_id"] for entry in offered} == set(ROUTES[Kind.SHORTCUT])


def test_every_event_is_handled_and_every_handled_one_is_subscribed_to(manifest: dict[str, Any]) -> None:
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == set(ROUTES[Kind.EVENT])


def test_the_workflow_step_is_offered_with_what_its_handler_reads_and_answers(manifest: dict[str, Any]) -> None:
    ((name, function),) = manifest["functions"].items()
    assert name == workflow.FUNCTION
    inputs, outputs = function["input_parameters"], function["output_parameters"]
    assert set(inputs["properties"]) == set(inputs["required"]) == {"runbook", "service", "reason", "requested_by"}
    assert set(outputs["properties"]) == set(outputs["required"]) == {workflow.INCIDENT}


def test_every_button_and_modal_is_handled_by_its_word() -> None:
    assert set(ROUTES[Kind.BUTTON]) == set(Button)
    assert set(ROUTES[Kind.MODAL]) == set(FORMS)
    assert set(ROUTES[Kind.MODAL]) <= set(Button)


def test_interactivity_home_and_socket_mode_are_on_and_token_rotation_is_off(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["interactivity"]["is_enabled"]
    assert settings["socket_mode_enabled"]
    assert settings["org_deploy_enabled"], "without it Slack takes no custom workflow step"
    assert settings["function_runtime"] == "remote"
    assert not settings["token_rotation_enabled"]
    assert manifest["features"]["app_home"]["home_tab_enabled"]


def test_every_method_in_the_code_has_its_scope(manifest: dict[str, Any]) -> None:
    methods = method_facts()
    used = used_methods(set(methods))
    assert {"chat.postMessage", "chat.update", "chat.postEphemeral", "views.open", "views.publish"} <= used
    for method in used - USED_BY_BOLT:
        needed = set(methods[method].scopes)
        assert not needed or needed & granted(manifest), f"{method} needs one of {sorted(needed)}"


def test_every_event_has_its_scope(manifest: dict[str, Any]) -> None:
    for event in ROUTES[Kind.EVENT]:
        needed = set(event_scopes()[event])
        assert not needed or needed & granted(manifest), f"{event} needs one of {sorted(needed)}"


def test_every_scope_is_used_or_kept_for_a_reason(manifest: dict[str, Any]) -> None:
    methods, events = method_facts(), event_scopes()
    used = {scope for method in used_methods(set(methods)) for scope in methods[method].scopes}
    used |= {scope for event in ROUTES[Kind.EVENT] for scope in events[event]}
    assert granted(manifest) - used - {"commands"} <= KEPT_READY


def test_what_the_granted_scopes_are_compared_with_is_what_the_manifest_asks_for(manifest: dict[str, Any]) -> None:
    assert granted(manifest) == NEEDED | KEPT_READY
    assert frozenset() == NEEDED & KEPT_READY
