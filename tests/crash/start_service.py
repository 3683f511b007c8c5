"""A remediation for stories that need an act which can be rolled back: it starts what is down, and stops it again.

The catalogue's own has nothing to undo. This one acts through the same backend, and is known to the crash tests' bots
only.
"""

from typing import Any, ClassVar, cast

from bot.policy.plan import Exactness, Plan, Rollback
from bot.remediation import Parameters, Report, Snapshot
from remediations import catalogue
from remediations.infrastructure.restart_service import RestartService


class StartService(RestartService):
    """Start every process that a restart would be about; the rollback stops them."""

    name: ClassVar[str] = "start_service"
    title: ClassVar[str] = "Start a service"

    async def plan(self, parameters: Parameters, service: str, fleet: int | None) -> Plan:
        """As for a restart, with a rollback."""
        restart = await super().plan(parameters, service, fleet)
        rollback = Rollback(summary=f"Stop {service} again.", exactness=Exactness.APPROXIMATE)
        return restart.model_copy(
            update={"remediation": self.name, "summary": f"Start {service}", "rollback": rollback, "steps": ()}
        )

    async def execute(self, plan: Plan, snapshot: Snapshot) -> Report:
        """Start them."""
        for address in snapshot.state["processes"]:
            await self._supervisor(plan).start(address)
        return Report(summary="Started it.")

    async def roll_back(self, plan: Plan, snapshot: Snapshot) -> Report:
        """Stop them."""
        for address in snapshot.state["processes"]:
            await self._supervisor(plan).stop(address)
        return Report(summary="Stopped it again.")


def enrol() -> None:
    """Have the catalogue of this process know it. Once, and before a policy is read."""
    catalogue.REMEDIATIONS = (*catalogue.REMEDIATIONS, StartService)
    cast(dict[str, Any], catalogue.PARAMETER_MODELS)[StartService.name] = StartService.parameters
