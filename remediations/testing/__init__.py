"""For authors of remediations: the suite that shows whether one keeps the contract, and an execution in memory.

``docs/remediations.md`` says how it is used; ``remediations.testing.plugin`` is the pytest plugin. Must not know: any
remediation, any system.
"""

from remediations.testing.execution import ExecutionInMemory
from remediations.testing.making import made
from remediations.testing.promise import BrokenPromiseError, Promise
from remediations.testing.subject import Ability, Subject

__all__ = ["Ability", "BrokenPromiseError", "ExecutionInMemory", "Promise", "Subject", "made"]
