"""What the build of the control plane rests on. The build itself is shown by the tests that run on what it built."""

from pathlib import Path

import pytest

from tests.control_plane import PROGRAMS, built
from tests.control_plane.apt import with_sources

LINES = """\
# deb http://packages.example/debian old main
deb [signed-by=/usr/share/keyrings/it.gpg] http://packages.example/debian stable main contrib
deb-src http://packages.example/other stable main
"""
STANZAS = """\
Types: deb
URIs: http://packages.example/debian
Suites: stable stable-updates
Components: main
Signed-By: /usr/share/keyrings/it.gpg
"""


def test_a_list_of_lines_gains_the_sources_of_its_packages() -> None:
    assert with_sources(LINES).splitlines() == [
        "# deb http://packages.example/debian old main",
        "deb [signed-by=/usr/share/keyrings/it.gpg] http://packages.example/debian stable main contrib",
        "deb-src [signed-by=/usr/share/keyrings/it.gpg] http://packages.example/debian stable main contrib",
        "deb-src http://packages.example/other stable main",
    ]


def test_a_list_of_stanzas_gains_the_sources_of_its_packages() -> None:
    assert with_sources(STANZAS) == STANZAS.replace("Types: deb", "Types: deb deb-src")


def test_what_was_built_counts_once_every_program_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert built() is None
    folder = tmp_path / "watchkeeper" / "kubernetes" / "1.20"
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        assert built() is None
        (folder / name).touch()
    assert built() == folder
