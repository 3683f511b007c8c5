"""How the supervisor backend reads a server's answers, shown with servers that answer like that."""

import asyncio
import xmlrpc.client
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from supervisor.xmlrpc import Faults, RPCError, xmlrpc_marshal

from bot.remediation import PermanentError, TemporaryError
from remediations.backends.supervisor import ProcessState, Supervisor, SupervisorSettings
from tests.fixtures.servers import Program, free_port, running_supervisord


def supervisor_at(server: str, timeout: str = "5s", settle_within: str = "5s") -> Supervisor:
    settings = {"server": server, "timeout": timeout, "settle_within": settle_within}
    return Supervisor("supervisor", SupervisorSettings.model_validate(settings))


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    """A TCP server that reads one request and sends ``raw`` back, whatever was asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"</methodCall>")
        writer.write(raw)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http_answer(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def fault(code: int) -> bytes:
    error = RPCError(code)
    return http_answer(str(xmlrpc_marshal(xmlrpc.client.Fault(error.code, error.text))))


async def test_a_server_that_shuts_down_is_temporary() -> None:
    async with answering(fault(Faults.SHUTDOWN_STATE)) as server:
        with pytest.raises(TemporaryError, match="shutting down or restarting"):
            await supervisor_at(server).processes()


@pytest.mark.parametrize(
    "code", sorted(code for name, code in vars(Faults).items() if name.isupper() and name != "SHUTDOWN_STATE")
)
async def test_every_other_fault_is_permanent_and_named(code: int) -> None:
    async with answering(fault(code)) as server:
        with pytest.raises(PermanentError, match=rf"\(fault {code}\): \w+"):
            await supervisor_at(server).process("checkout:checkout")


@pytest.mark.parametrize(
    ("raw", "error", "text"),
    [
        (http_answer("no", "403 Forbidden"), PermanentError, "refused our credentials"),
        (http_answer("no", "404 Not Found"), PermanentError, "does not look like a supervisord"),
        (http_answer("no", "503 Service Unavailable"), TemporaryError, "failed inside"),
        (http_answer("<html>welcome</html>"), PermanentError, "did not answer getAllProcessInfo as a supervisord does"),
        (http_answer("<not xml"), PermanentError, "did not answer getAllProcessInfo as a supervisord does"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", TemporaryError, "broke off"),
        (b"", TemporaryError, "broke off"),
    ],
)
async def test_an_answer_that_is_not_supervisors_is_explained(raw: bytes, error: type[Exception], text: str) -> None:
    async with answering(raw) as server:
        with pytest.raises(error, match=text):
            await supervisor_at(server).processes()


@pytest.mark.parametrize("raw", [b"", http_answer("no", "500 Internal Server Error")])
async def test_a_lost_answer_to_a_change_is_an_unknown_outcome_and_never_temporary(raw: bytes) -> None:
    async with answering(raw) as server:
        with pytest.raises(PermanentError, match="whether it took effect is unknown"):
            await supervisor_at(server).stop("checkout:checkout")


async def test_a_refusal_nobody_reads_leaves_no_connection_open() -> None:
    closed = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"</methodCall>")
        writer.write(b"HTTP/1.0 401 Unauthorized\r\n\r\nno")
        await reader.read()  # until the other side closes
        closed.set()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        with pytest.raises(PermanentError) as caught:
            await supervisor_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}").processes()
        await asyncio.wait_for(closed.wait(), 10)
        assert "HTTP 401" in str(caught.value)  # still held, with everything its traceback keeps alive


async def test_a_server_that_is_not_there_is_temporary_even_for_a_change(tmp_path: Path) -> None:
    for server in (f"unix://{tmp_path}/absent.sock", f"http://127.0.0.1:{free_port()}"):
        with pytest.raises(
            TemporaryError, match=r"cannot be reached \((no such socket|connection refused)\): start it"
        ):
            await supervisor_at(server).stop("checkout:checkout")


async def test_stopping_what_has_ended_and_starting_what_runs_changes_nothing(tmp_path: Path) -> None:
    async with running_supervisord(tmp_path, Program("checkout")) as supervisord:
        supervisor = supervisor_at(supervisord.server)
        running = await supervisord.pid("checkout")
        await supervisor.start("checkout:checkout")
        assert await supervisord.pid("checkout") == running
        await supervisor.stop("checkout:checkout")
        await supervisor.stop("checkout:checkout")
        assert (await supervisor.process("checkout:checkout")).state is ProcessState.STOPPED


async def test_a_process_that_is_still_being_stopped_is_started_afterwards(tmp_path: Path) -> None:
    stubborn = Program("stubborn", ignore_terminate=True, stop_seconds=1)
    async with running_supervisord(tmp_path, stubborn) as supervisord:
        await supervisord.call("stopProcess", "stubborn", False)
        await supervisor_at(supervisord.server).start("stubborn:stubborn")
        assert await supervisord.state("stubborn") == "RUNNING"


async def test_a_process_that_outlives_its_time_to_stop_is_reported_with_its_state(tmp_path: Path) -> None:
    stubborn = Program("stubborn", ignore_terminate=True, stop_seconds=60)
    async with running_supervisord(tmp_path, stubborn) as supervisord:
        with pytest.raises(PermanentError, match=r"did not stop within 1 s: it is STOPPING.*`settle_within`"):
            await supervisor_at(supervisord.server, settle_within="1s").stop("stubborn:stubborn")
        await supervisord.call("signalProcess", "stubborn", "KILL")


async def test_a_command_that_does_not_exist_is_named_as_such(tmp_path: Path) -> None:
    ghost = Program("ghost", autostart=False)
    async with running_supervisord(tmp_path, ghost) as supervisord:
        await supervisord.stop()
        configuration = tmp_path / "supervisord.conf"
        configuration.write_text(configuration.read_text().replace("command=", "command=/nowhere/"))
        await supervisord.start()
        with pytest.raises(PermanentError, match=r"NO_FILE \(fault 20\): its command does not exist"):
            await supervisor_at(supervisord.server).start("ghost:ghost")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (http_answer("no", "401 Unauthorized"), "refused our credentials (HTTP 401): check `username`"),
        (fault(Faults.SHUTDOWN_STATE), "is shutting down or restarting"),
        (http_answer("<html>welcome</html>"), "did not answer getAllProcessInfo as a supervisord does"),
    ],
)
async def test_what_keeps_us_from_it_is_told(raw: bytes, told: str) -> None:
    async with answering(raw) as server:
        assert told in (await supervisor_at(server).reach() or "")


async def test_of_one_that_lets_us_in_nothing_is_told(tmp_path: Path) -> None:
    async with running_supervisord(tmp_path, Program("checkout")) as supervisord:
        assert await supervisor_at(supervisord.server).reach() == ""
