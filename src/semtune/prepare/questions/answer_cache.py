"""The file that keeps a language model's answers, so that a run that was killed pays for none of them twice."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import IO


def prompt_key(model: str, prompt: str, max_tokens: int, temperature: float) -> str:
    """The key that an answer is stored under: a hash of everything that decides it."""
    body = json.dumps([model, prompt, max_tokens, temperature])
    return hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()


def read_answers(path: Path | None) -> dict[str, str]:
    """The stored answers by key; a line that a killed run left unfinished is skipped."""
    found: dict[str, str] = {}
    if path is None or not path.is_file():
        return found
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                row = json.loads(line)
                found[row["key"]] = str(row["text"])
            except (ValueError, KeyError, TypeError):
                continue
    return found


def append_answer(path: Path, key: str, model: str, text: str) -> None:
    """Add an answer to the end of the file; callers make sure that only one thread does so at a time."""
    line = json.dumps({"key": key, "model": model, "text": text}, ensure_ascii=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as out:
        # A line that a killed run left unfinished must not swallow this one.
        if out.tell() and _last_byte(out) != b"\n":
            out.write(b"\n")
        out.write(line.encode() + b"\n")


def _last_byte(file: IO[bytes]) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)
