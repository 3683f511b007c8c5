"""The handbook's broken set-ups, executed: each is built for real, and its commands print what the handbook shows.

``pytest tests/scenarios/test_the_handbook_s_set_ups.py --rewrite-golden`` writes the blocks anew; read what it wrote.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.handbook import (
    HANDBOOK,
    TABLE,
    Typed,
    blocks,
    rewrite,
    rows,
    said_by,
    shortened,
)
from tests.scenarios.handbook_set_ups import SET_UPS, SOUND, TWELVE, handbook_set_up
from tests.scenarios.set_up import SetUp, Systems, running_systems


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    with running_systems(tmp_path_factory.mktemp("systems"), down=["checkout"]) as running:
        yield running


def handbook() -> str:
    return HANDBOOK.read_text("utf-8")


def sound(found: dict[str, tuple[Typed, ...]]) -> dict[str, Typed]:
    """What each command prints where nothing is broken."""
    return {each.verb: each for name in SOUND for each in found[name]}


async def typed(here: SetUp, command: str) -> Typed:
    program, *words = shlex.split(command)
    assert program == "watchkeeper"
    return said_by(command, *await here.typed(*words))


@pytest.mark.parametrize("name", SET_UPS)
async def test_the_commands_print_what_the_handbook_shows(
    name: str, systems: Systems, tmp_path: Path, sqlite_template: Path, request: pytest.FixtureRequest
) -> None:
    shown = blocks(handbook())[name]
    async with handbook_set_up(name, tmp_path, systems, sqlite_template) as here:
        said = [await typed(here, each.command) for each in shown]
    if request.config.getoption("--rewrite-golden"):
        usual = sound(blocks(handbook()))  # which comes first, and so is new by now
        rewrite(name, said if name in SOUND else [shortened(each, usual[each.verb]) for each in said])
        return
    for one, other in zip(shown, said, strict=True):
        assert one.fits(other), f"{name}: the handbook shows\n\n{one.written()}\n\nand printed is\n\n{other.written()}"


def test_each_block_is_executed_and_each_set_up_is_in_the_handbook() -> None:
    assert sorted(blocks(handbook())) == sorted(SET_UPS)


def test_there_are_twelve_and_of_each_the_handbook_shows_all_three_commands() -> None:
    found = blocks(handbook())
    assert len(TWELVE) == 12
    for name in TWELVE:
        assert [each.verb for each in found[name]] == ["check", "doctor", "decide"], name


def test_the_table_says_which_command_sees_what(request: pytest.FixtureRequest) -> None:
    text = handbook()
    found = blocks(text)
    right = rows(found, TWELVE, sound(found))
    if request.config.getoption("--rewrite-golden"):
        HANDBOOK.write_text(TABLE.sub(right, text), "utf-8")
        return
    [table] = TABLE.findall(text)
    assert table == right


SHOWN = Typed("watchkeeper doctor", ("broken  channels", "...", "1 broken, 13 ok."), 1)


@pytest.mark.parametrize(
    ("lines", "code", "fits"),
    [
        (("broken  channels", "ok  a", "ok  b", "1 broken, 13 ok."), 1, True),
        (("broken  channel", "ok  a", "1 broken, 13 ok."), 1, False),
        (("broken  channels", "ok  a", "1 broken, 12 ok."), 1, False),
        (("broken  channels", "1 broken, 13 ok."), 1, False),
        (("broken  channels", "ok  a", "1 broken, 13 ok.", "more"), 1, False),
        (("broken  channels", "ok  a", "1 broken, 13 ok."), 0, False),
    ],
)
def test_another_word_line_or_exit_code_does_not_fit(lines: tuple[str, ...], code: int, fits: bool) -> None:
    assert SHOWN.fits(Typed(SHOWN.command, lines, code)) is fits


def test_only_what_cannot_be_the_same_twice_may_differ() -> None:
    def one(line: str) -> Typed:
        return Typed("watchkeeper doctor", (line,), 0)

    assert one("watch.db: 80.2 GB free").fits(one("watch.db: 7.0 MB free"))
    assert one("http://127.0.0.1:28003 answers").fits(one("http://127.0.0.1:20001 answers"))
    assert not one("127.0.0.1:28003 answers").fits(one("127.0.0.2:28003 answers"))
    assert not one("within 0 s of Slack").fits(one("within 40 s of Slack"))


def test_a_block_without_a_name_or_an_exit_code_is_no_block() -> None:
    block = "```console\n$ watchkeeper doctor\n14 ok.\nexit code 0\n```\n"
    assert list(blocks(f"**All is well.** So it\nis.\n\n{block}")) == ["All is well"]
    for text in (f"All is well.\n\n{block}", f"**All is well.**\n\n{block.replace('exit code 0', '')}"):
        with pytest.raises(AssertionError):
            blocks(text)


def test_what_is_printed_where_nothing_is_broken_is_left_out() -> None:
    usual = Typed("watchkeeper doctor", ("ok    a   b", "ok    c", "ok  d", "4 ok. Nothing was changed."), 0)
    said = Typed("watchkeeper doctor", ("broken  d", "ok   a   b", "ok   c", "1 broken. Nothing was changed."), 1)
    assert shortened(said, usual).lines == ("broken  d", "...", "1 broken. Nothing was changed.")
    assert shortened(usual, usual).lines == ("ok    a   b", "...", "4 ok. Nothing was changed.")
