"""The container's health check: ends with 0 while Watchkeeper answers `GET /healthz`, else with 1 and the reason.

It asks whether the process is alive, not whether every part is well: that is `/readyz`, and no new start mends those.
Only the standard library, for it starts every few seconds.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

ANSWER_WITHIN_SECONDS = 4.0
EVERY_ADDRESS = {"", "0.0.0.0", "::"}  # noqa: S104 - to be recognised, not listened on


def main() -> str | None:
    """Why it is not healthy; None where it is."""
    host, _, port = os.environ.get("WATCHKEEPER_LISTEN", "127.0.0.1:8080").strip().rpartition(":")
    host = host.strip("[]")
    asked = HTTPConnection("127.0.0.1" if host in EVERY_ADDRESS else host, int(port), timeout=ANSWER_WITHIN_SECONDS)
    try:
        asked.request("GET", "/healthz")
        status = asked.getresponse().status
    except (OSError, HTTPException) as error:
        return f"Watchkeeper does not answer: {error}"
    return None if status == 200 else f"Watchkeeper answers {status}"


if __name__ == "__main__":
    sys.exit(main())
