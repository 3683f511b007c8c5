"""An apt that also knows sources, without a change to this machine's own lists of packages."""

import re
from pathlib import Path

CONFIGURATION = Path("/etc/apt")


def with_sources(text: str) -> str:
    """A list of packages in either of apt's two formats, with the sources of the same packages as well."""
    text = re.sub(r"^Types:.*$", "Types: deb deb-src", text, flags=re.MULTILINE)
    return re.sub(r"^(\s*)deb(\s.*)$", r"\1deb\2\n\1deb-src\2", text, flags=re.MULTILINE)


def apt_with_sources(folder: Path) -> tuple[str, ...]:
    """The command line of such an apt, which keeps its lists, and what it fetches, in ``folder``.

    What it installs is installed on this machine all the same.
    """
    for name in ("sources", "lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    own = (CONFIGURATION / "sources.list", *sorted((CONFIGURATION / "sources.list.d").glob("*")))
    for path in own:
        if path.suffix in {".list", ".sources"} and path.is_file():
            (folder / "sources" / path.name).write_text(with_sources(path.read_text("utf-8")), "utf-8")
    options = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": folder / "sources",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "APT::Sandbox::User": "root",  # nobody else may look into a home directory
        "DPkg::Lock::Timeout": 600,
    }
    settings = (word for name, value in options.items() for word in ("-o", f"{name}={value}"))
    return ("apt-get", "--quiet=2", "--yes", *settings)
