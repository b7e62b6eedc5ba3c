"""The pages of the servers: one file each, that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi import Response
from fastapi.responses import HTMLResponse

from semtune.report.render import render

SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def search_page() -> Response:
    """The search page."""
    return html_page("search.html")


def html_page(template: str) -> Response:
    """A page, with a content security policy that allows only its own script and connections to this server."""
    html = render(template, {})
    scripts = " ".join(f"'sha256-{_hash(script)}'" for script in SCRIPT.findall(html))
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(html, headers=headers)


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
