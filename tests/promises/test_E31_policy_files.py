"""E31: a policy file that is no text in UTF-8 is refused by every command that needs it, with what to do about it."""

from pathlib import Path

import pytest

from bot.cli.policy_file import PolicyFileError, read_policy_text
from tests.promises.mistakes import GOOD, ROOT, WITHOUT_ROOTS_RIGHTS, ended

EXAMPLE = (ROOT / "docs" / "policy.example.yml").read_text()
WITH_A_NAME = EXAMPLE + "\n# Zustimmung durch Jürgen\n"
CONTENT: dict[str, tuple[bytes, str]] = {
    "UTF-16 with its mark": (EXAMPLE.encode("utf-16"), "it is written in UTF-16. To mend it, save it as UTF-8"),
    "UTF-16, the other way round": (b"\xfe\xff" + EXAMPLE.encode("utf-16-be"), "it is written in UTF-16."),
    "UTF-16 without a mark": (EXAMPLE.encode("utf-16-le"), "UTF-16 without a mark, or is no text"),
    "UTF-32": (EXAMPLE.encode("utf-32"), "it is written in UTF-32. To mend it, save it as UTF-8"),
    "Latin-1": (WITH_A_NAME.encode("latin-1"), "is no UTF-8 (byte 0xfc). To mend it, save it as UTF-8"),
    "a program": (b"\x7fELF\x02\x01\x01\0\0\0\0\xff", "there are NUL bytes in it, so it is no text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(1, 256)), "line 1 is no UTF-8 (byte 0x89)"),
    "nothing": (b"", "the policy is empty remedy: start from docs/policy.example.yml"),
    "nothing but a mark": (b"\xef\xbb\xbf", "the policy is empty remedy: start from docs/policy.example.yml"),
    "far too much": (b"#" * (5 * 1024 * 1024), "it has more than 4 MB, so it is no policy"),
}
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("check", "policy.yml"),
    ("run",),
    ("runbooks",),
    ("validate", "restart-checkout"),
)
"""Every command that cannot do without a policy."""


def refused(folder: Path, command: tuple[str, ...], told: str) -> None:
    code, said = ended(folder, GOOD, *command)
    said = " ".join(said.split())
    assert code in (1, 2), said
    assert told in said
    assert "policy.yml" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", CONTENT)
def test_what_is_no_policy_is_refused_with_the_remedy(name: str, tmp_path: Path) -> None:
    content, told = CONTENT[name]
    (tmp_path / "policy.yml").write_bytes(content)
    refused(tmp_path, COMMANDS[0], told)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_it_in_the_same_words(command: tuple[str, ...], tmp_path: Path) -> None:
    content, told = CONTENT["UTF-16 with its mark"]
    (tmp_path / "policy.yml").write_bytes(content)
    refused(tmp_path, command, told)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_directory_is_no_policy(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "policy.yml").mkdir()
    refused(tmp_path, command, "it is a directory. To mend it, name the file in it")


def test_what_is_not_there_or_not_ours_to_read_is_named(tmp_path: Path) -> None:
    refused(tmp_path, COMMANDS[0], "No such file or directory. To mend it, set WATCHKEEPER_POLICY")
    closed = tmp_path / "policy.yml"
    closed.write_text(EXAMPLE)
    closed.chmod(0)
    code, said = ended(tmp_path, GOOD, *COMMANDS[0], through=WITHOUT_ROOTS_RIGHTS)
    assert (code, "let the user that runs Watchkeeper read it" in said) == (2, True), said


def test_a_path_that_no_file_can_have_is_refused() -> None:
    with pytest.raises(PolicyFileError, match="cannot be read"):
        read_policy_text(Path("a\0b"))


def test_a_mark_of_utf_8_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "policy.yml").write_bytes(b"\xef\xbb\xbf" + WITH_A_NAME.encode())
    code, said = ended(tmp_path, {}, "check", "policy.yml")
    assert code == 0, said
    assert "good, with 4 runbook(s)" in said
