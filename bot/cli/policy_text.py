"""The policy's text, whatever an editor has saved it as."""

import codecs
from pathlib import Path

OTHER_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""What files of another encoding begin with; the longer mark of two that begin alike comes first."""


class PolicyTextError(Exception):
    """The file is no text that can be read; the message names it, what is wrong, and the remedy."""


def policy_text(path: Path) -> str:
    """What the file says, without the mark that some editors put before UTF-8.

    Raises:
        PolicyTextError: it cannot be read, or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PolicyTextError(f"The policy {str(path)!r} cannot be read: {error.strerror}.") from error
    for mark, encoding in OTHER_MARKS.items():
        if content.startswith(mark):
            raise PolicyTextError(f"The policy {str(path)!r} is written in {encoding}: save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyTextError(
            f"The policy {str(path)!r} is no text in UTF-8: its line {line} has the byte {content[error.start]:#04x}. "
            "Save it as UTF-8."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise PolicyTextError(f"The policy {str(path)!r} is no text: its line {line} has a NUL.")
    return text
