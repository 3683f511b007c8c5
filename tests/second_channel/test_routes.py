"""Who is reached by which route, and credentials that are found to be missing before an outage, not during one."""

from pathlib import Path

import pytest

from bot.policy.file.loading import load_policy
from bot.remediation import PermanentError
from bot.second_channel.routes import build_routes
from remediations.backends.credentials import read_secret
from tests.policy.test_reachability import MAIL, POLICY_FILE, with_channel


def secret(variable: str | None, file: Path | None) -> str | None:
    return read_secret(environment_variable=variable, file=file)


def names(text: str) -> list[str]:
    return [route.name for route in build_routes(load_policy(text, filename="p.yml"), secret, dedup_prefix="w")]


async def test_every_address_and_service_is_a_route_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER", "a routing key")
    monkeypatch.setenv("TEAMS", "json://127.0.0.1/")
    channel = with_channel(MAIL, "pagerduty: {routing_key_env: PAGER}", "apprise: [{name: teams, url_env: TEAMS}]")
    assert names(channel) == [
        "email:alice@example.com",
        "email:night@example.com",
        "pagerduty",
        "apprise:teams",
    ]
    assert names(POLICY_FILE) == []


@pytest.mark.parametrize(
    "route",
    [
        MAIL.replace("to:", "username: w, password_env: NOT_SET, to:"),
        "pagerduty: {routing_key_file: /nonexistent/key}",
        "apprise: [{name: teams, url_env: NOT_SET}]",
    ],
)
async def test_a_credential_that_is_not_there_is_named_at_the_start(route: str) -> None:
    with pytest.raises(PermanentError, match=r"NOT_SET|/nonexistent/key"):
        names(with_channel(route))
