"""What stories of mistakes share: settings that are good, and a command that is started with others."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOOD = {
    "SLACK_BOT_TOKEN": "xoxb-canary-bot",
    "SLACK_APP_TOKEN": "xapp-1-canary-app",
    "WATCHKEEPER_AUDIT_KEY": "canary-key-of-32-characters-long",
    "WATCHKEEPER_CHANGES_SECRET": "canary-secret-of-changes",
    "WATCHKEEPER_LISTEN": "127.0.0.1:0",
}
WITHOUT_ROOTS_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Root as everybody else is: what a file's mode forbids is forbidden."""


def ended(folder: Path, environment: dict[str, str], *command: str, through: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code, and everything that was printed. ``through``: what starts it."""
    done = subprocess.run(
        [*through, sys.executable, "-m", "bot", *command],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr
