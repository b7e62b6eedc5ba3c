"""What a collection of texts is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.tasks.topics.job import Topics
    from semtune.tasks.topics.settings import TopicsSettings


def topics(
    source: str | Path,
    file: str | Path | None = None,
    settings: TopicsSettings | None = None,
    *,
    out: str | Path | None = None,
    runtime: str = "auto",
    progress: Progress = QUIET,
) -> Topics:
    """Find the topics of a file or of an index, or give texts the topics of a folder.

    Args:
        source: a model that embeds the file's texts; without `file` an index, or a run with one.
        file: text lines, JSON lines, CSV, TSV or Parquet, each also as .gz; or another table.
        settings: None: the defaults. With `topics_from`, texts are assigned, and no topics are found.
        out: the folder of the topics; with `topics_from` a .jsonl file, which may be left out.
        runtime: of the model.
        progress: shown while it works.

    Raises:
        InputError: a file or the index cannot be read, or the folder holds something else.
        ContractError: the folder's topics were made with another model.
        MissingExtraError: Jinja2 is not installed, which the page is made with.

    Example:
        >>> made = semtune.topics("all-MiniLM-L6-v2", "mails.csv", out="topics")  # doctest: +SKIP
        >>> made.topics[0]["title"], made.topics[0]["stability"]  # doctest: +SKIP
        ('refund, money, return', 0.91)
    """
    from semtune.encoders.load import load_encoder
    from semtune.tasks.topics.collection import of_file, of_index
    from semtune.tasks.topics.job import assign_texts, check_place, find_topics
    from semtune.tasks.topics.settings import TopicsSettings

    chosen, place = settings or TopicsSettings(), Path(out) if out else None
    check_place(chosen, place)
    if file is None:
        texts = of_index(Path(source), chosen, progress)
    else:
        texts = of_file(load_encoder(str(source), runtime), Path(file), chosen, progress)
    if chosen.topics_from:
        return assign_texts(texts, Path(chosen.topics_from), place)
    return find_topics(texts, chosen, Path(out or ""), progress)
