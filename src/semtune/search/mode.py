"""How an index is searched: by vectors, by words, or by both."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from semtune.errors import ConfigError, InputError, nearest
from semtune.index.manifest import IndexManifest

Mode: TypeAlias = Literal["dense", "keyword", "hybrid"]
SearchMode: TypeAlias = Literal["auto", "dense", "keyword", "hybrid"]
MODES: tuple[SearchMode, ...] = get_args(SearchMode)


def parse_mode(word: str) -> SearchMode:
    """A mode as users type it.

    Raises:
        ConfigError: there is no such mode.
    """
    for mode in MODES:
        if word == mode:
            return mode
    raise ConfigError(f"There is no search mode {word!r}. Allowed: {', '.join(MODES)}.{nearest(word, MODES)}")


def chosen_mode(wanted: SearchMode, manifest: IndexManifest, has_full_text: bool) -> Mode:
    """The mode that is meant; "auto" is the one that the index remembers, and dense where it has no full text.

    Raises:
        InputError: words are to be searched, and the index has no full text.
    """
    if wanted == "auto":
        kept = parse_mode(manifest.search_mode)
        return "dense" if kept == "auto" or not has_full_text else kept
    if wanted != "dense" and not has_full_text:
        raise InputError(
            f"The index has no full text (its back-end is {manifest.backend}), so mode {wanted} cannot be used. Use "
            "mode dense, or bring the index into the local form with `semtune migrate`."
        )
    return wanted
