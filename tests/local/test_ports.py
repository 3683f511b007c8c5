"""Ports that are chosen now and listened on later: nobody else is given them in between."""

import socket
import subprocess
import sys
from collections.abc import Sequence

from bot.local.ports import OWN_PORTS, PORTS, free_port
from tests.scenarios.stage import ROOT

DRAWS = OWN_PORTS // 2
"""A process has fewer ports to give than are its own when something happens to listen on one."""
DRAW = f"from bot.local.ports import free_port; print(*(free_port() for _ in range({DRAWS})), flush=True); input()"


def another_process() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRAW], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def given_to(process: subprocess.Popen[str]) -> Sequence[int]:
    assert process.stdout is not None
    return [int(port) for port in process.stdout.readline().split()]


def test_no_port_is_given_to_two_processes_or_twice_in_a_row() -> None:
    with another_process() as one, another_process() as other:
        given = [*given_to(one), *given_to(other), *(free_port() for _ in range(DRAWS))]
        one.communicate("\n")
        other.communicate("\n")
    assert len(given) == 3 * DRAWS
    assert len(set(given)) == len(given)
    assert set(given) <= set(PORTS)


def test_a_port_on_which_somebody_listens_is_not_given() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listening:
        taken = listening.getsockname()[1]
        assert taken not in {free_port() for _ in range(2 * OWN_PORTS)}
