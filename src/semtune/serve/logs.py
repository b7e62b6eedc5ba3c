"""The server's log: lines for people, or one JSON object a line. Texts and keys are in neither."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone
from typing import Any, Literal


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and for requests what is known of them."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """Lines for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        told = getattr(record, "request", None)
        said = _sentence(told) if told else record.getMessage()
        line = f"{_time(record):%Y-%m-%d %H:%M:%S} {record.levelname:<7} {said}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(form: Literal["text", "json"]) -> None:
    """Write the log of this process to stderr; called once, by the command."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("semtune").setLevel(logging.INFO)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, timezone.utc)


def _sentence(told: dict[str, Any]) -> str:
    texts = f", {told['texts']} text{'s' if told['texts'] != 1 else ''}" if told.get("texts") else ""
    model = f" by {told['model']}" if told.get("model") else ""
    queries = f": {told['queries']!r}" if told.get("queries") else ""
    said = f"{told['method']} {_printable(told['path'])} {told['status']} in {told['ms']:.1f} ms{texts}{model}"
    return f"{said} [{told['request_id']}]{queries}"


def _printable(path: str) -> str:
    """A path without line breaks and control characters, which would forge lines of the log."""
    return path if path.isprintable() else ascii(path)[1:-1]
