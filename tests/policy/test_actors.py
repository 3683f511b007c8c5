"""Who paused or stopped something, in words that need no key."""

from datetime import UTC, datetime

import pytest

from bot.policy.actors import in_words
from bot.policy.rules.controls import Control


@pytest.mark.parametrize(
    ("actor", "said"),
    [
        ("U01ALICE", "U01ALICE"),
        ("watchkeeper", "watchkeeper"),
        ("link:alice@example.com", "alice@example.com (through a link)"),
        ("os:alice", "alice (on the command line)"),
        ("file:/srv/watchkeeper.pause@rack4", "the file /srv/watchkeeper.pause@rack4"),
        ("supervisor:web", "supervisor:web"),
    ],
)
def test_everybody_who_acts_from_outside_slack_has_words(actor: str, said: str) -> None:
    assert in_words(actor) == said


def test_a_pause_by_a_file_ends_with_the_file_and_one_by_a_person_when_somebody_resumes() -> None:
    by_file = Control("pause:1", "pause", "everything", "file:/srv/pause@rack4", None, "rack 4 burns.")
    assert by_file.text == "the file /srv/pause@rack4 paused everything until it is removed (rack 4 burns)"
    by_hand = Control("pause:1", "pause", "everything", "os:alice", datetime(2026, 11, 23, 12, tzinfo=UTC))
    assert by_hand.text == "alice (on the command line) paused everything until 2026-11-23 12:00 UTC"
    assert Control("pause:1", "pause", "everything", "U01ALICE", None).text.endswith("until somebody resumes it")
