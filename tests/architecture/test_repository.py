"""What a stranger reads in the repository is true: pictures, links, paths, and names of things in the code."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.metrics import Metrics

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
ON_A_PHONE = ("asking", "veto_window", "calling", "succeeded", "resolved", "bundle_asking", "direct_reminder")
"""Photographed by ``tests/local/page/test_page_on_a_phone.py``."""
SOURCES = ("bot", "handlers", "remediations", "storage")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:bot|handlers|remediations|storage|tests|docs|deploy|\.ci|\.github)/[\w./-]*")
FILE_NAME = re.compile(r"[a-z_]+\.py")


def files(*patterns: str) -> list[Path]:
    """The repository's files, also those not committed yet."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


PAGES = files("*.md")
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """A page without its fenced examples."""
    return FENCED.sub("", page.read_text("utf-8"))


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """Where its relative links lead: file and heading."""
    for target in LINK.findall(prose(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, heading = target.partition("#")
            yield (page.parent / path).resolve() if path else page, heading


def headings(page: Path) -> set[str]:
    """Its headings as they are linked to."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def glossary() -> list[tuple[str, str]]:
    """Each term with what it is called in the code."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \| .+? \| (.+?) \| .+? \|$", (ROOT / "docs/glossary.md").read_text(), re.M)
    return [(term, names) for term, names in rows]


@pages
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target, heading in links(page):
        assert target.exists(), f"{target.name} does not exist"
        assert not heading or heading in headings(target), f"{target.name} has no heading {heading!r}"


@pages
def test_every_path_that_is_named_exists(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # what was true then
    known = {path.name for path in files("*.py")}
    for code in CODE.findall(prose(page)):
        for path in (word for word in code.split() if PATH.fullmatch(word)):
            assert (ROOT / path).exists(), f"{path} does not exist"
        assert not FILE_NAME.fullmatch(code) or code in known, f"there is no {code}"


def test_every_picture_is_shown() -> None:
    shown = {target for page in PAGES for target, _ in links(page)}
    assert [str(path.relative_to(ROOT)) for path in files("docs/images") if path not in shown] == []


def test_every_picture_can_be_taken_anew() -> None:
    stories = "\n".join(path.read_text() for path in files("tests/scenarios/*.py"))
    taken = {f"{name}.png" for name in re.findall(r'await picture\([\w.]+, "([\w-]+)"\)', stories)}
    taken |= {f"cards/{path.stem}.webp" for path in files("tests/slack/golden/*.json")}
    taken |= {f"phone/{name}_{scheme}.jpg" for name in ON_A_PHONE for scheme in ("light", "dark")}
    assert {str(path.relative_to(IMAGES)) for path in files("docs/images")} == taken


def test_the_index_of_decisions_has_each_of_them() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = {target.name for target, _ in links(folder / "README.md")}
    assert {path.name for path in files("docs/decisions/*.md")} - {"README.md"} <= listed


def test_the_glossary_is_in_order_and_has_each_term_once() -> None:
    terms = [term for term, _ in glossary()]
    assert len(terms) > 100
    assert terms == sorted(set(terms), key=str.lower)


def test_every_name_in_the_glossary_is_in_the_code() -> None:
    code = "\n".join(path.read_text() for source in SOURCES for path in files(f"{source}/*.py"))
    words = set(re.findall(r"\w+", code))
    missing = {
        term: name
        for term, names in glossary()
        for name in CODE.findall(names)
        if not (ROOT / name).is_file() and not set(re.findall(r"\w+", name)) <= words
    }
    assert not missing, "a term that nobody uses does not belong there"


def test_operating_names_every_setting_and_every_metric() -> None:
    told = (ROOT / "docs/operating.md").read_text()
    settings = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', (ROOT / "bot/settings.py").read_text()))
    assert {"SLACK_BOT_TOKEN", "DATABASE_URL", "WATCHKEEPER_AUDIT_KEY"} <= settings
    metrics = set(re.findall(r"^# TYPE (\w+) ", Metrics().exposition().decode(), re.MULTILINE))
    assert "watchkeeper_outbox_depth" in metrics
    named = {name for name in metrics if not name.endswith("_created")}
    assert {name for name in settings | named if f"`{name}`" not in told} == set()
