"""Scanned pages: the text of a PDF file by `ocrmypdf`, where that program is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

PROGRAM = "ocrmypdf"
SECONDS = 900  # for one file


def can_read_scans() -> bool:
    """Whether the program is installed."""
    return shutil.which(PROGRAM) is not None


def with_text(data: bytes, seconds: float = SECONDS) -> tuple[bytes, str]:
    """The PDF file with a layer of text on its scanned pages, or none and why; the original is not touched."""
    program = shutil.which(PROGRAM)
    if program is None:
        return b"", f"{PROGRAM} is not installed"
    with tempfile.TemporaryDirectory(prefix="semtune-ocr-") as folder:
        source, made = Path(folder, "in.pdf"), Path(folder, "out.pdf")
        source.write_bytes(data)
        try:
            command = [program, "--skip-text", "--quiet", "--output-type", "pdf", str(source), str(made)]
            done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)  # noqa: S603 - fixed
        except subprocess.TimeoutExpired:
            return b"", f"{PROGRAM} took more than {seconds:g} s"
        except OSError as error:
            return b"", f"{PROGRAM} cannot be started ({error.strerror})"
        if done.returncode or not made.is_file():
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            return b"", f"{PROGRAM} failed ({said[-1][:200] if said else f'exit code {done.returncode}'})"
        return made.read_bytes(), ""
