"""The policy file as text, read in one way by every command; what is no text in UTF-8 is refused with the remedy."""

import codecs
from pathlib import Path

POLICY_MAX_BYTES = 4 * 1024 * 1024
"""Nobody reads a policy that is longer; a device or a wrong file is not read to its end."""
AS_UTF8 = "save it as UTF-8 (an editor's `Save with encoding`, or `iconv -f {} -t UTF-8`)"
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""How a file in another encoding begins; the longer ones first, for they begin like the shorter."""


class PolicyFileError(Exception):
    """The file cannot be read as a policy; the text names it, what is wrong and the remedy."""


def read_policy_text(path: Path) -> str:
    """What is written at ``path``. A mark of UTF-8 at its beginning is no part of it.

    Raises:
        PolicyFileError: there is no such file, or it is no text in UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(POLICY_MAX_BYTES + 1)
    except IsADirectoryError as error:
        raise PolicyFileError(_unreadable(path, "it is a directory", "name the file in it")) from error
    except (OSError, ValueError) as error:  # a path with a NUL is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        remedy = (
            "set WATCHKEEPER_POLICY (`check` takes the file as its argument), or start from docs/policy.example.yml"
        )
        if isinstance(error, PermissionError):
            remedy = "let the user that runs Watchkeeper read it"
        raise PolicyFileError(_unreadable(path, why, remedy)) from error
    if len(data) > POLICY_MAX_BYTES:
        what = f"it has more than {POLICY_MAX_BYTES // (1024 * 1024)} MB, so it is no policy"
        raise PolicyFileError(_unreadable(path, what, "name the policy file"))
    return _decoded(path, data)


def _decoded(path: Path, data: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if data.startswith(mark):
            raise PolicyFileError(_unreadable(path, f"it is written in {encoding}", AS_UTF8.format(encoding)))
    if b"\0" in data:
        if data[1:2] == b"\0" or data[:1] == b"\0":
            what = "it is written in UTF-16 without a mark, or is no text"
            raise PolicyFileError(_unreadable(path, what, AS_UTF8.format("UTF-16LE")))
        raise PolicyFileError(_unreadable(path, "there are NUL bytes in it, so it is no text", "name the policy file"))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"line {line} is no UTF-8 (byte {data[error.start]:#04x})"
        raise PolicyFileError(_unreadable(path, what, AS_UTF8.format("LATIN1"))) from error


def _unreadable(path: Path, what: str, remedy: str) -> str:
    return f"The policy {str(path)!r} cannot be read: {what}. To mend it, {remedy}."
