"""A small folder of Markdown pages about household things, enough to prepare, train, index and search."""

from __future__ import annotations

from pathlib import Path

import numpy as np

THINGS = (
    "kettle", "lantern", "violin", "bicycle", "telescope", "loom", "anvil", "compass", "sundial", "teapot",
    "ladder", "barrel", "mirror", "candle", "clock", "plough", "saddle", "sieve", "trowel", "wheel",
)  # fmt: skip
DEEDS = {
    "Cleaning": "Wipe the {} with a damp cloth and let it dry in moving air. Never soak a {} overnight.",
    "Repairing": "A cracked {} is mended with glue and a clamp. Wait one day before you use the {} again.",
    "Storing": "Keep the {} in a dry cupboard away from frost. A wrapped {} gathers no dust over winter.",
    "Buying": "A good {} costs more at first and lasts for years. Ask the seller who made the {} and where.",
}
FILLER = ("often", "seldom", "gently", "slowly", "twice", "early", "late", "with care", "by hand", "in spring")


def toy_documents(count: int = 12, seed: int = 0) -> dict[str, str]:
    """File name → Markdown: a page for each of `count` (at most 20) things, with a section for each task."""
    rng = np.random.default_rng(seed)
    pages = {}
    for thing in THINGS[:count]:
        lines = [f"# The {thing}", "", f"All about the {thing} and its care, written down {rng.choice(FILLER)}.", ""]
        for deed, text in DEEDS.items():
            rest = f"People do this {rng.choice(FILLER)} and then {rng.choice(FILLER)}."
            lines += [f"## {deed} the {thing}", "", f"{text.format(thing, thing)} {rest}", ""]
        pages[f"{thing}.md"] = "\n".join(lines)
    return pages


def write_toy_folder(folder: Path, count: int = 12, seed: int = 0) -> Path:
    """Write `toy_documents` as files; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in toy_documents(count, seed).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
