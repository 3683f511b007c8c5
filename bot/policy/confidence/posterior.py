"""What so many successes and failures say about the next time: a Beta distribution, its mean and its bounds.

The bounds are quantiles of the distribution, found by halving over the regularised incomplete beta function, which is
evaluated by its continued fraction (the method of Lentz). No sampling: the same counts always give the same number.
"""

import math
from dataclasses import dataclass

UNLIKELY = 0.05
"""The chance that the truth lies below the lower bound, and that it lies above the upper one."""
HALVINGS = 40
"""After so many, a bound is known to twelve digits."""
TERMS = 5000
"""Of the continued fraction, at most: it needs about the square root of the counts, so this is enough for millions."""
_TINY, _CLOSE = 1e-300, 1e-15


@dataclass(frozen=True, slots=True)
class Beta:
    """The distribution of a probability after ``successes`` and ``failures``, imagined ones included; both above 0."""

    successes: float
    failures: float

    def __post_init__(self) -> None:
        for name in ("successes", "failures"):
            value: float = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} of a Beta distribution is {value!r}; it must be a number above 0")

    @property
    def mean(self) -> float:
        """The probability that the next time is a success."""
        return self.successes / (self.successes + self.failures)

    @property
    def lower(self) -> float:
        """The truth lies above this with a chance of 95 %."""
        return self.quantile(UNLIKELY)

    @property
    def upper(self) -> float:
        """The truth lies below this with a chance of 95 %."""
        return self.quantile(1 - UNLIKELY)

    def quantile(self, share: float) -> float:
        """The value below which ``share`` (0 to 1) of the distribution lies."""
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if self.below(middle) < share:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def below(self, value: float) -> float:
        """How much of the distribution lies below ``value``.

        Raises:
            ArithmeticError: there are more cases than this can be computed for, far beyond any history that is kept.
        """
        if value <= 0:
            return 0.0
        if value >= 1:
            return 1.0
        a, b = self.successes, self.failures
        scale = math.exp(
            math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(value) + b * math.log1p(-value)
        )
        # The fraction converges fast on one side of the mean; the other side is the mirrored distribution.
        if value < (a + 1) / (a + b + 2):
            return scale * _fraction(a, b, value) / a
        return 1 - scale * _fraction(b, a, 1 - value) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function."""
    c, d = 1.0, _inverse(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = _inverse(1 + term * d)
            c = 1 + term / _not_zero(c)
            result *= c * d
        if abs(c * d - 1) < _CLOSE:
            return result
    raise ArithmeticError(f"the counts {a:g} and {b:g} are too large for their Beta distribution to be computed")


def _inverse(value: float) -> float:
    return 1 / _not_zero(value)


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
