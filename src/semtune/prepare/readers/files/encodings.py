"""The encoding of bytes that are not UTF-8, by chardet; short files are judged together with the rest of their folder.

chardet knew the encoding of 40 to 1,000 bytes in sixteen legacy encodings almost always, where charset-normalizer often
did not (Polish, Turkish, KOI8-R). What it cannot know it gives a low confidence, or several encodings that differ.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

WESTERN = "cp1252"
SAMPLE = 1 << 16  # bytes of the lines beyond ASCII that are looked at
SURE = 0.1  # confidence of chardet from which it was right on all texts that were tried
RIVAL = 0.8  # share of the best one's confidence from which another encoding is a rival
ENOUGH = 10  # bytes beyond ASCII; fewer are never sure, unless they are a few accents in a Latin text
FEW = 4  # bytes beyond ASCII; fewer say nothing
MUCH = 0.05  # share of letters beyond ASCII
FOREIGN = 0.5  # share of letters beyond ASCII; with more, the text is in no Latin script
_NAMES = (
    "utf-8 utf-16 utf-32 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp866 cp850 cp852 cp437 cp874 "
    "iso8859-2 iso8859-5 iso8859-7 iso8859-9 iso8859-15 koi8-r koi8-u cp932 shift_jis euc-jp iso2022-jp-2 gb18030 "
    "hz-gb-2312 big5 cp949 euc-kr"
)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
WIDE_SURE = 0.9  # confidence of chardet
_ASKED = tuple(_NAMES.split())
_WIDER = {  # what a name means in practice
    "iso8859-1": "cp1252", "ascii": "cp1252", "shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030",
    "euc_kr": "cp949", "iso8859-9": "cp1254", "tis-620": "cp874", "iso8859-11": "cp874", "big5": "big5hkscs",
}  # fmt: skip
_RARE = frozenset({"cp437", "cp850", "cp852"})  # of MS-DOS; they fit nearly any bytes, so they rival nothing
_BEYOND = re.compile(rb"[\x80-\xff]")
_LETTERS = re.compile(rb"[A-Za-z]")
_PIECE = re.compile(rb"[^\r\n]{1,400}[^\r\n ]*")  # a line; a long one (minified HTML) up to a space


@dataclass(frozen=True, slots=True)
class Guess:
    """The encoding of a text that is not UTF-8.

    Attributes:
        encoding: Python's name; empty where no encoding fits.
        sure: whether no other encoding is nearly as likely.
        rivals: the encodings that fit, the likeliest first.
    """

    encoding: str
    sure: bool
    rivals: tuple[str, ...] = ()


def python_name(label: str) -> str:
    """Python's name of an encoding as browsers understand the label ("iso-8859-1" is Windows-1252); empty: unknown."""
    try:
        name = codecs.lookup(label.strip()).name
    except (LookupError, ValueError):
        return ""
    return _WIDER.get(name, name)


def sample(data: bytes) -> bytes:
    """The lines beyond ASCII, or pieces of long ones, as many as are needed to judge the encoding."""
    kept, size = [], 0
    for found in _PIECE.finditer(data):
        if not found[0].isascii():
            kept.append(found[0][: SAMPLE - size])
            size += len(kept[-1])
            if size >= SAMPLE:
                break
    return b"\n".join(kept)


def guess(data: bytes) -> Guess:
    """The likeliest encoding of bytes that are not UTF-8."""
    part = sample(data)
    scored = _scored(part)
    fitting = [(name, score) for name, score in scored if _fits(data, name)]
    if not fitting:
        return Guess(WESTERN, False, (WESTERN,)) if _fits(data, WESTERN) else Guess("", False)
    rivals = tuple(dict.fromkeys(name for name, _ in fitting))
    best, confidence = fitting[0]
    text = _plain(part, best)
    enough = len(_BEYOND.findall(part)) >= ENOUGH or _is_latin(part)
    sure = (
        enough
        and confidence >= SURE
        and all(
            _plain(part, name) == text for name, score in fitting if score >= RIVAL * confidence and name not in _RARE
        )
    )
    if confidence < SURE and not _is_foreign(part) and _fits(data, WESTERN):
        best = WESTERN  # a few accents in a Latin text
    return Guess(best, sure, rivals)


def settle(guesses: dict[str, Guess], samples: dict[str, bytes]) -> dict[str, Guess]:
    """Judge files by the rest of their folder where they alone leave doubts.

    Args:
        guesses: of each file that is not UTF-8, by name.
        samples: the lines beyond ASCII of those that are unsure.
    """
    known = Counter(found.encoding for found in guesses.values() if found.sure)
    joint = guess(b"\n".join(samples.values())) if len(samples) > 1 else Guess("", False)
    settled = {}
    for name, found in guesses.items():
        if not found.sure and name in samples:
            together = [joint.encoding] if joint.sure else []
            found = _backed(found, samples[name], [*(encoding for encoding, _ in known.most_common()), *together])
        settled[name] = found
    return settled


def _backed(found: Guess, part: bytes, encodings: Iterable[str]) -> Guess:
    """The first of the folder's encodings that is likely for a file, too."""
    for encoding in encodings:
        if encoding in found.rivals and _fits(part, encoding):
            return Guess(encoding, True, found.rivals)
    return found


def _scored(part: bytes) -> list[tuple[str, float]]:
    import chardet

    found = chardet.detect_all(part, ignore_threshold=True, include_encodings=_ASKED)
    named = [(python_name(each["encoding"] or ""), float(each["confidence"])) for each in found]
    return [(name, score) for name, score in named if name]


def _is_foreign(part: bytes) -> bool:
    beyond = len(_BEYOND.findall(part))
    return beyond > FEW and beyond > FOREIGN * (beyond + len(_LETTERS.findall(part)))


def says_much(part: bytes) -> bool:
    """Whether so many letters are beyond ASCII that a wrong encoding makes the text useless."""
    return len(_BEYOND.findall(part)) > FEW and not _is_latin(part)


def _is_latin(part: bytes) -> bool:
    beyond = len(_BEYOND.findall(part))
    return beyond <= MUCH * (beyond + len(_LETTERS.findall(part)))


def wide_encoding(data: bytes) -> str:
    """UTF-16 or UTF-32 without a byte-order mark; empty if bytes with many NULs are neither."""
    import chardet

    found = chardet.detect(data, include_encodings=_WIDE, no_match_encoding=_WIDE[0])
    name = str(found["encoding"] or "").lower()
    return name if name in _WIDE and float(found["confidence"]) >= WIDE_SURE else ""


def _fits(data: bytes, encoding: str) -> bool:
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return not any("\x80" <= char <= "\x9f" for char in text)


def _plain(part: bytes, encoding: str) -> str:
    return "".join(filter(str.isalnum, part.decode(encoding, "ignore")))
