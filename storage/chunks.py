"""Values in portions that one statement can compare with."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

STATEMENT_VALUES_MAX = 1000
"""How many values one statement compares with; both databases allow many times more."""

Value = TypeVar("Value")


def chunks(values: Sequence[Value]) -> Iterable[Sequence[Value]]:
    """The values in order, in portions of at most ``STATEMENT_VALUES_MAX``."""
    return (values[start : start + STATEMENT_VALUES_MAX] for start in range(0, len(values), STATEMENT_VALUES_MAX))
