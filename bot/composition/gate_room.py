"""Where a run of the gates happens: a database of its own, the real flows over it, and nobody who is told outside."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bot.composition.database import open_database
from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.file.document import Policy
from bot.response.engine.dbos import Engine
from bot.response.failures import flow_failed
from bot.response.flows import flows
from bot.response.ports.context import Context, Timing
from bot.settings import Settings
from remediations.backends.base import Backend
from remediations.capability import Around
from remediations.catalogue import build_catalogue, make_backends
from storage.database import Database
from storage.held_leases import HeldLeases
from storage.intake import Intake

DATABASE = "gate.db"


@dataclass(frozen=True, slots=True)
class GateRoom:
    """Everything that a run needs."""

    context: Context
    database: Database
    intake: Intake
    backends: Mapping[str, Backend]
    """The policy's, with nothing around them."""
    audit_key: bytes


@dataclass(frozen=True, slots=True)
class StandIns:
    """The people of a run: those that the policy's groups name, who are always there."""

    policy: Policy

    async def members(self, groups: Sequence[str], *, sure_of: Collection[str] = ()) -> tuple[str, ...]:
        """As ``bot.response.ports.outside.People``."""
        known = self.policy.people
        return tuple(sorted({user for group in groups if group in known for user in known[group].users}))

    def forget(self, usergroup: str) -> None:
        """There is no user group."""


@asynccontextmanager
async def gate_room(
    folder: Path,
    policy: Policy,
    *,
    prometheus_url: str | None,
    audit_key: bytes,
    verify_interval_seconds: float,
    around_port: Around,
    around: Around,
) -> AsyncIterator[GateRoom]:
    """Open it over ``folder``; what an earlier process left unfinished there goes on.

    ``around_port`` and ``around``: see ``build_catalogue``.

    Raises:
        StartError: the database cannot be opened.
        CatalogueError: a backend of the policy cannot be used.
    """
    url = f"sqlite+aiosqlite:///{folder / DATABASE}"
    async with AsyncExitStack() as stack:
        engine = Engine(url)
        settings = Settings(slack_bot_token="", database_url=url, audit_key=audit_key)
        database = await open_database(stack, settings, engine)
        evidence = PrometheusEvidence(prometheus_url)
        stack.callback(evidence.close)
        context = Context(
            database=database,
            policy=lambda: policy,
            catalogue=build_catalogue(policy.backends, around_port=around_port, around=around),
            evidence=evidence,
            people=StandIns(policy),
            timing=Timing(verify_interval_seconds=verify_interval_seconds),
        )
        leases = HeldLeases(database, context.now)
        await engine.launch(
            database, flows(context), partial(flow_failed, context), leases, on_closing=context.closing.begin
        )
        stack.push_async_callback(engine.close)
        intake = Intake(database, context.policy, context.now)
        stack.push_async_callback(intake.close)
        yield GateRoom(context, database, intake, make_backends(policy.backends), audit_key)
