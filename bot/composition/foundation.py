"""What every other part rests on: the clients of the outside world, and the context in which decisions are made."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.composition.start_error import StartError
from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.file.document import Policy
from bot.remediation import Catalogue
from bot.response.engine.dbos import Engine
from bot.response.ports.context import Context, Timing
from bot.settings import Settings
from bot.slack.connection import CALL_TIMEOUT_SECONDS, build_client
from bot.slack.people import SlackPeople
from remediations.backends.base import Backend
from remediations.catalogue import build_catalogue, make_backends
from remediations.plugins import CatalogueError
from storage.database import Database
from storage.writing import Writing


@dataclass(frozen=True, slots=True)
class Foundation:
    """Shared by the parts; none of it starts anything by itself."""

    settings: Settings
    engine: Engine
    database: Database
    session: aiohttp.ClientSession
    client: AsyncWebClient
    people: SlackPeople
    context: Context
    writing: Writing
    evidence: PrometheusEvidence
    backends: Mapping[str, Backend]
    """Those of the policy by name, for asking how they are; remediations have their own."""

    @property
    def name(self) -> str:
        """This process's own; no other process ever has it."""
        return self.engine.executor_id


async def lay_foundation(
    stack: AsyncExitStack,
    settings: Settings,
    policy: Policy,
    engine: Engine,
    database: Database,
    timing: Timing | None = None,
) -> Foundation:
    """``stack`` closes what is opened here.

    Raises:
        StartError: a backend of the policy, or a plugin, cannot be used.
    """
    evidence = PrometheusEvidence(settings.prometheus_url)
    stack.callback(evidence.close)
    timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_SECONDS)
    session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
    client = build_client(settings.slack_bot_token, settings.slack_api_url, session)
    people = SlackPeople(client, lambda: policy)
    catalogue, backends = _catalogue(policy)
    context = Context(
        database=database,
        policy=lambda: policy,
        catalogue=catalogue,
        evidence=evidence,
        people=people,
        timing=timing or Timing(),
    )
    return Foundation(
        settings, engine, database, session, client, people, context, Writing(database), evidence, backends
    )


def _catalogue(policy: Policy) -> tuple[Catalogue, Mapping[str, Backend]]:
    try:
        return build_catalogue(policy.backends), make_backends(policy.backends)
    except CatalogueError as error:
        raise StartError(f"There is no catalogue of remediations for this policy:\n{error}") from error
