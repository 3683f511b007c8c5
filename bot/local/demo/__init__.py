"""`watchkeeper demo`: a local workspace, the real bot, and a real service that really fails and is really repaired.

Everything runs on this machine and needs no account. This package knows the bot only from outside, as an operator
does: its command, its environment, its HTTP interface, and what it says in the workspace.
"""

import asyncio
import logging
import signal
from pathlib import Path

from rich.console import Console

from bot.local.demo.demo import DemoError, Wishes, run
from bot.local.demo.folder import Folder, FolderError, open_folder
from bot.local.ports import NoPortError
from bot.local.servers import ServerError

EXIT_PROBLEM = 1
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_demo(*, state: Path, port: int, open_browser: bool, fresh: bool, probe: bool = False) -> int:
    """Run the demo until Ctrl-C, SIGTERM or the end of the terminal; the exit code.

    Args:
        state: folder for everything it keeps; a demo that was run there before is continued.
        port: of the page; 0 picks one.
        open_browser: show the page, where there is a display.
        fresh: forget what an earlier demo left in ``state``.
        probe: watch with our own probe even where Prometheus is installed.
    """
    console = Console(highlight=False, soft_wrap=True)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # a check skipped on a busy machine is no news
    try:
        with open_folder(state, fresh=fresh) as folder:
            if folder.ended:
                console.print(f"Ended {len(folder.ended)} processes that a killed demo had left here.", style="dim")
            try:
                asyncio.run(_until_told(folder, Wishes(port, open_browser, probe), console))
            finally:
                folder.ledger.end_left_over()  # a start that was interrupted half-way
    except (FolderError, DemoError, NoPortError, ServerError) as error:
        console.print(str(error), style="red", markup=False)
        return EXIT_PROBLEM
    return 0


async def _until_told(folder: Folder, wishes: Wishes, console: Console) -> None:
    """Run until a signal comes, then end in order; further signals change nothing."""
    told = asyncio.Event()
    for number in ENDING_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    running, waiting = asyncio.create_task(run(folder, wishes, console)), asyncio.create_task(told.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if told.is_set():
        console.print("Ending everything that was started ...", style="dim")
        running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        console.print(f"Ended. `watchkeeper demo` goes on from {folder.root}; --fresh begins anew.", style="dim")
