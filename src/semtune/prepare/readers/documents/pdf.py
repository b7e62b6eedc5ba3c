"""PDF by pypdf: one section per page, under the document's title; pages without text (scans) are counted."""

from __future__ import annotations

import io
import logging
import re
import warnings
from typing import Any

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline_types import Outline
from semtune.registry import need
from semtune.text import one_line, tidy

_HYPHEN = re.compile(r"(?<=[a-zà-öø-ÿ])-\n(?=[a-zà-öø-ÿ])")
_NO_TITLE = re.compile(r"^(?:untitled.*|microsoft word.*|.*\.\w{2,5}|\W*)$", re.IGNORECASE)


def read_pdf(data: bytes, name: str, tally: Tally) -> Outline:
    """The text of each page; a title in the document's properties becomes the heading.

    Raises:
        InputError: it is not a PDF, is too broken to be read, or needs a password.
    """
    need("pypdf")
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it logs every oddity; what cannot be read is counted here
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = PdfReader(io.BytesIO(data))
            if reader.is_encrypted and not reader.decrypt(""):
                raise InputError(f"{name} needs a password.")
            pages = list(reader.pages)
            title = _title(reader)
            return [((title,) if title else (), text) for page in _texts(pages, name, tally) if (text := page)]
    except DependencyError:
        raise InputError(f"{name} needs a password.") from None
    except InputError:
        raise
    except Exception as error:  # parsing untrusted bytes can fail in any way
        raise InputError(f"{name} cannot be read as PDF ({type(error).__name__}).") from None


def _texts(pages: list[Any], name: str, tally: Tally) -> list[str]:
    texts: list[str] = []
    for number, page in enumerate(pages, start=1):
        try:
            text = page.extract_text()
        except Exception as error:  # the other pages can still be read
            tally.drop("PDF page that cannot be read", f"{name}, page {number} ({type(error).__name__})")
            continue
        text = tidy(_HYPHEN.sub("", text))
        if not text.strip():
            tally.drop("PDF page without text (scanned or empty)", f"{name}, page {number}")
        texts.append(text)
    tally.count("PDF pages", len(pages))
    return texts


def _title(reader: Any) -> str:
    """The title in the document's properties, unless it is a file name or a placeholder."""
    try:
        title = one_line(str((reader.metadata and reader.metadata.title) or ""))
    except Exception:  # properties can be broken like pages, and are optional
        return ""
    return "" if _NO_TITLE.match(title) else title
