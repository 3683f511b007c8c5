"""Golden files are compared exactly and rewritten only when asked: ``pytest tests/slack --rewrite-golden``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Golden = Callable[[str, dict[str, Any]], None]
"""Compares the document with the golden file of the name; the test fails where they differ."""
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a document with its golden file."""

    def compare(name: str, document: dict[str, Any]) -> None:
        path = GOLDEN / f"{name}.json"
        if request.config.getoption("--rewrite-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        assert path.exists(), f"{path} is missing; write it with pytest tests/slack --rewrite-golden and read it"
        assert document == json.loads(path.read_text(encoding="utf-8"))

    return compare
