"""The systems that the policy names: Prometheus with every query, each backend, and the second channel."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bot.doctor.diagnosis import Check, Diagnosis, Grade, Once
from bot.doctor.workspace import without_policy
from bot.evidence.prometheus import PrometheusEvidence
from bot.policy.file.document import Policy
from bot.policy.file.queries import filled_with_examples, queries_of
from bot.remediation import PermanentError
from bot.second_channel.routes import build_routes
from remediations.backends.credentials import read_secret
from remediations.catalogue import make_backends

PROMETHEUS, QUERIES, SECOND_CHANNEL = "Prometheus", "queries", "second channel"
REFUSED = "Prometheus answered 4"
"""How the text begins where the query itself is at fault."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """Prometheus, asked as a decision would ask it. ``url`` None: there is none."""

    evidence: PrometheusEvidence
    url: str | None
    policy: Policy | None
    silence: Once[str]
    """Why it does not answer; empty where it does."""

    def checks(self) -> list[Check]:
        """Whether it answers, and whether it answers the queries of the policy."""
        return [Check(PROMETHEUS, self._itself), Check(QUERIES, self._queries)]

    async def _itself(self) -> Sequence[Diagnosis]:
        if self.url is None:
            asked = self.policy is None or any(queries_of(self.policy))
            told = "PROMETHEUS_URL is not set, so every query has no answer and people are asked"
            remedy = "set PROMETHEUS_URL to the address of your Prometheus, such as http://127.0.0.1:9090"
            return [Diagnosis(PROMETHEUS, Grade.BROKEN if asked else Grade.REMARK, told, remedy)]
        if silence := await self.silence():
            remedy = f"start it, or correct PROMETHEUS_URL, which is {self.url}"
            return [Diagnosis(PROMETHEUS, Grade.BROKEN, silence.partition(": check")[0], remedy)]
        return [Diagnosis(PROMETHEUS, Grade.OK, f"{self.url} answers")]

    async def _queries(self) -> Sequence[Diagnosis]:
        if self.policy is None:
            return [without_policy(QUERIES)]
        filled = {".".join(path): filled_with_examples(query) for path, query in queries_of(self.policy)}
        if self.url is None or await self.silence():
            told = f"{len(filled)} in the policy, and no Prometheus to ask"
            return [Diagnosis(QUERIES, Grade.UNKNOWN, told, "mend Prometheus first")] if filled else [_no_queries()]
        answers = await self.evidence.ask(filled.values())
        found = []
        for path, query in filled.items():
            answer = answers[query]
            if answer.error:
                grade = Grade.UNKNOWN if answer.error.startswith("no answer") else Grade.BROKEN
                told = f"{path}: {answer.error.removeprefix(f'{REFUSED}00: ')}"
                found.append(Diagnosis(QUERIES, grade, told, f"correct it in the policy: {query}"))
            elif answer.warnings:
                told = f"{path}: {'; '.join(answer.warnings)}"
                found.append(Diagnosis(QUERIES, Grade.REMARK, told, f"see whether {path} is meant so: {query}"))
        return found or [Diagnosis(QUERIES, Grade.OK, f"all {len(filled)} of the policy are answered")]


def _no_queries() -> Diagnosis:
    return Diagnosis(QUERIES, Grade.OK, "there are none in the policy")


def backend_checks(policy: Policy | None) -> list[Check]:
    """One for each backend of the policy."""
    if policy is None:
        return [Check("backends", partial(_saying, without_policy("backends")))]
    return [
        Check(f"backend {name}", partial(_of_backend, name, dict(section))) for name, section in policy.backends.items()
    ]


async def _saying(diagnosis: Diagnosis) -> Sequence[Diagnosis]:
    return [diagnosis]


async def _of_backend(name: str, section: Mapping[str, Any]) -> Sequence[Diagnosis]:
    part = f"backend {name}"
    try:
        backend = (await asyncio.to_thread(make_backends, {name: section}))[name]
    except ValueError as error:  # a kind, a setting, or a credential that is not there
        return [_broken(part, str(error).removeprefix(f"backends.{name}: "), name)]
    trouble = await backend.reach()
    if trouble is None:
        told = f"{backend}: a backend of its kind cannot say how it is"
        return [Diagnosis(part, Grade.REMARK, told, "try it with `/watch run`, or a rehearsal")]
    if trouble:
        return [_broken(part, trouble, name)]
    return [Diagnosis(part, Grade.OK, f"{str(backend).removesuffix(f' (backend {name!r})')} lets us in")]


def _broken(part: str, trouble: str, name: str) -> Diagnosis:
    """``trouble`` is a sentence with its remedy behind a colon."""
    told, _, remedy = trouble.rstrip(".?").partition(": ")
    told = told.replace(f" (backend {name!r})", "")
    if not remedy:
        remedy = f"correct backends.{name} of the policy"
    return Diagnosis(part, Grade.BROKEN, told, remedy)


def second_channel_check(policy: Policy | None) -> Check:
    """Whether there is one, and its credentials are where the policy says. Nothing is sent."""

    async def ask() -> Sequence[Diagnosis]:
        if policy is None:
            return [without_policy(SECOND_CHANNEL)]
        if policy.second_channel is None:
            told = "none: when Slack does not answer, nobody is told anything"
            remedy = "add `second_channel:` to the policy (docs/second-channel.md)"
            return [Diagnosis(SECOND_CHANNEL, Grade.REMARK, told, remedy)]
        try:
            routes = await asyncio.to_thread(build_routes, policy, _secret, dedup_prefix="")
        except PermanentError as error:
            told, _, remedy = str(error).rstrip(".").partition(": ")
            return [Diagnosis(SECOND_CHANNEL, Grade.BROKEN, told, remedy or "correct second_channel of the policy")]
        told = f"{len(routes)} way(s) to people; nothing was sent"
        return [Diagnosis(SECOND_CHANNEL, Grade.OK, told)]

    return Check(SECOND_CHANNEL, ask)


def _secret(variable: str | None, file: Path | None) -> str | None:
    return read_secret(environment_variable=variable, file=file)
