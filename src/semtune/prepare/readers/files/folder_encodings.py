"""The encodings of a source's files that are not in UTF-8, found before any is read, since they explain each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from semtune.errors import InputError
from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.outline import takes_text
from semtune.prepare.readers.files.decode import needs_guess, unsure
from semtune.prepare.readers.files.encodings import Guess, guess, sample, says_much, settle
from semtune.prepare.readers.files.unpack import MAX_FILE, Head, read_ends, read_head

NAMED = 5  # files that a warning names
ENDS = 1 << 16  # bytes at either end of a file that show whether its encoding is in doubt
MAX_UNSURE = 0.5  # share of a source's files


def find_encodings(folder: Path, files: Sequence[Path], tally: Tally) -> dict[str, str]:
    """The encoding of each file that is not in UTF-8 and does not declare one, by path.

    Only the ends of a large file are looked at. Where they are in UTF-8 and its middle is not, its reader detects the
    encoding from the file alone.

    Args:
        folder: that names are relative to.
        files: of the source.
        tally: is warned of files whose encoding is unsure.

    Raises:
        InputError: the encoding of most files is unsure.
    """
    guesses, samples, paths = _guesses(folder, files)
    settled = settle(guesses, {name: part for name, part in samples.items() if not guesses[name].sure})
    doubtful = [name for name, found in settled.items() if not found.sure and found.encoding]
    heavy = [name for name in doubtful if says_much(samples[name])]
    if len(heavy) > MAX_UNSURE * len(files):
        raise InputError(
            f"{folder.absolute()}: the encoding of {len(heavy)} of its files cannot be told ({_listed(heavy)}). "
            "Convert them to UTF-8, for example by: iconv -f OLD -t UTF-8 FILE."
        )
    if len(doubtful) == 1:
        tally.warn(unsure(doubtful[0], settled[doubtful[0]].encoding))
    elif doubtful:
        shown = _listed([f"{name} (as {settled[name].encoding})" for name in doubtful])
        tally.warn(
            f"The encoding of {len(doubtful)} files is unsure. They were read: {shown}. If letters are wrong, convert "
            "them to UTF-8."
        )
    return {paths[name]: found.encoding for name, found in settled.items() if found.encoding}


def encoding_within(folder: Path, path: Path) -> str:
    """The encoding that a file was read with as a part of its folder; empty: UTF-8, or declared."""
    data = _doubtful(path) if takes_text(path) else b""
    if not data:
        return ""
    alone = guess(data)
    if alone.sure:
        return alone.encoding
    files = sorted(each for each in folder.rglob("*") if takes_text(each) and each.is_file())
    return find_encodings(folder, files, Tally()).get(str(path), "")


def _guesses(folder: Path, files: Iterable[Path]) -> tuple[dict[str, Guess], dict[str, bytes], dict[str, str]]:
    """For each file that needs a guess, by name: the guess, its lines beyond ASCII, and its path."""
    guesses: dict[str, Guess] = {}
    samples: dict[str, bytes] = {}
    paths: dict[str, str] = {}
    for path in filter(takes_text, files):
        data = _doubtful(path)
        if not data:
            continue
        name = path.relative_to(folder).as_posix()
        guesses[name], samples[name], paths[name] = guess(data), sample(data), str(path)
    return guesses, samples, paths


def _doubtful(path: Path) -> bytes:
    """The bytes of a file whose encoding has to be guessed; empty for any other."""
    try:
        head = read_ends(path, ENDS)
        if not _in_doubt(head):
            return b""
        head = read_head(path, MAX_FILE) if head.cut else head
    except OSError:  # the reader counts it
        return b""
    return head.data if _in_doubt(head) and not head.cut else b""


def _in_doubt(head: Head) -> bool:
    return not head.data.isascii() and needs_guess(head.data)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
