"""Who may ask: programs on this machine, and the workspace's own page; no page of anybody else.

Any web page may let a browser ask an address of this machine. What gives it away is the name it asked for, which was
made to lead here (DNS rebinding), and the site that the browser says it comes from.
Must not know: what is asked.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
READ_ONLY = ("GET", "HEAD")
OWN_SITES = ("same-origin", "none")
"""What a browser says in ``Sec-Fetch-Site`` of our own page, and of what a person typed."""


@web.middleware
async def only_own_visitors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 403, before anything is read, to whoever may be another site's page."""
    refusal = _refusal(request)
    return await handler(request) if refusal is None else web.Response(status=403, text=refusal)


def _refusal(request: web.Request) -> str | None:
    if not _is_ours(request.host):
        return "This workspace is asked for by its address, or as localhost; open the address that it printed."
    own = f"http://{request.host}"
    is_foreign = request.headers.get("Origin", own).lower() != own.lower()
    site = request.headers.get("Sec-Fetch-Site", "none")
    if is_foreign or (site not in OWN_SITES and not _is_a_visit(request)):
        return "Only the workspace's own page may ask this; open the workspace itself."
    return None


def _is_ours(host: str) -> bool:
    """Whether no name server was asked: then nobody can have made the name lead here."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name) is not None
    except ValueError:
        return False


def _is_a_visit(request: web.Request) -> bool:
    """Whether somebody follows a link to the page, which changes nothing."""
    is_call = request.path.startswith("/api/")
    return request.method in READ_ONLY and request.headers.get("Sec-Fetch-Mode") == "navigate" and not is_call
