"""A small policy file that is right, and what is found when something in it is changed."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from bot.policy.file.loading import check_policy
from bot.policy.file.problems import Weight

GOOD = """\
version: 1
channels: {incidents: C01INC}
people:
  sre: {users: [U01ALICE, U02BOB]}
backends:
  supervisor: {server: "unix:///run/supervisor.sock"}
defaults:
  approvals: {from: [sre]}
services:
  checkout: {fleet: 4}
runbooks:
  restart:
    summary: Restart it
    when: alert.name == 'ServiceDown'
    level: L1
    remediation: restart_service
    with: {backend: supervisor, service: "${alert.labels.service}"}
    verify: {within: 2m, healthy: "up == 1"}
"""


class Parameters(BaseModel):
    """Stands for a remediation's own model."""

    model_config = ConfigDict(extra="forbid")

    service: str
    backend: str = "supervisor"
    times: int = 1
    mode: Literal["hard", "soft"] = "hard"


MODELS = {"restart_service": Parameters}


def errors_of(text: str) -> list[tuple[int, int, str]]:
    findings = check_policy(text, parameter_models=MODELS)
    assert (findings.policy is None) == bool(findings.errors)
    assert all(problem.remedy and problem.severity is Weight.ERROR for problem in findings.errors)
    return [(problem.line, problem.column, problem.message) for problem in findings.errors]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)
