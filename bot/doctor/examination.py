"""Everything that is asked of one set-up, from its settings to its clock, and what came of it as a whole."""

from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

import aiohttp

from bot.doctor.clocks import Clocks
from bot.doctor.database import database_checks
from bot.doctor.diagnosis import ANSWER_SECONDS, Check, Diagnosis, Grade, Once, Waiting, answered
from bot.doctor.systems import Monitor, backend_checks, second_channel_check
from bot.doctor.workspace import Workspace
from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.file.document import Policy
from bot.policy.file.loading import check_policy
from bot.settings import Settings, read_usable_settings
from bot.slack.connection import build_client
from bot.slack.questions import Questions
from remediations.catalogue import parameter_models
from remediations.plugins import CatalogueError
from remediations.policy_check import policy_troubles
from storage.address import Address, AddressError, read_address

SETTINGS, POLICY = "settings", "policy"
ReadPolicy = Callable[[Settings], str]
"""The text of the policy file that the settings name; raises ``PolicyUnreadableError``."""


class Outcome(IntEnum):
    """How a set-up is as a whole; also what the command ends with."""

    WELL = 0
    BROKEN = 1
    """Something is, or could not be asked."""
    UNREADABLE = 2
    """The settings, or the policy file, cannot be read at all."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found out about a set-up."""

    diagnoses: tuple[Diagnosis, ...]
    unreadable: bool
    """Whether the settings or the policy file could not be read."""

    @property
    def outcome(self) -> Outcome:
        """As a whole."""
        if self.unreadable:
            return Outcome.UNREADABLE
        bad = any(each.grade in (Grade.BROKEN, Grade.UNKNOWN) for each in self.diagnoses)
        return Outcome.BROKEN if bad else Outcome.WELL


class PolicyUnreadableError(Exception):
    """There is no text of a policy; the text says what is wrong and what to do."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


async def examined(read_policy: ReadPolicy, waiting: Waiting, now: Callable[[], datetime] | None = None) -> Examination:
    """Ask everything of the set-up that the environment names.

    Args:
        waiting: what is shown while answers are waited for.
        now: our clock, where it is another one.
    """
    settings, problems = read_usable_settings()
    first = [*_of_settings(settings, problems)]
    policy, about_policy, unreadable = _policy(settings, read_policy)
    first += about_policy
    async with AsyncExitStack() as stack:
        checks = await _checks(stack, settings, policy, now or _utc_now)
        found = await answered(checks, waiting)
    return Examination((*first, *found), unreadable=bool(problems) or unreadable)


def _of_settings(settings: Settings, problems: tuple[str, ...]) -> list[Diagnosis]:
    if problems:
        return [Diagnosis(SETTINGS, Grade.BROKEN, *_in_two(problem)) for problem in problems]
    return [Diagnosis(SETTINGS, Grade.OK, "all that are set can be used")]


def _in_two(problem: str) -> tuple[str, str]:
    """What is wrong with a setting, and the remedy."""
    text = problem.rstrip(".")
    places = [place for between in ("; ", ". ") if (place := text.find(between)) >= 0]
    place = min(places) if places else text.rfind(": ")
    told, remedy = text[:place], text[place + 2 :]
    if place < 0 or (not places and remedy[:1].isupper()):  # behind the colon is the system's own word for why
        return text, "correct it; docs/operating.md has a table of all settings"
    return (told, f"set it: {remedy[:1].lower()}{remedy[1:]}") if told.endswith("is not set") else (told, remedy)


def _policy(settings: Settings, read_policy: ReadPolicy) -> tuple[Policy | None, list[Diagnosis], bool]:
    """The policy where it can be used, what is to be said of it, and whether its file could not be read."""
    path = settings.policy_path
    shown = f"`watchkeeper check {path}` shows each with its line and remedy"
    try:
        found = check_policy(
            read_policy(settings), parameter_models=parameter_models(), systems=policy_troubles, now=_utc_now()
        )
    except PolicyUnreadableError as error:
        told, _, remedy = str(error).partition(". To mend it, ")
        return None, [Diagnosis(POLICY, Grade.BROKEN, told, remedy.rstrip("."))], True
    except CatalogueError as error:
        told, _, remedy = str(error).partition(": ")
        return None, [Diagnosis(POLICY, Grade.BROKEN, told, remedy or "uninstall what brings it")], False
    errors, warnings = len(found.errors), len(found.warnings)
    if found.policy is None:
        first = found.errors[0]
        told = f"{path} has {errors} error(s); the first is in line {first.line}: {first.message}"
        return None, [Diagnosis(POLICY, Grade.BROKEN, told, shown)], False
    if warnings:
        told = f"{path} has {warnings} warning(s) and no error"
        return found.policy, [Diagnosis(POLICY, Grade.REMARK, told, shown)], False
    told = f"{path} is good, with {len(found.policy.runbooks)} runbook(s)"
    return found.policy, [Diagnosis(POLICY, Grade.OK, told)], False


async def _checks(
    stack: AsyncExitStack, settings: Settings, policy: Policy | None, now: Callable[[], datetime]
) -> list[Check]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
    questions = Questions(build_client(settings.slack_bot_token, settings.slack_api_url, session), now)
    who = Once(questions.who_we_are)
    evidence = PrometheusEvidence(settings.prometheus_url, timeout_seconds=ANSWER_SECONDS)
    stack.callback(evidence.close)
    return [
        *database_checks(_address(settings), settings.audit_key),
        *Workspace(questions, settings, policy, who).checks(),
        *Monitor(evidence, settings.prometheus_url, policy, Once(evidence.reach)).checks(),
        *backend_checks(policy),
        second_channel_check(policy),
        Clocks(who if settings.slack_bot_token else None, settings.prometheus_url, now).check(),
    ]


def _address(settings: Settings) -> Address | None:
    with suppress(AddressError):
        return read_address(settings.database_url)
    return None
