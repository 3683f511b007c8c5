"""The command line: ``python -m tests.mutation [module ...]``, each as ``rules/forbidden``; without one, ``CORE``.

The code is copied first: nothing here ever writes into the tree, and it may be worked on meanwhile.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ("rules/forbidden", "rules/escalation", "rules/licence", "decide")
"""Where no mutant may survive without a written reason."""
COPIED = ("bot", "handlers", "remediations", "storage", "tests", "docs", "pyproject.toml")
UNWANTED = shutil.ignore_patterns("__pycache__", "images")


def main(wanted: list[str]) -> int:
    """Hunt the mutants of these modules of ``bot/policy`` in a copy."""
    modules = [f"bot.policy.{name.removesuffix('.py').replace('/', '.')}" for name in wanted or CORE]
    missing = [name for name in modules if not ROOT.joinpath(*name.split(".")).with_suffix(".py").is_file()]
    if missing:
        print(f"There is no {', '.join(missing)}. A module of bot/policy is named like rules/forbidden.")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, Path(folder, name), ignore=UNWANTED)
            else:
                shutil.copy(ROOT / name, folder)
        command = [sys.executable, "-m", "tests.mutation.hunt", *modules]
        return subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": folder}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
