"""What failed in a run is run once more, alone: real runs of small projects."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INI = "[pytest]\naddopts = -p no:cacheprovider -p no:asyncio\n"
ONCE = '''
from pathlib import Path

def once(name):
    """Fails the first time it is called with this name."""
    seen = Path(__file__).parent / f"{name}.seen"
    if not seen.exists():
        seen.touch()
        print("the first time")
        raise AssertionError("only the first time")
'''


IN_PARALLEL = ("-n", "2", "--dist", "loadgroup")


@dataclass
class Run:
    """What a run of a small project came to."""

    code: int
    output: str
    kept: dict[str, str]
    """What is in the files that are kept, by their names."""

    def under(self, heading: str) -> dict[str, str]:
        """What the summary says about each test below a heading."""
        lines = self.output.partition(f" {heading} =")[2].partition("\n")[2].partition("\n=")[0].strip().splitlines()
        return {name: told for name, _, told in (line.rpartition(": ") for line in lines)}

    @property
    def last(self) -> str:
        """The closing line, without how long it took."""
        return self.output.strip().splitlines()[-1].strip("= ").partition(" in ")[0]


def write(project: Path, files: dict[str, str]) -> None:
    """Make a small project."""
    for name, text in {"pytest.ini": INI, "once.py": ONCE, **files}.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def started(project: Path, *arguments: str) -> subprocess.Popen[str]:
    """Run the tests of a small project as ``make test`` runs ours; it is the leader of a process group."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_") and name != "CI"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.rerun", *arguments],
        cwd=project,
        env=environment | {"PYTHONPATH": os.pathsep.join([str(project), str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(project: Path, files: dict[str, str], *arguments: str) -> Run:
    """Run the tests of a small project to the end."""
    write(project, files)
    with started(project, *arguments) as process:
        try:
            output, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    kept = {path.name: path.read_text() for path in (project / ".unstable").glob("*")}
    return Run(process.returncode, output, kept)


def test_what_fails_only_among_others_is_unstable_and_what_is_known_of_it_is_kept(tmp_path: Path) -> None:
    odd = r"""
import pytest
from once import once

@pytest.mark.xdist_group("a group")
@pytest.mark.parametrize("value", ["a@b", "x::y", "[z]", "$(exit 3) 'q' \"", "ü\n", "-k none"])
def test_of_odd_names(value):
    once(value.encode().hex())

def test_that_passes():
    pass

@pytest.fixture
def late():
    yield
    once("late")

def test_whose_end_fails(late):
    pass

@pytest.mark.xfail
def test_that_is_known():
    assert False
"""
    done = run(tmp_path, {"tests/scenarios/test_odd.py": odd}, *IN_PARALLEL)
    assert (done.code, done.last) == (0, "1 passed, 7 unstable, 1 xfailed"), done.output
    assert done.under("FAILED") == {}
    told = done.under("UNSTABLE")
    assert len(told) == len(done.kept) == 7
    name = "tests/scenarios/test_odd.py::test_whose_end_fails"
    assert told[name].startswith("failed among others, passed alone; see .unstable/")
    whole = done.kept[told[name].rpartition("/")[2]]
    for part in (
        name,
        "UTC in teardown",
        'once("late")',
        "Error: only the first time",
        "stdout teardown -----\nthe first",
    ):
        assert part in whole


def test_a_group_of_tests_is_run_by_one_process(tmp_path: Path) -> None:
    grouped = """
import os
import pytest

pytestmark = pytest.mark.xdist_group("a group")

@pytest.mark.parametrize("number", range(6))
def test_of_the_group(number):
    with open("processes", "a") as file:
        print(os.getpid(), file=file)
"""
    done = run(tmp_path, {"tests/test_one.py": grouped, "tests/test_two.py": grouped}, *IN_PARALLEL)
    assert (done.code, done.last) == (0, "12 passed"), done.output
    processes = (tmp_path / "processes").read_text().split()
    assert (len(processes), len(set(processes))) == (12, 1)


def test_what_fails_twice_or_has_no_second_chance_fails_the_run(tmp_path: Path) -> None:
    files = {
        "tests/scenarios/test_a.py": "def test_wrong():\n    assert 1 == 2\n",
        "tests/scenarios/test_b.py": "from once import once\n\ndef test_race():\n    once('b')\n",
        "tests/policy/test_c.py": "from once import once\n\ndef test_race():\n    once('c')\n",
        "tests/scenarios/test_d.py": """
import pytest
from once import once

def test_skipped_alone():
    once('d')
    pytest.skip("nothing is here")
""",
    }
    done = run(tmp_path, files, *IN_PARALLEL)
    assert (done.code, done.last) == (1, "3 failed, 1 unstable"), done.output
    assert done.under("FAILED") == {
        "tests/policy/test_c.py::test_race": "failed; in tests/policy a failure is a race until shown otherwise, "
        "so it was not run again",
        "tests/scenarios/test_a.py::test_wrong": "failed twice",
        "tests/scenarios/test_d.py::test_skipped_alone": "failed, and was skipped alone",
    }
    assert set(done.under("UNSTABLE")) == {"tests/scenarios/test_b.py::test_race"}


def test_a_test_that_takes_its_process_with_it_takes_no_other_test_with_it(tmp_path: Path) -> None:
    files = {
        "tests/test_a.py": "import os\n\ndef test_deadly():\n    os._exit(3)\n",
        "tests/test_b.py": """
import os
from once import once

def test_deadly_among_others():
    try:
        once("b")
    except AssertionError:
        os._exit(3)
""",
        "tests/test_c.py": "from once import once\n\ndef test_race():\n    once('c')\n",
        "tests/test_d.py": "def test_that_passes():\n    pass\n",
    }
    done = run(tmp_path, files, *IN_PARALLEL)
    assert (done.code, done.last) == (1, "1 failed, 1 passed, 2 unstable"), done.output
    assert done.under("FAILED") == {"tests/test_a.py::test_deadly": "failed twice"}
    assert any("crashed while running" in text for text in done.kept.values())


@pytest.mark.parametrize("how", [IN_PARALLEL, ("-n", "0")], ids=["in parallel", "alone"])
def test_what_cannot_be_collected_fails_the_run(tmp_path: Path, how: tuple[str, ...]) -> None:
    files = {
        "tests/test_a.py": "import nothing_of_this_name\n",
        "tests/test_b.py": "def test_that_passes():\n    pass\n",
    }
    done = run(tmp_path, files, *how)
    assert done.code != 0
    assert done.under("FAILED")["tests/test_a.py (collection)"] == "could not be collected"


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", ()),
        ("def test_a():\n    pass\n", ("-k", "nothing")),
        ("import pytest\n\ndef test_a():\n    pytest.skip('not here')\n", ()),
        ("def test_a():\n    pass\n", ("--no-such-option",)),
        ("def test_a():\n    pass\n", ("--collect-only",)),
    ],
    ids=["there is none", "none is chosen", "all are skipped", "a wrong option", "they are only listed"],
)
def test_a_run_that_runs_no_test_fails(tmp_path: Path, text: str, arguments: tuple[str, ...]) -> None:
    done = run(tmp_path, {"tests/test_a.py": text}, *arguments)
    assert done.code != 0
    assert "ran no test" in done.output


@pytest.mark.parametrize("phase", ["first", "alone"])
def test_a_person_who_stops_the_run_has_stopped_it(tmp_path: Path, phase: str) -> None:
    waits = """
import time
from pathlib import Path

def test_long():
    first = Path("first")
    here, fails = (first, PHASE == "alone") if not first.exists() else (Path("alone"), False)
    try:
        here.touch()
        if not fails:
            time.sleep(50)
    finally:
        if not fails:
            Path("cleaned up").touch()
    assert not fails
"""
    write(tmp_path, {"tests/test_a.py": waits.replace("PHASE", repr(phase))})
    with started(tmp_path) as process:
        while not (tmp_path / phase).exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode not in (0, 1)
    assert (tmp_path / "cleaned up").exists()
