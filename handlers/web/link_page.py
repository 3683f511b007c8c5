"""The pages behind signed links: plain HTML that any phone shows at three in the morning, without scripts.

Must not know: what a link does. Everything that is shown is escaped here.
"""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from aiohttp import web

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; font: 1.125rem/1.55 system-ui, sans-serif; color: #1b1f24; background: #f4f5f7; }
main { max-width: 34rem; margin: 8vh auto; padding: 1.75rem; background: #fff; border: 1px solid #c9ced6;
  border-radius: .5rem; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
small { color: #4a5360; font-size: 1rem; }
button { width: 100%; min-height: 3.25rem; padding: .5rem 1rem; font: inherit; font-weight: 700; color: #fff;
  background: #b3121d; border: 2px solid transparent; border-radius: .375rem; cursor: pointer; }
button:focus-visible { outline: .2rem solid #1264a3; outline-offset: .2rem; }
@media (prefers-color-scheme: dark) {
  body { color: #e6e8eb; background: #15181c; }
  main { background: #1f2329; border-color: #454c55; }
  small { color: #b4bbc4; }
  button:focus-visible { outline-color: #7ab8ec; }
}
@media (max-width: 38rem) {
  main { margin: 0; border: 0; border-radius: 0; min-height: 100vh; box-sizing: border-box; }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
"""Nothing else is loaded, the address (which is a key) is given to nobody, and no other page can press the button."""


def page(
    title: str, paragraphs: Sequence[str], *, button: str = "", footnote: str = "", status: int = 200
) -> web.Response:
    """One page; with ``button`` a form that posts to the page's own address."""
    said = "".join(f"<p>{escape(one)}</p>\n" for one in paragraphs if one)
    form = f'<form method="post"><button type="submit">{escape(button)}</button></form>\n' if button else ""
    note = f"<p><small>{escape(footnote)}</small></p>\n" if footnote else ""
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · Watchkeeper</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{said}{note}{form}</main>\n</body>\n</html>\n"
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8", status=status, headers=HEADERS)
