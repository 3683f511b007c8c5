"""Whatever answers in place of a supervisord, every call ends in time with an error of the contract."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.remediation import PermanentError, RemediationError, TemporaryError
from remediations.backends.supervisor import Supervisor, SupervisorSettings
from remediations.backends.supervisor.rpc import ANSWER_LIMIT_BYTES
from tests.fixtures.hostile import HTTP, answering, http

HEAD = "<?xml version='1.0'?>"


def member(name: str, value: str) -> str:
    return f"<member><name>{name}</name><value>{value}</value></member>"


def process(**changed: str) -> str:
    fields = {
        "group": "<string>shop</string>",
        "name": "<string>east</string>",
        "state": "<int>20</int>",
        "pid": "<int>7</int>",
    }
    return f"<struct>{''.join(member(name, value) for name, value in (fields | changed).items())}</struct>"


def answer(value: str) -> str:
    return f"{HEAD}<methodResponse><params><param><value>{value}</value></param></params></methodResponse>"


def listed(*values: str) -> str:
    return answer(f"<array><data>{''.join(f'<value>{value}</value>' for value in values)}</data></array>")


def fault(code: str, text: str = "<string>hunter2</string>") -> str:
    inside = f"<struct>{member('faultCode', code)}{member('faultString', text)}</struct>"
    return f"{HEAD}<methodResponse><fault><value>{inside}</value></fault></methodResponse>"


ENTITIES = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 12))
BOMB = f"{HEAD}<!DOCTYPE b [<!ENTITY e0 'aaaaaaaaaa'>{ENTITIES}]>" + answer("<string>&e11;</string>").removeprefix(HEAD)
NESTED = answer("<array><data><value>" * 20_000 + "<int>1</int>" + "</value></data></array>" * 20_000)
HOSTILE = {
    **{name: raw for name, raw in HTTP.items() if name != "too many requests"},  # it has a test of its own
    "more than it may be": http(b" " * (ANSWER_LIMIT_BYTES + 1)),
    "a page": http("<html>It works!</html>"),
    "no XML": http("<not xml"),
    "bytes that are no text": http(b"\xff\xfe\x00" * 9),
    "an unknown encoding": http(answer("<int>1</int>").replace("version='1.0'", "version='1.0' encoding='huh'")),
    "no value": http(f"{HEAD}<methodResponse><params></params></methodResponse>"),
    "a number without end": http(answer(f"<int>{'9' * 10_000}</int>")),
    "a number that is none": http(answer("<int>seven</int>")),
    "a date that is none": http(answer("<dateTime.iso8601>yesterday</dateTime.iso8601>")),
    "bytes that are not encoded": http(answer("<base64>%%%</base64>")),
    "entities that multiply": http(BOMB),
    "lists in lists without end": http(NESTED),
    "a type that is not known": http(answer("<nil/>")),
    "a string for a list": http(answer("<string>shop</string>")),
    "no list of processes": http(listed("<int>1</int>")),
    "a process without a name": http(listed(process(name="<string></string>"))),
    "a name that is a number": http(listed(process(name="<int>1</int>"))),
    "a state that is a word": http(listed(process(state="<string>RUNNING</string>"))),
    "a pid below zero": http(listed(process(pid="<int>-7</int>"))),
    "a pid beyond all": http(listed(process(pid=f"<int>{'9' * 400}</int>"))),
    "a pid that is a list": http(listed(process(pid="<array><data></data></array>"))),
    "one process twice": http(listed(process(), process())),
    "a fault without a code": http(
        f"{HEAD}<methodResponse><fault><value><int>1</int></value></fault></methodResponse>"
    ),
    "a code that is a text": http(fault("<string>hunter2</string>")),
    "a code that is a list": http(fault("<array><data></data></array>")),
    "a code that is not known": http(fault("<int>4711</int>")),
    "a fault that is true": http(fault("<boolean>1</boolean>")),
}


@asynccontextmanager
async def saying(raw: bytes) -> AsyncIterator[str]:
    """A server that reads a request and says ``raw``, whatever was asked; its URL."""
    async with answering(raw, until=b"</methodCall>") as where:
        yield f"http://{where}"


def supervisor_at(server: str, timeout: str = "20s") -> Supervisor:
    return Supervisor("supervisor", SupervisorSettings.model_validate({"server": server, "timeout": timeout}))


@pytest.mark.parametrize("name", HOSTILE)
async def test_looking_at_it_ends_with_an_error_for_people(name: str) -> None:
    async with saying(HOSTILE[name]) as server:
        with pytest.raises(RemediationError, match=r"supervisord at http://127\.0\.0\.1") as caught:
            await supervisor_at(server).processes()
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_change_of_unknown_outcome_is_never_said_to_be_worth_another_try(name: str) -> None:
    async with saying(HOSTILE[name]) as server:
        with pytest.raises(PermanentError):
            await supervisor_at(server).stop("shop:east")


async def test_another_process_than_the_one_that_was_asked_for_is_not_taken_for_it() -> None:
    async with saying(http(answer(process()))) as server:
        assert (await supervisor_at(server).process("shop:east")).pid == 7
        with pytest.raises(PermanentError, match=r"did not answer getProcessInfo\(shop:west\) as a supervisord does"):
            await supervisor_at(server).process("shop:west")


async def test_too_many_requests_are_worth_another_try_even_for_a_change() -> None:
    async with saying(http("", status="429 Too Many Requests")) as server:
        for call in (supervisor_at(server).processes(), supervisor_at(server).stop("shop:east")):
            with pytest.raises(TemporaryError, match="asked too often"):
                await call


async def test_an_answer_that_drips_is_given_up_in_time_and_the_connection_is_closed(tmp_path: Path) -> None:
    closed = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"</methodCall>")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        gone = asyncio.ensure_future(reader.read())
        while not gone.done():
            writer.write(b" ")
            await asyncio.wait({gone}, timeout=0.02)
        closed.set()
        writer.close()

    async with await asyncio.start_unix_server(drip, tmp_path / "socket"):
        with pytest.raises(TemporaryError, match=r"did not answer getAllProcessInfo within 0\.3 s"):
            await supervisor_at(f"unix://{tmp_path}/socket", timeout="300ms").processes()
        await asyncio.wait_for(closed.wait(), 10)


async def test_cancelled_it_closes_its_connection_and_leaves_nothing_running(tmp_path: Path) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"</methodCall>")
        asked.set()
        await reader.read()  # until the other side closes
        closed.set()
        writer.close()

    async with await asyncio.start_unix_server(hold, tmp_path / "socket"):
        stopping = asyncio.create_task(supervisor_at(f"unix://{tmp_path}/socket").stop("shop:east"))
        await asked.wait()
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        await asyncio.wait_for(closed.wait(), 10)
