"""Builds the control plane, unless it is there: once for this user, under a lock, and nothing of it in the repository.

Needs root and a Debian that has the source package; elsewhere it says what will be skipped.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.control_plane import BUILT, PROGRAMS, built, cache
from tests.control_plane.apt import apt_with_sources

SOURCE = "kubernetes"
TOOLS = ("golang-go", "make", "rsync", "dpkg-dev", "openssl")
"""Packages: Go and what the build calls; and ``openssl``, which makes the key that tokens are signed with."""
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
        require_root_and_apt()
        with one_at_a_time():
            if not built():
                build()
    except NotHereError as error:
        say(f"NO KUBERNETES CONTROL PLANE: {error} What needs it is skipped, loudly.")
    except BuildError as error:
        say(f"The Kubernetes control plane could not be built. {error}")
        return 1
    return 0


def require_root_and_apt() -> None:
    """Nothing can be built without them.

    Raises:
        NotHereError: one of them is missing; with the remedy.
    """
    if os.getuid() != 0 or not shutil.which("apt-get", path=ENVIRONMENT["PATH"]):
        raise NotHereError("building it needs root, and apt. To build it: sudo make system.")


def say(words: str) -> None:
    """Tell whoever waits, at once."""
    print(words, flush=True)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Whoever comes second waits, and finds what the first has built."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process builds the Kubernetes control plane; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build() -> None:
    """Fetch, compile and keep it, and leave nothing else but the packages that were needed.

    Raises:
        NotHereError: there is no such source package.
        BuildError: a step failed.
    """
    for left in cache().glob(".building-*"):
        shutil.rmtree(left)  # by a build that was killed: nobody else builds now
    with tempfile.TemporaryDirectory(prefix=".building-", dir=cache()) as folder:
        work = Path(folder)
        apt = apt_with_sources(work / "apt")
        run("Reading the lists of packages", [*apt, "update"], work)
        version = on_offer(apt)
        say(f"Building the Kubernetes control plane {version} from source, once: about 6 minutes on two cores.")
        run("Installing Go and what the build calls", [*apt, "install", "--no-install-recommends", *TOOLS], work)
        run("Fetching the source", [*apt, "source", "--download-only", SOURCE], work)
        (description,) = work.glob("*.dsc")
        run("Unpacking the source", ["dpkg-source", "--no-check", "-x", description.name, "source"], work)
        run("Fetching etcd", [*apt, "download", "etcd-server"], work)
        (package,) = work.glob("etcd-server_*.deb")
        # Unpacked and not installed: installing a server may start it.
        run("Unpacking etcd", ["dpkg", "-x", package.name, "etcd"], work)
        compile_programs(work / "source", version)
        keep([*(work / "source" / "_output").rglob("bin/kube*"), work / "etcd/usr/bin/etcd"], work / "kept", version)


def on_offer(apt: Sequence[str]) -> str:
    """The version of the source package that apt would fetch."""
    command = [*apt, "source", "--print-uris", "--download-only", SOURCE]
    shown = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False).stdout
    found = re.search(rf" {SOURCE}_(\S+)\.dsc ", shown)
    if found is None:
        raise NotHereError(f"no list of packages on this machine has the source package {SOURCE!r}.")
    return found[1]


def compile_programs(source: Path, version: str) -> None:
    """Compile with the libraries that the source package brings: nothing is fetched."""
    packages = source / ".go" / "src" / "k8s.io"
    packages.mkdir(parents=True, exist_ok=True)
    if not (packages / "kubernetes").is_symlink():
        (packages / "kubernetes").symlink_to("../../..")
    upstream = re.sub(r"^.*really|[-+~].*$", "", version)  # 1.20.5+really1.20.2-1.1 is 1.20.2
    environment = {
        "HOME": str(source.parent),
        "GOPATH": str(source / ".go"),
        "GOCACHE": str(source.parent / "go-cache"),
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
        "KUBE_GIT_VERSION": f"v{upstream}",
    }
    what = " ".join(f"cmd/{name}" for name in BUILT)
    run("Compiling", ["make", "GOLDFLAGS=-s -w", f"WHAT={what}"], source, environment)


def keep(programs: Sequence[Path], ready: Path, version: str) -> None:
    """Put the programs where ``built`` finds them: all of them, or none."""
    ready.mkdir()
    for program in programs:
        if program.name in PROGRAMS:
            shutil.copy2(program, ready)
    missing = [name for name in PROGRAMS if not (ready / name).is_file()]
    if missing:
        raise BuildError(f"The build ended without {', '.join(missing)}.")
    kept = cache() / version
    shutil.rmtree(kept, ignore_errors=True)  # incomplete, or there would have been no build
    ready.rename(kept)
    say(f"Built. It is kept in {kept}; delete that folder to build it anew.")


def run(words: str, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run one step to its end, saying now and then that it goes on.

    Raises:
        BuildError: it failed; with the end of what it said.
    """
    say(f"  {words} ...")
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**ENVIRONMENT, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
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
