"""No golden card, entry, answer, dialog or Home tab says what was once seen to read badly."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

GOLDEN = {path.stem: json.loads(path.read_text("utf-8")) for path in (Path(__file__).parent / "golden").glob("*.json")}
UNREADABLE = {
    "an id in place of a person or a channel": r"\b[UC]0\w*[A-Z]{3}",
    "a square that cannot be seen in the dark or in the light": "[▪▫◾◽◼◻⬛⬜]",
    "a full stop before a point": r"\. ·",
    "two colons in a heading, one after the other": r"^\W*\w+: \w+: ",
    "one or none of many": r"\b1 (?:alerts|incidents|questions|targets|runbooks|actions)\b|(?<!\d)0 incidents",
    "markup that is not carried out": "<!(?:here|channel|everyone)|&lt;[!@#]",
    "a space before a full stop": r"\w \.(?:\s|$)",
    "a word twice": r"(?i)\b([a-z]{2,}) \1\b",
}


def texts(part: Any, but: tuple[str, ...] = ("metadata",)) -> Iterator[str]:
    """Every text that is read, mentions, dates and addresses left out; ``but`` what stands under these keys."""
    if isinstance(part, list):
        for one in part:
            yield from texts(one, but)
    elif isinstance(part, dict):
        if isinstance(part.get("text"), str):
            yield re.sub(r"<(?!!(?:here|channel|everyone))[@#!h][^>|]*(?:\|([^>]*))?>", "…", part["text"])
        for key, value in part.items():
            if key not in but:
                yield from texts(value, but)


def sentences(name: str) -> list[str]:
    """What stands in its lines, without marks; what a button asks before it acts is another moment."""
    found = [
        line for block in GOLDEN[name]["blocks"] for text in texts(block, ("confirm",)) for line in text.split("\n")
    ]
    return [re.sub(r"\W+", " ", line).strip().lower() for line in found]


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("fault", UNREADABLE)
def test_nothing_reads_badly(name: str, fault: str) -> None:
    told = [text for text in texts(GOLDEN[name]) if re.search(UNREADABLE[fault], text)]
    assert told == [], fault


@pytest.mark.parametrize("name", [name for name, one in GOLDEN.items() if "metadata" in one])
def test_no_card_says_a_sentence_twice(name: str) -> None:
    said = [line for line in sentences(name) if line.count(" ") > 2]
    assert len(said) == len(set(said))
