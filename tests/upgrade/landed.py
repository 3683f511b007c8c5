"""What landed versions have stored, kept in ``stored``: a folder for each, written once by ``write`` and never changed.

``database.sql`` is the whole SQLite database, the durable engine's tables included; ``slack.json`` is what Slack
remembered at that moment (messages carry our metadata, and buttons our values, so they are stored shapes as well);
``policy.yml`` is the policy that was in force, with addresses to be filled in.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.local.demo.memory import Memory, remembered

STORED = Path(__file__).with_name("stored")
AUDIT_KEY = b"a key that stored test databases were begun with"
"""Never another one, or what is stored could not be verified."""


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed version's legacy."""

    folder: Path

    def database(self, file: Path) -> Path:
        """Make the SQLite database as it was left, at ``file``."""
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript((self.folder / "database.sql").read_text())
        return file

    def slack(self) -> Memory:
        """What Slack remembered."""
        memory = remembered(self.folder / "slack.json")
        if memory is None:
            raise FileNotFoundError(
                f"{self.folder} has no slack.json; write the version again with tests.upgrade.write"
            )
        return memory

    def policy(self, *, supervisor: str, mail: str) -> str:
        """The policy file, with the addresses of what runs now."""
        document = yaml.safe_load((self.folder / "policy.yml").read_text())
        return filled(document, supervisor=supervisor, mail=mail)

    def __str__(self) -> str:
        return self.folder.name


def landed() -> Sequence[Landed]:
    """Every version that is kept, oldest first."""
    return [Landed(folder) for folder in sorted(STORED.iterdir()) if folder.is_dir()]


def filled(document: dict[str, Any], *, supervisor: str, mail: str) -> str:
    """The policy with other addresses; neither is part of what a licence or a plan is sealed with."""
    document["backends"]["supervisor"]["server"] = supervisor
    document["second_channel"]["email"]["server"] = mail
    return yaml.safe_dump(document, sort_keys=False)


def rows(database: Path, query: str, *values: object) -> list[sqlite3.Row]:
    """What a database holds, read past all code of ours."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()
