"""The house rules that a linter does not know."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("bot", "handlers", "remediations", "storage")
MAY_IMPORT_DBOS = {"bot/response/engine/dbos.py"}
MAY_READ_THE_ENVIRONMENT = {
    "bot/settings.py",  # everything the process is told
    "remediations/backends/credentials.py",  # credentials that the policy names
    "remediations/backends/kubernetes/access.py",  # a pod's way to its API server; what a credential plugin is given
    "remediations/testing/checks/planning.py",  # handed on to another process, with another hash seed
    "remediations/testing/observing.py",  # searched for secrets that a child process would be given
}
LONGEST_MODULE_LINES = 400


def modules() -> list[Path]:
    return sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_short_and_says_why_it_exists(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE_LINES, "this module wants to be two"
    assert ast.get_docstring(ast.parse(text)), "say in a docstring why this module exists"


def test_only_the_engine_knows_the_durable_engine() -> None:
    knowing = {str(p.relative_to(ROOT)) for p in modules() if any(n.split(".")[0] == "dbos" for n in imported(p))}
    assert knowing <= MAY_IMPORT_DBOS


@pytest.mark.parametrize(("module", "fixture"), [("database", "postgresql_server"), ("kubernetes", "control_plane")])
def test_fixtures_of_servers_are_registered_once(module: str, fixture: str) -> None:
    """Imported into a second conftest, the server of the session would be left, and taken down, a second time."""
    path = ROOT / f"tests/fixtures/{module}.py"
    defined = [
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    fixtures = {node.name for node in defined if any("fixture" in ast.unparse(mark) for mark in node.decorator_list)}
    assert fixture in fixtures
    importing = {
        str(test.relative_to(ROOT))
        for test in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(test.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == f"tests.fixtures.{module}"
        if fixtures & {alias.name for alias in node.names}
    }
    assert not importing


def test_only_settings_read_the_environment() -> None:
    readers = {
        str(p.relative_to(ROOT))
        for p in modules()
        if "bot/local/" not in str(p) and ("os.environ" in p.read_text() or "os.getenv" in p.read_text())
    }
    assert readers <= MAY_READ_THE_ENVIRONMENT


def test_the_local_world_does_not_know_who_is_tried_out_in_it() -> None:
    product = "watchkeeper"
    naming = {
        str(p.relative_to(ROOT))
        for p in (ROOT / "bot/local").rglob("*")
        if p.suffix in {".py", ".js", ".html", ".css", ".json", ".svg"} and product in p.read_text().casefold()
    }
    assert {name for name in naming if not name.startswith("bot/local/demo/")} == set()


def test_no_registry_host_and_no_machine_path_is_written_down() -> None:
    words = ["py" + "pi.org", "pythonho" + "sted", "registry.np" + "mjs", "/wo" + "rk/", "/ro" + "ot/"]
    command = ["git", "grep", "-nI", *[part for word in words for part in ("-e", word)]]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert found == ""
