"""Builds the control plane, unless it is there: once for this user, under a lock, and nothing of it in the repository.

Needs root and a Debian that has the source package; elsewhere it says what will be skipped. The machine's own lists of
packages stay as they are: the entries for sources are made from copies of them, in a folder that goes away again.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.control_plane import BUILT, PROGRAMS, built, cache

SOURCE = "kubernetes"
TOOLS = ("golang-go", "make", "rsync", "dpkg-dev", "iproute2")
"""Packages: Go and what the build calls; and ``ip``, which makes the network namespace that it will run in."""
SAY_EVERY_SECONDS = 30
LOG_TAIL_LINES = 30
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
"""Debian's own tools and no others, whatever else is installed here."""


class BuildError(Exception):
    """A step of the build failed; the text has the end of its output."""


class NotHereError(Exception):
    """This machine cannot build it; the text says why."""


def main() -> int:
    """Build it where it is missing; the exit code is 0 unless a build was begun and failed."""
    if built():
        return 0
    try:
        _prepare_machine()
        with _Lock(cache() / ".lock"):
            if not built():
                _build()
    except NotHereError as error:
        say(f"NO KUBERNETES CONTROL PLANE: {error} Tests that need it are skipped, loudly.")
    except BuildError as error:
        say(f"The Kubernetes control plane could not be built. {error}")
        return 1
    return 0


def say(words: str) -> None:
    """Tell whoever waits, at once."""
    print(words, flush=True)


def _prepare_machine() -> None:
    if os.getuid() != 0 or not shutil.which("apt-get", path=ENVIRONMENT["PATH"]):
        raise NotHereError("building it needs root, and apt. To build it: sudo make system.")
    cache().mkdir(parents=True, exist_ok=True)


class _Lock:
    """One build at a time for this user; whoever comes second waits and finds what the first has built."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process builds the Kubernetes control plane; waiting for it.")
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _build() -> None:
    for left in cache().glob(".building-*"):
        shutil.rmtree(left)  # of a build that was killed: we hold the lock
    with tempfile.TemporaryDirectory(prefix=".building-", dir=cache()) as folder:
        work = Path(folder)
        apt = _apt_with_sources(work)
        run("Reading the package lists", [*apt, "update"], work)
        version = _version_on_offer(apt)
        say(f"Building the Kubernetes control plane {version} from source: about 6 minutes on two cores, once.")
        run("Installing Go and what the build calls", [*_APT, "install", "--no-install-recommends", *TOOLS], work)
        run("Fetching the source", [*apt, "source", "--download-only", SOURCE], work)
        description = next(work.glob("*.dsc"))
        run("Unpacking the source", ["dpkg-source", "--no-check", "-x", description.name, "source"], work)
        run("Fetching etcd", [*_APT, "download", "etcd-server"], work)
        # Unpacked and not installed: a package of a server may start it.
        run("Unpacking etcd", ["dpkg", "-x", next(work.glob("etcd-server_*.deb")).name, "etcd"], work)
        _compile(work / "source", version)
        ready = work / "ready"
        ready.mkdir()
        for name in BUILT:
            shutil.copy2(next((work / "source" / "_output").rglob(f"bin/{name}")), ready)
        shutil.copy2(work / "etcd" / "usr" / "bin" / "etcd", ready)
        missing = [name for name in PROGRAMS if not (ready / name).is_file()]
        if missing:
            raise BuildError(f"It ended without {', '.join(missing)}.")
        kept = cache() / version
        shutil.rmtree(kept, ignore_errors=True)  # incomplete, or this build would not have begun
        ready.rename(kept)
    say(f"Built. Kept in {kept}; delete that folder to build it anew.")


_APT = ("apt-get", "--quiet=2", "--yes", "-o", "DPkg::Lock::Timeout=600", "-o", "APT::Sandbox::User=root")


def _apt_with_sources(work: Path) -> tuple[str, ...]:
    """The command line of an apt that knows the sources of this machine's own packages, and keeps its lists here."""
    (work / "sources").mkdir()
    (work / "lists" / "partial").mkdir(parents=True)
    folder = Path("/etc/apt")
    for path in (folder / "sources.list", *folder.glob("sources.list.d/*.list"), *folder.glob("sources.list.d/*.sources")):
        if path.is_file():
            text = path.read_text("utf-8")
            text = re.sub(r"^(\s*)deb(?=\s)", r"\1deb-src", text, flags=re.MULTILINE)
            text = re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE)
            (work / "sources" / path.name).write_text(text, "utf-8")
    return (
        *_APT,
        *("-o", "Dir::Etc::SourceList=/dev/null"),
        *("-o", f"Dir::Etc::SourceParts={work / 'sources'}"),
        *("-o", f"Dir::State::Lists={work / 'lists'}"),
        *("-o", f"Dir::Cache={work}"),
    )


def _version_on_offer(apt: Sequence[str]) -> str:
    """The version of the source package that apt would fetch."""
    command = ["apt-cache", *apt[len(_APT) :], "showsrc", "--only-source", SOURCE]
    shown = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^Version: (\S+)$", shown, re.MULTILINE)
    if not found:
        raise NotHereError(f"the package lists of this machine have no source package {SOURCE!r}.")
    newest = found[0]
    for other in found[1:]:
        if subprocess.run(["dpkg", "--compare-versions", other, "gt", newest], env=ENVIRONMENT, check=False).returncode == 0:
            newest = other
    return newest


def _compile(source: Path, version: str) -> None:
    """Compile with what the source package vendors: nothing is fetched."""
    packages = source / ".go" / "src" / "k8s.io"
    packages.mkdir(parents=True, exist_ok=True)
    if not (packages / "kubernetes").exists():
        (packages / "kubernetes").symlink_to("../../..")
    upstream = re.sub(r"^.*really|[-+~].*$", "", version)
    what = " ".join(f"cmd/{name}" for name in BUILT)
    environment = {
        **ENVIRONMENT,
        "HOME": str(source.parent),
        "GOPATH": str(source / ".go"),
        "GOCACHE": str(source.parent / "go-cache"),
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "CGO_ENABLED": "0",
        "KUBE_GIT_VERSION": f"v{upstream}",
    }
    run("Compiling", ["make", "GOLDFLAGS=-s -w", f"WHAT={what}"], source, environment=environment)


def run(words: str, command: Sequence[str], folder: Path, *, environment: dict[str, str] | None = None) -> None:
    """Run one step to its end, saying now and then that it goes on.

    Raises:
        BuildError: it failed; with the end of what it said.
    """
    say(f"  {words} ...")
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment or ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        while True:
            try:
                code = process.wait(SAY_EVERY_SECONDS)
                break
            except subprocess.TimeoutExpired:
                say(f"  {words}: {time.monotonic() - began:.0f} s so far")
        if code:
            output.seek(0)
            tail = "\n".join(output.read().splitlines()[-LOG_TAIL_LINES:])
            raise BuildError(f"{words} ended with code {code}:\n{tail}")


if __name__ == "__main__":
    sys.exit(main())
