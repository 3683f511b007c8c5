"""Real servers on this machine, for the demo and the tests: how they start and stop, and the monitors.

Each is an async context manager that takes free ports on the loopback, waits until *its own* server answers (another
one on the same port is noticed by an identity only ours has), and at the end stops only what it started. Logs stay in
the directory that was passed in, and the end of them is part of the error when something fails. Nothing here knows
the bot, the workspace or any test.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import uuid
import xmlrpc.client
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bot.local.ports import free_port

READY_WITHIN_SECONDS = 30.0
STOP_WITHIN_SECONDS = 20.0
"""On a busy machine; several times what the slowest service is given."""
POLL_SECONDS = 0.05
LOG_TAIL_LINES = 20

StartHook = Callable[[subprocess.Popen[bytes], Path], None]
"""Told of every process and its log right after the start, so that the owner can find it again whatever happens."""


class ServerError(Exception):
    """A server did not come up, or ended by itself; the text has the end of its log."""


def tell_nobody(_process: subprocess.Popen[bytes], _log: Path) -> None:
    """The ``StartHook`` of whoever needs none."""


def find_binary(name: str) -> str | None:
    """Path of a program, of this Python environment first; None where it is not installed."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}")


def installed(name: str) -> str:
    """Path of a program we cannot do without.

    Raises:
        ServerError: it is not installed; says how to get it.
    """
    found = find_binary(name)
    if found is None:
        raise ServerError(f"{name} is not installed. Run `make system` as root to install it.")
    return found


async def until(check: Callable[[], Awaitable[Any]], what: str, *, within_seconds: float = READY_WITHIN_SECONDS) -> Any:
    """Poll until ``check`` gives something true, and return it; connection errors count as not yet.

    Raises:
        ServerError: it did not happen in time; names ``what`` and the last answer.
    """
    last: Any = None
    try:
        async with asyncio.timeout(within_seconds):
            while True:
                try:
                    if last := await check():
                        return last
                except (OSError, aiohttp.ClientError, xmlrpc.client.Error) as error:
                    last = error
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise ServerError(f"{what}: not within {within_seconds:g} s; last seen: {last!r}") from None


async def get_json(url: str) -> Any:
    """The JSON at ``url``; a hung server is an error after a second."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session,
        session.get(url) as response,
    ):
        response.raise_for_status()
        return await response.json(content_type=None)


def start(
    command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None, started: StartHook = tell_nobody
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, so that Ctrl-C reaches only us, who then end the servers in order."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    started(process, log)
    return process


def stop(process: subprocess.Popen[bytes]) -> None:
    """End it politely, and by force when it does not listen; nothing when it has ended already."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)  # a frozen server would not receive the next one
    process.terminate()
    try:
        process.wait(STOP_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def log_tail(log: Path) -> str:
    """The last lines of a log, under its name."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join((f"--- end of {log}", *lines[-LOG_TAIL_LINES:]))


@asynccontextmanager
async def running(
    command: Sequence[str],
    log: Path,
    ready: Callable[[], Awaitable[Any]],
    *,
    environment: Mapping[str, str] | None = None,
    within_seconds: float = READY_WITHIN_SECONDS,
    started: StartHook = tell_nobody,
) -> AsyncIterator[subprocess.Popen[bytes]]:
    """Any server, from ready to stopped.

    Raises:
        ServerError: it ended or did not get ready in time; with the end of its log.
    """
    process = await asyncio.to_thread(start, command, log, environment=environment, started=started)

    async def ready_while_alive() -> Any:
        if process.poll() is not None:
            raise ServerError(f"{log.stem} ended with code {process.returncode} while starting")
        return await ready()

    try:
        try:
            await until(ready_while_alive, f"{log.stem} is ready", within_seconds=within_seconds)
        except ServerError as error:
            raise ServerError(f"{error}\n{log_tail(log)}") from error
        yield process
    finally:
        await asyncio.to_thread(stop, process)


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """An Alertmanager that runs on this machine."""

    port: int

    @property
    def url(self) -> str:
        """Its own address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def running_alertmanager(
    directory: Path, *, webhook_url: str, token: str, port: int | None = None, started: StartHook = tell_nobody
) -> AsyncIterator[Alertmanager]:
    """An Alertmanager that posts at once to ``webhook_url`` with ``token`` as bearer, resolved alerts too.

    Raises:
        ServerError: it is not installed, or did not come up.
    """
    binary = installed("prometheus-alertmanager")
    server = Alertmanager(port or free_port())
    receiver = f"webhook-{uuid.uuid4().hex}"
    token_file = _write_secret(directory / "alertmanager-token", token)
    configuration = {
        "route": {
            "receiver": receiver,
            "group_by": ["alertname", "service"],
            "group_wait": "0s",
            "group_interval": "1s",
            "repeat_interval": "1h",
        },
        "receivers": [
            {
                "name": receiver,
                "webhook_configs": [
                    {
                        "url": webhook_url,
                        "send_resolved": True,
                        "http_config": {"authorization": {"type": "Bearer", "credentials_file": str(token_file)}},
                    }
                ],
            }
        ],
    }
    path = _write(directory / "alertmanager.yml", configuration)

    async def ready() -> bool:
        return receiver in (await get_json(f"{server.url}/api/v2/status"))["config"]["original"]

    command = [
        binary,
        f"--config.file={path}",
        f"--web.listen-address=127.0.0.1:{server.port}",
        f"--web.external-url={server.url}",
        "--cluster.listen-address=",
        f"--storage.path={directory / 'alertmanager-data'}",
    ]
    async with running(command, directory / "alertmanager.log", ready, started=started):
        yield server


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A Prometheus that runs on this machine."""

    port: int

    @property
    def url(self) -> str:
        """Its own address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    async def value(self, query: str) -> float | None:
        """First sample of an instant query, None when there is none."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/query", params={"query": query}) as response,
        ):
            result = (await response.json())["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    async def until_value(self, query: str, wanted: float) -> None:
        """Wait until the query gives the value, for example until a target has been scraped."""

        async def reached() -> bool:
            return await self.value(query) == wanted

        await until(reached, f"{query} == {wanted:g}")


@asynccontextmanager
async def running_prometheus(
    directory: Path,
    *,
    services: Mapping[str, int],
    alertmanager: Alertmanager | None = None,
    port: int | None = None,
    down_for_seconds: int = 0,
    scrape_milliseconds: int = 1000,
    rules: Sequence[Mapping[str, Any]] = (),
    started: StartHook = tell_nobody,
) -> AsyncIterator[Prometheus]:
    """A Prometheus that scrapes each service (name to port), once a second by default, and alerts ``ServiceDown``.

    Series and alerts carry the label ``service``; the alert's ``severity`` is ``critical``. Queries are answered at
    once, but Prometheus takes up the targets of its configuration only five seconds after its start. ``rules`` are
    further alerting rules, as Prometheus reads them.

    Raises:
        ServerError: it is not installed, or did not come up.
    """
    binary = installed("prometheus")
    server = Prometheus(port or free_port())
    identity, every = uuid.uuid4().hex, f"{scrape_milliseconds}ms"
    rule = {
        "alert": "ServiceDown",
        "expr": "up == 0",
        "for": f"{down_for_seconds}s",
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": "{{ $labels.service }} does not answer",
            "description": "Nothing good came back from {{ $labels.instance }} in time: it hangs, fails or is gone.",
        },
    }
    rules_file = _write(directory / "rules.yml", {"groups": [{"name": "services", "rules": [rule, *map(dict, rules)]}]})
    configuration: dict[str, Any] = {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": every,
            "evaluation_interval": every,
            "external_labels": {"prometheus": identity},
        },
        "rule_files": [str(rules_file)],
        "scrape_configs": [
            {
                "job_name": name,
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}}],
            }
            for name, port in services.items()
        ],
    }
    if alertmanager is not None:
        configuration["alerting"] = {
            # The identity is ours alone, and new at every start: with it no alert would ever be the same as before.
            "alert_relabel_configs": [{"action": "labeldrop", "regex": "prometheus"}],
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]}],
        }
    path = _write(directory / "prometheus.yml", configuration)

    async def ready() -> bool:
        return identity in (await get_json(f"{server.url}/api/v1/status/config"))["data"]["yaml"]

    command = [
        binary,
        f"--config.file={path}",
        f"--web.listen-address=127.0.0.1:{server.port}",
        f"--web.external-url={server.url}",
        "--web.enable-lifecycle",
        f"--storage.tsdb.path={directory / 'prometheus-data'}",
    ]
    async with running(command, directory / "prometheus.log", ready, started=started):
        yield server


def _write(path: Path, document: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def _write_secret(path: Path, secret: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(secret)
    return path
