"""Mail (.eml, .mbox): a section a message under its subject; what is attached is counted and left out."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from typing import cast

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.html import read_html
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.prepare.readers.files.decode import decode
from semtune.text import one_line, tidy

_FROM = re.compile(rb"^From \S.*\d\d:\d\d.*\r?\n", re.MULTILINE)  # begins each message of a mailbox
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


def read_eml(data: bytes, name: str, tally: Tally | None = None) -> Outline:
    """One message."""
    message = cast("EmailMessage", message_from_bytes(data, policy=policy.default))
    subject = one_line(str(message.get("subject") or ""))
    body = message.get_body(("plain", "html"))
    attached = [part.get_filename() or part.get_content_type() for part in message.iter_attachments()]
    if attached and tally is not None:
        tally.drop("attachment of a mail", f"{name}: {attached[0]}", len(attached))
    sections = _body(body, tally) if body is not None else []
    return [((subject, *path) if subject else path, text) for path, text in sections]


def read_mbox(data: bytes, name: str, tally: Tally | None = None) -> Outline:
    """The messages of a mailbox."""
    outline: Outline = []
    for message in _FROM.split(data):
        if message.strip():
            outline += read_eml(_QUOTED_FROM.sub(rb"\1", message), name, tally)
    return outline


def _body(part: MIMEPart, tally: Tally | None) -> Outline:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        text = data.decode(part.get_content_charset("utf-8"))
    except (UnicodeDecodeError, LookupError):
        found = decode(data)
        text = found[0] if found else ""
    return read_html(text, tally) if part.get_content_subtype() == "html" else [((), tidy(text))]
