"""Hands tests out to workers so that the death of a worker costs one test.

With ``--dist loadgroup`` pytest-xdist 3.8 then waits for ever or ends with an internal error. This module can go once a
release goes on by itself, without running the test again that the worker died of.
"""

from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController


class Surviving(LoadGroupScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Gives what a dead worker has left to others, but for the test that it died of."""

    def remove_node(self, node: WorkerController) -> str | None:
        """Forget a worker; the test it died of, or None where it had nothing more to do."""
        units = self.assigned_work.pop(node)
        left = (test for unit in units.values() for test, done in unit.items() if not done)
        died_of: str | None = next(left, None)
        if died_of is None:
            return None
        del self.registered_collections[node]  # its successor has to collect before it can be given anything
        for scope, unit in units.items():
            if died_of in unit:
                unit[died_of] = True
            if not all(unit.values()):
                self.workqueue[scope] = unit
        for other in self.assigned_work:
            self._reschedule(other)
        return died_of

    def _reschedule(self, node: WorkerController) -> None:
        """Give a worker more, or tell it that there is nothing more: it begins no test before it knows the next one."""
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
