"""Reading a credential that the policy names but never contains.

The policy says where a secret is (`password_env`, `token_file`); only here is it read. The value is returned to
the backend that needs it and appears in no error, log or representation.
"""

import os
from pathlib import Path

from bot.redaction import remember, remember_parts
from bot.remediation import PermanentError


def read_secret(*, environment_variable: str | None, file: Path | None) -> str | None:
    """The secret, without the line end that a file usually has; None when neither place is named.

    A file is read at every call, so that a rotated secret is picked up without a restart. Blocks: call it off the loop.

    Raises:
        PermanentError: the variable is not set, or the file cannot be read or is empty; names the place, not the value.
    """
    if environment_variable is not None:
        secret = os.environ.get(environment_variable, "").strip("\r\n")
        _remember(secret)
        if not secret:
            raise PermanentError(
                f"Environment variable {environment_variable} is not set: set it for the Watchkeeper process, "
                "or name another place for the credential in the policy."
            )
        return secret
    if file is None:
        return None
    try:
        secret = file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, ValueError) as error:  # bytes that are no text, or a path with a NUL
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise PermanentError(
            f"Credential file {file} cannot be read ({reason}): it must exist and be readable as text "
            "by the Watchkeeper process."
        ) from error
    if not secret:
        raise PermanentError(f"Credential file {file} is empty: write the credential into it.")
    _remember(secret)
    return secret


def _remember(secret: str) -> None:
    """An address (of a service that Apprise knows) may have its token in any place."""
    remember(secret)
    if "://" in secret:
        remember_parts(secret)
