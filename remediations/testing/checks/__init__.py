"""The promises, in the order of a remediation's life; importing this makes them all."""

from remediations.testing.checks import planning, carrying_out, rolling_back, breaking, keeping  # isort: skip
from remediations.testing.promise import PROMISES

__all__ = ["PROMISES", "breaking", "carrying_out", "keeping", "planning", "rolling_back"]
