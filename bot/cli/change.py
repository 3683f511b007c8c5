"""``watchkeeper change begin`` and ``end``: for the scripts of whoever deploys, drains or maintains."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.console import EXIT_PROBLEM, fail, out
from bot.cli.inputs import change_settings

if TYPE_CHECKING:
    from http.client import HTTPResponse

TIMEOUT_SECONDS = 10.0
WHERE = "Set WATCHKEEPER_URL to where Watchkeeper listens."

change = typer.Typer(
    help="Tell a running Watchkeeper what others change: meanwhile it leaves that alone.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Id = Annotated[str, typer.Argument(help="Names the change; its end is reported under the same id.")]


@change.command()
def begin(
    change_id: Id,
    what: Annotated[str, typer.Option(help='In words, for people: "deploy of checkout 4.2".')],
    by: Annotated[str, typer.Option(help="Who does it: a person, a team or a tool.")],
    service: Annotated[list[str] | None, typer.Option(help="A service that it touches; may be given again.")] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="A target, or a pattern: supervisor:web*; may be given again.")
    ] = None,
    everything: Annotated[bool, typer.Option("--everything", help="It may touch anything.")] = False,
    lasting: Annotated[str, typer.Option("--for", help="How long it holds, should nobody report its end: 30m.")] = "1h",
) -> None:
    """Report that a change begins now. Reporting it again changes nothing.

    Sent to WATCHKEEPER_URL (default: http://127.0.0.1:8080), signed with WATCHKEEPER_CHANGES_SECRET.

    [bold]Examples[/bold]

    watchkeeper change begin deploy-42 --what "deploy of checkout 4.2" --by argo --service checkout
    """
    said: dict[str, Any] = {"services": service or [], "targets": target or [], "everything": everything}
    _report({"id": change_id, "event": "begin", "what": what, "by": by, "for": lasting, **said})


@change.command()
def end(
    change_id: Id,
    by: Annotated[str | None, typer.Option(help="Who says so, where that is not whoever began it.")] = None,
) -> None:
    """Report that a change is over; what it held is assessed anew. Addressed and signed as by `begin`.

    [bold]Examples[/bold]

    watchkeeper change end deploy-42
    """
    _report({"id": change_id, "event": "end", "by": by})


def _report(report: dict[str, Any]) -> None:
    import json
    import time
    import urllib.error
    import urllib.request
    from http.client import HTTPException

    from handlers.changes.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, signature

    url, secret = change_settings()
    body, timestamp = json.dumps(report).encode(), str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: signature(secret, timestamp, body),
    }
    request = urllib.request.Request(f"{url}/changes", body, headers)  # noqa: S310 - read_change_settings takes http only
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310
            answer = _read(response)
    except urllib.error.HTTPError as refused:
        with refused:
            fail(f"Not taken ({refused.code}): {_read(refused).get('error', refused.reason)}", EXIT_PROBLEM)
    except OSError as error:
        fail(f"{url} cannot be reached: {error}. {WHERE}", EXIT_PROBLEM)
    except HTTPException as error:
        fail(f"What answers at {url} speaks no HTTP ({type(error).__name__}). {WHERE}", EXIT_PROBLEM)
    if "result" not in answer or (report["event"] == "begin" and "until" not in answer):
        fail(f"What answers at {url} is no Watchkeeper, so the change may not be known. {WHERE}", EXIT_PROBLEM)
    until = f", until {answer['until']} at the latest" if report["event"] == "begin" else ""
    out.print(f"{report['id']}: {answer['result']}{until}.", style="green", markup=False)
    if "remark" in answer:
        out.print(answer["remark"], style="yellow", markup=False)


def _read(response: "HTTPResponse | Any") -> dict[str, Any]:
    import json

    try:
        answer = json.loads(response.read(100_000))
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
