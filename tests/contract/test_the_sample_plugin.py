"""The sample plugin, built, installed beside us and tested as its author would; with the line that the policy gets."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from remediations.testing.checks import PROMISES
from tests.contract.sample import FOLDER

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "remediations.md").read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which it is installed: what ``pip install --target`` would have made of its wheel."""
    folder = tmp_path_factory.mktemp("plugin")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=FOLDER,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "installed")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "installed"), str(ROOT)])}


def run(environment: dict[str, str], *command: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_own_tests_ask_it_all_that_the_contract_promises(installed: dict[str, str], tmp_path: Path) -> None:
    plugins = ("-p", "remediations.testing.plugin", "-p", "no:cacheprovider")
    said = run(installed, "-m", "pytest", "-q", *plugins, "--basetemp", str(tmp_path / "its"), cwd=FOLDER)
    assert re.search(r"^\d\d passed in", said, re.MULTILINE), said
    assert "FlagsInAFile: canary: a file asks for no credential" in said


def test_a_policy_that_uses_it_can_be_checked_where_it_is_installed(installed: dict[str, str], tmp_path: Path) -> None:
    said = run(installed, "-m", "bot", "check", str(FOLDER / "policy.yml"), cwd=tmp_path)
    assert said.splitlines() == [f"{FOLDER / 'policy.yml'}: good, with 1 runbook(s) and 0 warning(s)."]


def test_the_documentation_shows_the_sample_as_it_is() -> None:
    blocks = dict(
        re.findall(r"^```(?:python|toml|yaml)\n# (docs/plugin/\S+)\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    )
    shown = {path: text for path, text in blocks.items() if text.strip() in (ROOT / path).read_text()}
    assert shown == blocks, "show what the files say"
    whole = {str(path.relative_to(ROOT)) for path in FOLDER.rglob("*.py")}
    assert {path for path, text in shown.items() if text == (ROOT / path).read_text()} >= whole


def test_the_documentation_counts_the_lines_of_the_sample() -> None:
    capability, subject = (
        sum(len(path.read_text().splitlines()) for path in (FOLDER / folder).glob("*.py"))
        for folder in ("watchkeeper_flags", "tests")
    )
    assert f"Those are {capability} lines of code, and {subject} more are its subject." in DOCUMENT


def test_the_documentation_lists_what_is_promised() -> None:
    (listed,) = re.findall(r"^What is asked.*?:\n\n(.*?)\n\n", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert listed == "\n".join(f"- {each.sentence}." for each in PROMISES)
