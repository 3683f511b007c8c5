"""What the tests of commands share."""

from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.fixtures.database import migrated


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    url = f"sqlite+aiosqlite:///{tmp_path / 'watch.db'}"
    migrated(url)
    return Shell(tmp_path, url)
