"""`semtune recommend`: items like those that somebody liked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, SEED, Console
from semtune.cli.index_options import INDEX

if TYPE_CHECKING:
    from semtune.tasks.recommend.job import Learned, Recommended
    from semtune.tasks.recommend.settings import RecommendSettings

WIDTH = 100  # characters of a text that are shown


def recommend(
    index: Annotated[Path, INDEX],
    like: Annotated[list[str] | None, typer.Option("--like", help="Id of an item that was liked; repeatable.")] = None,
    dislike: Annotated[list[str] | None, typer.Option("--dislike", help="Id of an item that was disliked.")] = None,
    viewed: Annotated[list[str] | None, typer.Option("--viewed", help="Id of an item that was looked at.")] = None,
    history: Annotated[
        str, typer.Option("--history", help="A table of item, and event (like, dislike, view) and time if known.")
    ] = "",
    half_life: Annotated[
        float | None, typer.Option("--half-life", help="Days after which an event of the history counts half.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Number of items.")] = 10,
    where: Annotated[
        str | None, typer.Option("--where", help="Only items whose metadata fit, such as 'lang=de and year>=2020'.")
    ] = None,
    diversity: Annotated[
        float, typer.Option("--diversity", help="From 0 to 1: prefer items that differ from those before.")
    ] = 0.0,
    again: Annotated[bool, typer.Option("--again", help="Recommend also what is in the history.")] = False,
    explain: Annotated[int, typer.Option("--explain", min=0, max=100, help="Items of the history named a hit.")] = 3,
    recommender: Annotated[
        Path | None, typer.Option("--recommender", help="A recommender that --save wrote: also for newcomers.")
    ] = None,
    interactions: Annotated[
        Path | None,
        typer.Option("--interactions", help="Learn instead: a table of user (or session, basket), item, time, event."),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="With --interactions: measure on held-out events, beside other ways.")
    ] = False,
    save: Annotated[
        Path | None, typer.Option("--save", help="With --interactions: folder for the recommender.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="With --interactions: folder for pairs that `prepare` reads.")
    ] = None,
    seed: Annotated[int, SEED] = 0,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Recommend items of an index for likes, dislikes and views; or learn from the interactions of many."""
    from semtune import api
    from semtune.tasks.recommend.settings import LearnSettings
    from semtune.tasks.recommend.settings import RecommendSettings as Asked

    console = Console(as_json)
    asked = Asked(
        like=tuple(like or ()),
        dislike=tuple(dislike or ()),
        viewed=tuple(viewed or ()),
        history=history,
        k=k,
        where=where,
        diversity=diversity,
        again=again,
        half_life=half_life,
        explain=explain,
    )
    _check(asked, interactions, recommender, {"evaluate": evaluate, "save": save, "pairs": pairs})
    if interactions is None:
        found = api.recommend(index, asked, recommender=recommender)
        _say(found, console)
        console.document(found.as_dict())
        return
    with console.progress() as progress:
        learned = api.learn_recommender(
            index,
            interactions,
            LearnSettings(seed=seed),
            evaluate=evaluate,
            save=save,
            pairs=pairs,
            progress=progress,
        )
    _say_learned(learned, console)
    console.document(asdict(learned))


def _check(
    asked: RecommendSettings, interactions: Path | None, recommender: Path | None, wanted: dict[str, Any]
) -> None:
    """Refuse options that do not fit together.

    Raises:
        ConfigError: they do not.
    """
    from semtune.errors import ConfigError

    named = [name for name, value in wanted.items() if value]
    if interactions is None and named:
        raise ConfigError(f"--{named[0]} needs --interactions FILE: a table of user (or session, basket) and item.")
    if interactions is None:
        return
    if asked.like or asked.dislike or asked.viewed or asked.history or recommender:
        raise ConfigError("--interactions learns from many users; --like, --dislike, --viewed, --history and "
                          "--recommender ask for items. Give one or the other.")  # fmt: skip
    if not named:
        raise ConfigError("Say what to make of the interactions: --evaluate, --save FOLDER or --pairs FOLDER.")


def _say(found: Recommended, console: Console) -> None:
    for rank, item in enumerate(found.items, start=1):
        title = f"  {item.title}" if item.title != item.id else ""
        console.say(f"{rank:>3}. {item.score:>8.3f}  {item.id}{title}")
        console.say(f"     {' '.join(item.text.split())[:WIDTH]}")
        if item.because:
            near = " and ".join(f"{each.id} ({each.similarity:.2f}{_used(each.together)})" for each in item.because)
            console.say(f"     because of {near}")
    _say_left_out(found.left_out, found.warnings, "events", console)


def _used(together: float | None) -> str:
    return f", together {together:.2f}" if together else ""


def _say_left_out(left_out: dict[str, int], warnings: list[str], what: str, console: Console) -> None:
    for reason, count in left_out.items():
        console.say(f"left out: {count:,} {what}: {reason}")
    for warning in warnings:
        console.say(f"warning: {warning}")


def _say_learned(made: Learned, console: Console) -> None:
    console.say(f"{made.events:,} events in {made.baskets:,} baskets{'' if made.timed else ', without times'}")
    measured = made.evaluation
    if measured:
        console.say(f"held out: {measured['facts']['held_out']}")
        console.say(f"{'':>14}  nDCG@10  [95 %]             recall@10  coverage  novelty  diversity")
        for name, row in measured["systems"].items():
            found = row["ndcg@10"]
            console.say(
                f"{name:>14}  {found['mean']:.4f}   [{found['low']:.4f}, {found['high']:.4f}]   "
                f"{row['recall@10']['mean']:.4f}     {row['coverage']:>6.1%}    {row['novelty']['mean']:>5.2f}   "
                f"{row['diversity']['mean']:.3f}"
            )
        console.say(made.verdict)
    for name, count in made.pairs.items():
        console.say(f"{count:>9,} pairs for {name}")
    _say_left_out(made.left_out, made.warnings, "events", console)
    _say_left_out(made.pairs_left_out, [], "pairs", console)
    for what, place in (("recommender", made.saved), ("pairs", made.pairs_folder)):
        if place:
            console.say(f"{what}: {place}")
