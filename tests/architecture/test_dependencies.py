"""What production installs is what the program imports: no more, no less, and nothing of the developers' tools."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("bot", "handlers", "remediations", "storage")
TESTING = ("remediations/testing/plugin.py",)
"""Modules for authors of remediations, who install ``watchkeeper[testing]``; nothing of production imports them."""
NOT_IMPORTED = {"aiosqlite"}
"""Declared and never imported by us: SQLAlchemy loads the driver that DATABASE_URL names."""

IMPORT_ALL_WITHOUT = """
import importlib, pkgutil, sys

absent = set(sys.argv[1].split(","))


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, Absent())
# Where these run by being imported, they are entry points, and the command line's own is imported below. The last
# one is pytest's, and nobody imports it where that is not.
entry_points = ("storage.migrations.env", "storage.migrations.__main__", "remediations.testing.plugin")
for package in sys.argv[2:]:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, f"{package}."):
        if module.name not in entry_points:
            importlib.import_module(module.name)
print("imported")
"""


def normalised(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    """The distributions that ``pip install watchkeeper`` asks for."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {normalised(re.split(r"[^\w.-]", one, maxsplit=1)[0]) for one in document["project"]["dependencies"]}


def pins(name: str) -> Mapping[str, str]:
    """Distribution to version, as a lock file has them."""
    found = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return {normalised(distribution): version for distribution, version in found}


def imported() -> Mapping[str, Path]:
    """Third-party top-level modules that our packages import, anywhere, with a file that does."""
    found: dict[str, Path] = {}
    ours = (path for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    for path in sorted(path for path in ours if str(path.relative_to(ROOT)) not in TESTING):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in (name.partition(".")[0] for name in names):
                if name not in sys.stdlib_module_names and name not in SOURCES:
                    found.setdefault(name, path.relative_to(ROOT))
    return found


def distributions_of(module: str) -> set[str]:
    """Who brings this top-level module."""
    return {normalised(name) for name in metadata.packages_distributions().get(module, ())}


def test_everything_that_is_imported_is_declared() -> None:
    undeclared = {module: str(path) for module, path in imported().items() if not distributions_of(module) & declared()}
    assert not undeclared, "add these to `dependencies` in pyproject.toml, or do without them"


def test_everything_that_is_declared_is_imported() -> None:
    used = {distribution for module in imported() for distribution in distributions_of(module)}
    assert declared() - used == NOT_IMPORTED, "what nothing imports is weight that production carries for nothing"


def test_developers_run_the_very_versions_that_production_runs() -> None:
    production, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert declared() <= production.keys()
    assert {name: development.get(name) for name in production} == production, "`make lock` writes both files anew"


def test_the_image_is_built_with_the_very_tools_that_developers_have() -> None:
    built_with, development = pins("requirements-build.lock"), pins("requirements-dev.lock")
    assert "hatchling" in built_with
    assert {name: development.get(name) for name in built_with} == built_with, "`make lock` writes all files anew"


def test_every_module_can_be_imported_where_the_developers_tools_are_not_installed() -> None:
    tools = pins("requirements-dev.lock").keys() - pins("requirements.lock").keys()
    assert {"pytest", "psutil", "playwright", "hypothesis"} <= tools, "or this test proves nothing"
    absent = [
        module
        for module, names in metadata.packages_distributions().items()
        if {normalised(name) for name in names} <= tools
    ]
    command = [sys.executable, "-c", IMPORT_ALL_WITHOUT, ",".join(absent), *SOURCES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "imported\n"), done.stderr
