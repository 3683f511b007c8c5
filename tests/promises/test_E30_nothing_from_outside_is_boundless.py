"""E30: numbers have bounds, nobody else's page acts here, and what is stored is answered."""

import types
import typing
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from slack_sdk.errors import SlackApiError

from bot.local.demo.team import demo_team
from bot.local.workspace import Workspace
from bot.policy.file.document import Policy
from bot.policy.file.fields import MOST
from bot.policy.file.loading import load_policy
from bot.policy.file.problems import PolicyError
from bot.remediation import LONGEST_RETRY_AFTER_SECONDS, RETRY_AFTER_SECONDS, TemporaryError
from bot.response.ports.context import utc_now
from bot.slack import posting
from bot.slack.posting import Limited, outcome_of
from remediations.catalogue import backend_kinds, parameter_models
from tests.handlers.webhooks import alert, webhook
from tests.promises.test_E25_nothing_expensive_before_authentication import alerting

EXAMPLE = Path(__file__).parents[2] / "docs" / "policy.example.yml"
OF_A_POLICY: Sequence[type[BaseModel]] = (
    Policy,
    *parameter_models().values(),
    *(kind.settings for kind in backend_kinds().values()),
)


def numbers(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, set[type]]]:
    """Every field of a model, and of whatever is in it, that takes a number, with the kinds of its bounds."""
    if model in seen:
        return
    seen.add(model)
    for name, field in model.model_fields.items():
        yield from _numbers(f"{model.__name__}.{name}", field.annotation, tuple(field.metadata), seen)


def _numbers(
    path: str, annotation: Any, bounds: tuple[Any, ...], seen: set[type[BaseModel]]
) -> Iterator[tuple[str, set[type]]]:
    inside = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        yield from _numbers(path, inside[0], (*bounds, *inside[1:]), seen)
    elif annotation in (int, float):
        plain = [one for bound in bounds for one in getattr(bound, "metadata", [bound])]
        yield path, {type(one) for one in plain}
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from numbers(annotation, seen)
    else:
        is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
        for one in inside:
            yield from _numbers(path, one, bounds if is_union else (), seen)


def test_no_number_of_a_policy_is_boundless() -> None:
    seen: set[type[BaseModel]] = set()
    found = dict(one for model in OF_A_POLICY for one in numbers(model, seen))
    assert len(found) > 15
    assert {path for path, bounds in found.items() if not (bounds & {Ge, Gt} and bounds & {Le, Lt})} == set()


@pytest.mark.parametrize("most", ["2000000", "1" + "0" * 309])
def test_a_number_beyond_its_bound_is_named_with_the_bound(most: str) -> None:
    text = f"{EXAMPLE.read_text()}\nstorm: {{after: {most}, within: 5m}}\n"
    with pytest.raises(PolicyError) as refused:
        load_policy(text, filename="policy.yml")
    assert "after: " in str(refused.value)
    assert str(MOST) in str(refused.value)


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("3", 3.0),
        ("-1", 0.0),
        ("nan", posting.DEFAULT_RETRY_AFTER_SECONDS),
        ("soon", posting.DEFAULT_RETRY_AFTER_SECONDS),
        ("Fri, 31 Dec 9999 23:59:59 GMT", posting.DEFAULT_RETRY_AFTER_SECONDS),
        ("1e309", posting.LONGEST_RETRY_AFTER_SECONDS),
        ("9" * 400, posting.LONGEST_RETRY_AFTER_SECONDS),
    ],
)
def test_however_long_slack_wants_to_be_left_alone_it_is_asked_again(said: str, waits: float) -> None:
    class Answer:
        status_code, headers, data = 429, {"Retry-After": said}, {"error": "ratelimited"}

    limited = outcome_of(SlackApiError("", Answer()), "chat.postMessage", "C01INC")  # type: ignore[no-untyped-call]
    assert isinstance(limited, Limited)
    assert limited.retry_after_seconds == waits


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        (7.0, 7.0),
        (-1.0, RETRY_AFTER_SECONDS),
        (float("nan"), RETRY_AFTER_SECONDS),
        (float("inf"), LONGEST_RETRY_AFTER_SECONDS),
        (1e30, LONGEST_RETRY_AFTER_SECONDS),
    ],
)
def test_so_is_any_other_system(said: float, waits: float) -> None:
    again = TemporaryError("busy", retry_after=said).retry_after
    assert again == waits
    assert utc_now() + timedelta(seconds=again)


@pytest.mark.parametrize("truncated", [10**308, 10**309, 2**63], ids=["308 digits", "309 digits", "a bit too much"])
async def test_what_is_stored_is_answered_whatever_its_sender_counted(tmp_path: Path, truncated: int) -> None:
    headers = {"Authorization": "Bearer s3cret"}
    async with alerting(tmp_path) as (host, port), aiohttp.ClientSession(f"http://{host}:{port}") as session:
        body = webhook([alert("a")], truncatedAlerts=truncated)
        async with session.post("/alerts/alertmanager", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["accepted"] == 1


async def test_the_local_workspace_answers_to_its_own_names_alone() -> None:
    async with Workspace(demo_team()).serve() as server, aiohttp.ClientSession() as session:

        async def status(host: str, path: str = "") -> int:
            async with session.get(f"{server.page_url}{path}", headers={"Host": host}) as answer:
                return answer.status

        port = server.page_url.rstrip("/").rpartition(":")[2]
        for own in (f"127.0.0.1:{port}", f"localhost:{port}", "LOCALHOST", "[::1]:80", "localhost."):
            assert await status(own) == 200, own
        for others in (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "[",
            "a b",
        ):
            for path in ("", "api/auth.test", "link/"):
                assert await status(others, path) == 421, others
