"""The sample plugin, built, installed beside us and tested as its author would; with the line that the policy gets."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.contract.sample import FOLDER

ROOT = Path(__file__).parents[2]


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
