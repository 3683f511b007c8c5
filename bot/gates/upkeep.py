"""The twin's state: breaking it as the runbook declares, mending it, and telling whether it is well."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.gates.report import Outside
from bot.gates.twin import GateError, Twin
from bot.policy.evidence import Finding, judge
from bot.policy.file.templates import substitute_query
from bot.policy.plan import Plan
from bot.policy.situation import AlertFacts
from bot.remediation import Catalogue, PermanentError, Remediation, RemediationError, TemporaryError
from bot.response.ports.outside import EvidenceSource
from remediations.backends.base import Backend
from remediations.targets import address_of

MEND_TRIES = 6
LOOK_AGAIN_SECONDS = 0.2
PLAN_SECONDS = 15.0

log = logging.getLogger(__name__)


class Upkeep:
    """Looks after one twin."""

    def __init__(self, twin: Twin, backends: dict[str, Backend], evidence: EvidenceSource) -> None:
        self._twin, self._backends, self._evidence = twin, backends, evidence

    async def break_it(self, backend: str, target: str) -> None:
        """Inject the declared fault into what has this address.

        Raises:
            GateError: it cannot be injected.
        """
        fault = self._twin.fault
        if fault is None:
            raise GateError(f"{self._twin.name!r} declares no fault: without `staging.inject` nothing is repaired.")
        try:
            await self._backends[backend].inject(fault, target)
        except RemediationError as error:
            raise GateError(f"The fault could not be injected: {error}") from error

    async def mend(self, backend: str, target: str) -> str:
        """Mend the declared fault; why it could not be, in words, and empty when it is."""
        if self._twin.fault is None:
            return ""
        problem = ""
        for _ in range(MEND_TRIES):
            try:
                await self._backends[backend].mend(self._twin.fault, target)
            except TemporaryError as error:
                problem = str(error)
                await asyncio.sleep(error.retry_after)
            except PermanentError as error:
                problem = str(error)
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
            else:
                return ""
        return f"{target!r} is still broken: {problem} Mend it by hand."

    async def until_well(self, alert: AlertFacts, within: timedelta) -> None:
        """Wait until the monitor says so; nothing to wait for where the remediation's own view is all there is.

        Raises:
            GateError: it does not.
        """
        await self._until(Finding.SUPPORTS, alert, within, "Staging is not well")

    async def until_unwell(self, alert: AlertFacts, within: timedelta) -> None:
        """Wait until the monitor has noticed the fault.

        Raises:
            GateError: it does not notice, so it would call a repair good that never was.
        """
        await self._until(Finding.CONTRADICTS, alert, within, "The monitor still calls staging healthy")

    async def evidence(self, alert: AlertFacts) -> dict[str, Finding]:
        """What each evidence query of the runbook says at this moment, by its name."""
        queries = {name: substitute_query(text, alert) for name, text in self._twin.runbook.evidence.items()}
        answers = await self._evidence.ask(queries.values())
        return {name: judge(name, query, answers[query]).finding for name, query in queries.items()}

    async def look(self, remediation: Remediation, plan: Plan) -> Outside:
        """What is there now.

        Raises:
            RemediationError: it cannot be seen.
        """
        async with asyncio.timeout(PLAN_SECONDS):
            snapshot = (await remediation.snapshot(plan)).state
            survey = await self._backends[self.backend_of(plan)].survey()
        return Outside(snapshot=snapshot, survey=None if survey is None else dict(survey))

    def backend_of(self, plan: Plan) -> str:
        """The name of the backend through which a plan acts."""
        return str(plan.parameters.get("backend", ""))

    def refuse_outside_staging(self, plan: Plan) -> None:
        """Nothing is carried out on what the policy does not call staging.

        Raises:
            GateError: a target of the plan is not.
        """
        name = self.backend_of(plan)
        backend = self._backends.get(name)
        if backend is None:
            raise GateError(f"{plan.remediation} names no backend, so whether it acts on staging alone is unknown.")
        for target in plan.targets:
            if not backend.is_staging(address_of(plan, target)):
                raise GateError(
                    f"The plan touches {target.label}, which backend {name!r} does not call staging, so nothing was "
                    "done: name what is there in `staging.with`, or correct the backend's `staging:` patterns."
                )

    async def _until(self, wanted: Finding, alert: AlertFacts, within: timedelta, told: str) -> None:
        verify = self._twin.runbook.verify
        if verify.own:
            return
        promql = substitute_query(verify.healthy, alert) if verify.healthy else None
        last = ""

        async def reached() -> bool:
            nonlocal last
            found = await self._evidence.healthy(promql, verify.http)
            last = found.detail
            return found.finding is wanted

        if not await holds_within(reached, within):
            raise GateError(f"{told}, {within.total_seconds():g} s long: {last}.")


def named_target(twin: Twin, catalogue: Catalogue) -> tuple[str, str]:
    """The backend and the address that the parameters on staging name, where no plan can be made to ask.

    Raises:
        GateError: they name none.
    """
    model = catalogue[twin.runbook.remediation].parameters
    parameters = model.model_validate(twin.runbook.parameters)
    backend, names = getattr(parameters, "backend", None), parameters.named()
    if backend is None or not names:
        raise GateError(f"`staging.with` of {twin.name!r} names nothing into which a fault could be injected.")
    return str(backend), names[0]


async def holds_within(check: Callable[[], Awaitable[bool]], within: timedelta) -> bool:
    """Ask again and again until it holds; False when the time is over."""
    loop = asyncio.get_running_loop()
    end = loop.time() + within.total_seconds()
    while not await check():
        if loop.time() >= end:
            return False
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return True
