"""What landed versions have stored, kept in ``stored``: a folder for each, written once by ``write`` and never changed.

``STORES`` says for each of them what the others store in another way, or not at all. What it does not say, all store.

``database.sql`` is the whole SQLite database, the durable engine's tables included; ``slack.json`` is what Slack
remembered at that moment (messages carry our metadata, and buttons our values, so they are stored shapes as well);
``policy.yml`` is the policy that was in force, with addresses to be filled in.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.local.demo.memory import Memory, remembered
from bot.policy.file.document import Policy
from bot.policy.rules.seal import BACKEND, digest_of_seal, seal_of
from bot.policy.track_record import Seal
from remediations.infrastructure.restart_service import RestartService

STORED = Path(__file__).with_name("stored")
AUDIT_KEY = b"a key that stored test databases were begun with"
"""Never another one, or what is stored could not be verified."""


@dataclass(frozen=True, slots=True)
class Stores:
    """What a version stores, where not every version does so alike."""

    schema: int
    """The number of its situations' shape."""
    situation: str
    """The column of ``decisions`` that has a situation's text."""
    inputs: bool
    """Whatever a decision was made from: the policy by its digest, the ledger's rows, and the same for every claim."""
    refusals: bool
    """Who said no in an incident, where no action was left to carry it."""
    evidence: bool
    """Everything that a gate was passed with, and of a case which version of its runbook it was."""


STORES = {
    "landed-0001": Stores(schema=1, situation="situation", inputs=False, refusals=False, evidence=False),
    "landed-0002": Stores(schema=2, situation="text", inputs=True, refusals=True, evidence=False),
    "landed-0003": Stores(schema=2, situation="text", inputs=True, refusals=True, evidence=True),
    "landed-0004": Stores(schema=2, situation="text", inputs=True, refusals=True, evidence=True),
    "landed-0005": Stores(schema=2, situation="text", inputs=True, refusals=True, evidence=True),
}
"""By the folder's name."""


@dataclass(frozen=True, slots=True)
class Landed:
    """One landed version's legacy."""

    folder: Path

    @property
    def stores(self) -> Stores:
        """What it stores.

        Raises:
            LookupError: nobody has said so.
        """
        try:
            return STORES[self.folder.name]
        except KeyError:
            raise LookupError(f"STORES does not say what {self} stores; add a line to {__name__}") from None

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
        """The policy file, with the addresses of what runs now, and with what whoever upgrades may have to say.

        In the story many services fail together, each for a reason of its own.
        """
        document = yaml.safe_load((self.folder / "policy.yml").read_text())
        document.setdefault("common_cause", {"incidents": 1000})
        return filled(document, supervisor=supervisor, mail=mail)

    def __str__(self) -> str:
        return self.folder.name


def landed() -> Sequence[Landed]:
    """Every version that is kept, oldest first."""
    return [Landed(folder) for folder in sorted(STORED.iterdir()) if folder.is_dir()]


def those_that(store: Callable[[Stores], bool]) -> pytest.MarkDecorator:
    """For tests of what some versions store: they get those for which ``store`` holds, and not every version."""
    found = [version for version in landed() if store(version.stores)]
    return pytest.mark.parametrize("version", found, ids=str, indirect=True)


def filled(document: dict[str, Any], *, supervisor: str, mail: str) -> str:
    """The policy with other addresses; the record of gates has to say so, see ``passed_today``."""
    document["backends"]["supervisor"]["server"] = supervisor
    document["second_channel"]["email"]["server"] = mail
    return yaml.safe_dump(document, sort_keys=False)


def passed_today(database: Path, policy: Policy) -> None:
    """Let every gate have been passed today and with the backends of ``policy``, and with all else as it is on record.

    No policy lets a gate count for longer than a year.
    """
    today = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
    seals = {row["digest"]: Seal.model_validate_json(row["document"]) for row in rows(database, "SELECT * FROM seals")}
    with closing(sqlite3.connect(database)) as connection, connection:
        for row in rows(database, "SELECT * FROM licences"):
            now = seal_of(policy, row["runbook"], RestartService.version).parts.items()
            backends = {name: part for name, part in now if name.startswith(BACKEND)}
            moved = Seal(parts=seals[row["seal"]].parts | backends)
            connection.execute(
                "INSERT OR IGNORE INTO seals VALUES (?, ?)", (digest_of_seal(moved), moved.model_dump_json())
            )
            connection.execute(
                "UPDATE licences SET seal = ?, passed_at = ? WHERE seal = ?",
                (digest_of_seal(moved), today, row["seal"]),
            )


def rows(database: Path, query: str, *values: object) -> list[sqlite3.Row]:
    """What a database holds, read past all code of ours."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(query, values).fetchall()
