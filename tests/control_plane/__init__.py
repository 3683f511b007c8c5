"""A real Kubernetes control plane for the tests, built once on this machine: ``python -m tests.control_plane``.

Nobody packages the API server and the hollow kubelet, so they are built from the distribution's own source, with its
own Go. What comes out is kept outside the repository, in the user's cache, in a folder named for the version.
"""

import os
from pathlib import Path

BUILT = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubemark")
"""What is built from source; ``kubemark`` has the hollow kubelet: a node that says its pods run, and runs none."""
PROGRAMS = (*BUILT, "etcd")
"""All that a control plane is made of."""


def cache() -> Path:
    """Where each version that was built has its folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "watchkeeper" / "kubernetes"


def built() -> Path | None:
    """The folder with every program of the control plane that was built last; None where none was."""
    complete = (folder for folder in cache().glob("*") if all((folder / name).is_file() for name in PROGRAMS))
    return max(complete, key=lambda folder: folder.stat().st_mtime, default=None)
