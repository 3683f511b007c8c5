"""What remediations have in common when they deal with targets: their addresses, who protects them, how they are."""

from collections.abc import Collection, Iterable

from bot.policy.plan import Plan, Target
from bot.remediation import About, Condition, PermanentError

NAMES_IN_A_SENTENCE = 3
DECISIVE = (Condition.UNHEALTHY, Condition.UNKNOWN, Condition.SETTLING, Condition.HEALTHY)
"""Of several conditions, the first of these that is among them is that of all."""


def address_of(plan: Plan, target: Target) -> str:
    """A target's key without the name of its backend, which may hold colons too."""
    return target.key.removeprefix(f"{plan.parameters['backend']}:")


def refuse_protected(about: About, backend: str, address: str, label: str) -> None:
    """Nothing is done to what the policy protects by its key or by a name of it.

    Raises:
        PermanentError: it does.
    """
    if pattern := about.protected.target((f"{backend}:{address}", address, label)):
        raise PermanentError(
            f"{label} of backend {backend!r} is protected: `protected.targets` has {pattern!r}, so nothing is done to "
            "it."
        )


def together(conditions: Iterable[Condition]) -> Condition:
    """How targets are as a whole; unknown where there are none."""
    found = set(conditions)
    return next((each for each in DECISIVE if each in found), Condition.UNKNOWN)


def listed(names: Collection[str]) -> str:
    """Names in a sentence, the first of them: "east, west, north and 9 more"; "nothing" where there are none."""
    shown = ", ".join(list(names)[:NAMES_IN_A_SENTENCE])
    hidden = len(names) - NAMES_IN_A_SENTENCE
    return f"{shown} and {hidden} more" if hidden > 0 else shown or "nothing"
