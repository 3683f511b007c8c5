"""Reading the policy file: every error with its place and remedy, or a policy that can be relied on.

The caller reads the file and prints what is found; nothing here touches a disk.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from bot.policy.file.coherence import ParameterModels, check_coherence
from bot.policy.file.document import Policy
from bot.policy.file.lint import lint
from bot.policy.file.problems import Findings, PolicyError, Trouble, render
from bot.policy.file.shape import shaped
from bot.policy.file.source import Source

Systems = Callable[[Policy], Iterable[Trouble]]
"""Whoever knows the systems that a policy names, and says what is wrong with what it says about them."""


def check_policy(
    text: str,
    *,
    parameter_models: ParameterModels | None = None,
    systems: Systems | None = None,
    now: datetime | None = None,
) -> Findings:
    """Every error in a policy file; without errors also every warning.

    ``parameter_models`` (remediation name -> model of its ``with``) lets remediations and their parameters be
    checked, ``systems`` what it says about backends; ``now`` lets things of the past be found.
    """
    source = Source(text)
    policy = None
    if source.data is not None:
        policy = shaped(source)
        check_coherence(source, parameter_models)
    if policy is not None and not source.problems and systems is not None:
        for trouble in systems(policy):
            source.error(source.place_of(trouble.path), trouble.path, trouble.message, trouble.remedy)
    errors = tuple(sorted(set(source.problems)))
    if policy is None or errors:
        return Findings(None, errors)
    return Findings(policy, tuple(sorted(lint(policy, source, now))))


def load_policy(
    text: str, *, filename: str, parameter_models: ParameterModels | None = None, systems: Systems | None = None
) -> Policy:
    """The policy that ``text`` writes down.

    Raises:
        PolicyError: with every error, rendered with ``filename``, line and column.
    """
    findings = check_policy(text, parameter_models=parameter_models, systems=systems)
    if findings.policy is None:
        raise PolicyError(findings.errors, render(findings.errors, filename=filename, text=text))
    return findings.policy
