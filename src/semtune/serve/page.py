"""The pages of the servers: one file each, that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi import Response
from fastapi.responses import HTMLResponse

from semtune.report.render import render

INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def search_page() -> Response:
    """The search page."""
    return html_page("search.html")


def html_page(template: str) -> Response:
    """A page, with a content security policy that allows only its own script, its own style and this server."""
    html = render(template, {})
    allowed = {"script": "", "style": ""}
    for kind, content in INLINE.findall(html):
        allowed[kind] += f" 'sha256-{_hash(content)}'"
    policy = (
        f"default-src 'none'; script-src{allowed['script']}; style-src{allowed['style']}; connect-src 'self'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return page_response(html, policy)


def page_response(html: str, policy: str) -> Response:
    """A page with a content security policy, which browsers ask for anew and follow to the letter."""
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return HTMLResponse(html, headers=headers)


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")
