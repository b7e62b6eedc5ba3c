"""Items like those that somebody liked, and what is learned from the interactions of many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from semtune.progress import QUIET, Progress

if TYPE_CHECKING:
    from semtune.tasks.recommend.job import Learned, Recommended
    from semtune.tasks.recommend.settings import LearnSettings, RecommendSettings


def recommend(index: str | Path, settings: RecommendSettings, *, recommender: str | Path | None = None) -> Recommended:
    """Recommend items of an index for a history of likes, dislikes and views, by the vectors that the index has.

    Args:
        index: an index or a run folder; its model is not needed.
        settings: the history, the number of items, filter, diversity.
        recommender: a folder that `learn_recommender` saved: what was used together counts, too, and newcomers get
            popular items.

    Raises:
        InputError: an id is not in the index, the history cannot be read, or nothing is known of the person.
        ContractError: the recommender was made for the index of another model.

    Example:
        >>> settings = semtune.RecommendSettings(like=("zipfile.ZipFile",), k=3)  # doctest: +SKIP
        >>> [item.id for item in semtune.recommend("runs/python-docs", settings).items]  # doctest: +SKIP
        ['tarfile.TarFile', 'zipfile.Path', 'gzip.GzipFile']
    """
    from semtune.index.current import opened
    from semtune.search.places import index_folder
    from semtune.tasks.recommend.job import recommend_from
    from semtune.tasks.recommend.recommender import Recommender

    learned = Recommender.open(Path(recommender)) if recommender else None
    with opened(index_folder(Path(index))) as collection:
        return recommend_from(collection, settings, learned)


def learn_recommender(
    index: str | Path,
    interactions: str | Path,
    settings: LearnSettings | None = None,
    *,
    evaluate: bool = False,
    save: str | Path | None = None,
    pairs: str | Path | None = None,
    progress: Progress = QUIET,
) -> Learned:
    """Learn from interactions what is used together, judge it on held-out events, and save it.

    Args:
        index: an index or a run folder.
        interactions: a table of user (or session, basket), item, and time and event where they are known.
        settings: shares that are held out, limits, seed.
        evaluate: measure popularity, ALS, item-to-item, the embeddings and the blend on held-out events.
        save: folder for the recommender, for `recommend`.
        pairs: folder for pairs of items to train on, for `prepare` and `train`.
        progress: shown while it works.

    Raises:
        InputError: the table cannot be read, or holds too little, or a folder is in the way.
        MissingExtraError: `implicit` is not installed, and something is to be measured or saved.
    """
    from semtune.index.current import opened
    from semtune.search.places import index_folder
    from semtune.tasks.recommend.job import learn_from
    from semtune.tasks.recommend.settings import LearnSettings as Defaults

    with opened(index_folder(Path(index))) as collection:
        return learn_from(
            collection,
            Path(interactions),
            settings or Defaults(),
            evaluate=evaluate,
            save=Path(save) if save else None,
            pairs=Path(pairs) if pairs else None,
            progress=progress,
        )
