"""Runs some of the tests in this process, one after another: ``python -m tests.rerun.alone WANTED RECORD [arguments]``.

``WANTED`` is a file with their names, a JSON list; names never pass through a command line. ``RECORD`` is written by
`tests.rerun.recorder`. The arguments are pytest's: those that the tests failed with.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.rerun.recorder import Recorder


class Only:
    """A plugin of pytest that leaves out every test but those of these names."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the order of the whole run."""
        others = [item for item in items if item.nodeid not in self._names]
        items[:] = [item for item in items if item.nodeid in self._names]
        config.hook.pytest_deselected(items=others)


def main(wanted: Path, record: Path, arguments: list[str]) -> int:
    """Run the tests; pytest's exit code."""
    names = set(json.loads(wanted.read_text(encoding="utf-8")))
    return pytest.main([*arguments, "-n", "0"], plugins=[Only(names), Recorder(record)])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
