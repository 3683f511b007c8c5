"""What the documents say of the code is so: every file they name is there, and the layers are the enforced ones."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PLACES = (ROOT, ROOT / "bot" / "response")
"""Paths without a folder in front are in ``bot/response``."""


def test_every_module_that_the_architecture_names_is_there() -> None:
    named = set(re.findall(r"`([a-z_/]+\.py)`", ARCHITECTURE.read_text()))
    assert named
    assert [path for path in sorted(named) if not any((place / path).is_file() for place in PLACES)] == []


@pytest.mark.parametrize("package", ["bot.policy", "bot.response"])
def test_the_layers_are_those_that_are_enforced(package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [one["layers"] for one in contracts if one.get("containers") == [package] and one["type"] == "layers"]
    enforced = [frozenset(layer.split(" | ")) for layer in layers]
    block = re.search(rf"^{re.escape(package)}:((?:.*\n)(?:\s+.*\n)*)", ARCHITECTURE.read_text(), re.MULTILINE)
    assert block is not None
    drawn = [frozenset(re.findall(r"[a-z_]+", layer)) for layer in block[1].split(">")]
    assert drawn == enforced
