"""A hunt over a small module: what no test notices survives, and a reason lets it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = """
LIMITS = {"low": 1, "high": 3}


def allowed(name, count):
    return count <= LIMITS[name]
"""
TESTS = """
from sample import LIMITS, allowed


def test_no_more_than_the_limit_is_allowed():
    assert allowed("low", 1)
    assert not allowed("low", 2)


def test_every_limit_is_known():
    assert sorted(LIMITS) == ["high", "low"]
"""
REASONS = """
sample:
  - {was: 'LIMITS = {"low": 1, "high": 3}', becomes: 'LIMITS = {"low": 1, "high": 4}', why: nobody asks for it}
  - {was: 'LIMITS = {"low": 1, "high": 3}', becomes: 'LIMITS = {"low": 1, "high": 2}', why: nobody asks for it}
  - {was: 'LIMITS = {"low": 1, "high": 3}', becomes: 'LIMITS = {"high": 3, "low": 1}', why: nobody goes through it}
"""


def hunt(folder: Path, reasons: str, tests: str = TESTS) -> subprocess.CompletedProcess[str]:
    (folder / "sample.py").write_text(MODULE)
    (folder / "test_sample.py").write_text(tests)
    (folder / "docs/decisions").mkdir(parents=True, exist_ok=True)
    (folder / "docs/decisions/0015-survivors.yml").write_text(reasons)
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    program = "import sys; from tests.mutation.hunt import main; sys.exit(main(['sample'], ['test_sample.py']))"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_no_test_notices_survives_and_fails_the_hunt_until_its_reason_is_written(tmp_path: Path) -> None:
    without = hunt(tmp_path, "{}")
    assert without.returncode == 1, without.stdout + without.stderr
    assert "sample.py:2: SURVIVED, and no reason is written" in without.stdout
    assert '+LIMITS = {"low": 1, "high": 4}' in without.stdout
    assert "sample.py:6" not in without.stdout
    assert "3 survived, 3 of them without a reason" in without.stdout
    assert hunt(tmp_path, REASONS).returncode == 0


def test_a_reason_for_what_does_not_survive_fails_the_hunt(tmp_path: Path) -> None:
    more = REASONS + "  - {was: 'return count <= LIMITS[name]', becomes: 'return None', why: surely}\n"
    said = hunt(tmp_path, more)
    assert said.returncode == 1
    assert (
        "a reason is written for what does not survive: 'return count <= LIMITS[name]' -> 'return None'" in said.stdout
    )


def test_where_a_test_fails_without_any_fault_nothing_is_hunted(tmp_path: Path) -> None:
    said = hunt(tmp_path, "{}", TESTS + "\n\ndef test_wrong():\n    assert False\n")
    assert said.returncode == 2
    assert "Without any fault test_sample.py::test_wrong fails: mend that first." in said.stdout
