"""The unit tests, for the inner loop: ``make unit``. They start no server, and are held to it in every run."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

ROOT = Path(__file__).parents[1]
UNIT = (
    "tests/architecture/test_house.py",
    "tests/architecture/test_lifecycles.py",
    "tests/architecture/test_manifest.py",
    "tests/architecture/test_unit_tests.py",
    "tests/cli/test_decide.py",
    "tests/cli/test_foretelling_is_true.py",
    "tests/control_plane/test_building.py",
    "tests/deploy/test_compose.py",
    "tests/evidence/test_links.py",
    "tests/gates/test_twin_and_faults.py",
    "tests/handlers/test_alertmanager_parser.py",
    "tests/handlers/test_arrival.py",
    "tests/handlers/test_reading.py",
    "tests/handlers/test_watch_words.py",
    "tests/local/demo/test_demo_people.py",
    "tests/local/workspace/test_workspace_blocks.py",
    "tests/local/workspace/test_workspace_facts.py",
    "tests/mutation/test_mutants.py",
    "tests/policy",
    "tests/remediations/test_addresses.py",
    "tests/remediations/test_catalogue.py",
    "tests/remediations/test_nftables_table.py",
    "tests/remediations/test_node_forecast.py",
    "tests/rerun/test_verdict.py",
    "tests/response/test_answers.py",
    "tests/response/test_endings.py",
    "tests/second_channel/test_letters.py",
    "tests/second_channel/test_links.py",
    "tests/second_channel/test_routes.py",
    "tests/second_channel/test_telling.py",
    "tests/slack/test_asking_cards.py",
    "tests/slack/test_bulletins.py",
    "tests/slack/test_bundle_modals.py",
    "tests/slack/test_cards.py",
    "tests/slack/test_cards_are_short.py",
    "tests/slack/test_cards_of_any_text.py",
    "tests/slack/test_channel_names.py",
    "tests/slack/test_home_tab.py",
    "tests/slack/test_limits.py",
    "tests/slack/test_listings.py",
    "tests/slack/test_modals.py",
    "tests/slack/test_pacing.py",
    "tests/slack/test_pointers.py",
    "tests/slack/test_private_answers.py",
    "tests/slack/test_replies.py",
    "tests/slack/test_risings.py",
    "tests/slack/test_storm_cards.py",
    "tests/slack/test_text.py",
    "tests/slack/test_words_of_every_card.py",
    "tests/storage/test_audit_chain.py",
    "tests/test_settings.py",
)
"""Files and folders of tests that need nothing but the code they test."""
TOOLS = frozenset({"git", "promtool"})
"""Programs that a unit test may ask: they answer and end."""


def is_unit(path: Path) -> bool:
    """Whether the tests of a file are unit tests."""
    return any(path.is_relative_to(ROOT / each) for each in UNIT)


@contextmanager
def without_servers() -> Iterator[None]:
    """Inside, whatever listens, connects, or starts a program that may be a server is an error."""

    def refuse(what: str) -> NoReturn:
        raise AssertionError(f"a unit test {what}: take its file off the list in tests/unit.py, or do without")

    def socket_is_used(_: socket.socket, address: object) -> NoReturn:
        refuse(f"reaches for {address!r}")

    start = subprocess.Popen.__init__

    def program_is_started(self: Any, args: Any, *more: Any, **options: Any) -> None:
        program = str(args if isinstance(args, str | Path) else args[0])
        if Path(program).name not in TOOLS:
            refuse(f"starts {program}")
        start(self, args, *more, **options)

    with pytest.MonkeyPatch.context() as patch:
        for way in ("bind", "connect", "connect_ex"):
            patch.setattr(socket.socket, way, socket_is_used)
        patch.setattr(subprocess.Popen, "__init__", program_is_started)
        yield


if __name__ == "__main__":
    sys.exit(pytest.main([*UNIT, *sys.argv[1:]]))
