"""The folder with what was found: pairs, groups, the cleaned file, what was removed, and the review page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.bulk.source import open_source
from semtune.errors import ConfigError
from semtune.io import sha256_json, write_json, write_jsonl
from semtune.report.elements import Count, Headline, Note, many
from semtune.report.render import write_page
from semtune.tasks.duplicates.cleaned import STEM, write_cleaned
from semtune.tasks.duplicates.decisions import Decisions
from semtune.tasks.duplicates.embedding import FOLDER, LOCK
from semtune.tasks.duplicates.groups import Group
from semtune.tasks.duplicates.settings import DuplicatesSettings

if TYPE_CHECKING:
    from semtune.tasks.duplicates.job import Duplicates

PAIRS, GROUPS, REMOVED, PAGE, RESULT = "pairs.jsonl", "groups.jsonl", "removed.jsonl", "review.html", "duplicates.json"
ON_PAGE = 500  # groups
MEMBERS_ON_PAGE = 20  # of a group


def check_folder(folder: Path) -> None:
    """Refuse a folder that holds other things.

    Raises:
        ConfigError: it does, or it is a file.
    """
    if folder.is_file():
        raise ConfigError(f"--out {folder} is a file. Give a folder, which is created if necessary.")
    if not folder.is_dir() or (folder / RESULT).exists():
        return
    if any(each.name not in {FOLDER, LOCK} for each in folder.iterdir()):
        raise ConfigError(f"--out {folder} holds other things. Give a new folder, or one that this command wrote.")


def write_folder(
    folder: Path,
    file: Path,
    settings: DuplicatesSettings,
    made: Duplicates,
    groups: Sequence[Group],
    decisions: Decisions,
) -> Path:
    """Write everything, `duplicates.json` last; returns the cleaned file.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    for old in folder.glob(f"{STEM}.*"):  # of another format
        old.unlink()
    write_jsonl(folder / PAIRS, made.pairs)
    write_jsonl(folder / GROUPS, made.groups)
    write_jsonl(folder / REMOVED, _removed(groups, settings.against))
    gone = [member.row for group in groups for member in group.members]
    cleaned = write_cleaned(open_source(file, settings.column), gone, folder)
    write_page(folder / PAGE, "duplicates.html", page_values(file.name, settings, made, groups, decisions))
    facts = asdict(made)
    write_json(folder / RESULT, {name: value for name, value in facts.items() if name not in NOT_KEPT})
    return cleaned


NOT_KEPT = {"pairs", "groups", "out", "cleaned", "seconds"}  # files of their own, or not the same in every run


def _removed(groups: Sequence[Group], against: str) -> list[dict[str, Any]]:
    rows = []
    for group in groups:
        for member in group.members:
            known = {} if member.row.id is None else {"id": member.row.id}
            row = {"line": member.row.line, **known, "text": member.row.text, "reason": member.why,
                   "similarity": member.similarity, "kept_line": group.kept.line}  # fmt: skip
            rows.append((member.row.row, {**row, **({"kept_in": against} if against else {})}))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]


def page_values(
    name: str, settings: DuplicatesSettings, made: Duplicates, groups: Sequence[Group], decisions: Decisions
) -> dict[str, Any]:
    """What the template of the review page shows: the doubtful groups first."""
    doubtful = sorted(groups, key=lambda group: (group.lowest, group.kept.row))[:ON_PAGE]
    of = f" that {Path(settings.against).name} holds already" if settings.against else ""
    lead = f"{made.removed:,} of {many(made.texts, 'text')} removed, {made.kept:,} kept." if made.removed else (
        f"All {many(made.texts, 'text')} are kept."
    )  # fmt: skip
    return {
        "title": f"Duplicates in {name}{of}",
        "subtitle": f"{many(made.pairs_found, 'pair')} in {many(len(groups), 'group')}; the doubtful ones come first.",
        "headline": Headline("plain", many(made.removed, "duplicate"), lead, _details(made)),
        "groups": [_on_page(group) for group in doubtful],
        "more": len(groups) - len(doubtful),
        "left_out": [Count(reason, count) for reason, count in made.left_out.items()],
        "against": settings.against,
        "decisions": decisions.as_dict(),
        "state": sha256_json([name, settings.against])[:16],
    }


def _on_page(group: Group) -> dict[str, Any]:
    return {
        **group.as_dict(),
        "members": [member.as_dict() for member in group.members[::-1][:MEMBERS_ON_PAGE]],
        "hidden": max(0, len(group.members) - MEMBERS_ON_PAGE),
        "size": len(group.members) + 1,
    }


def _details(made: Duplicates) -> list[Note]:
    notes = [Note(f"{made.removed_for['equal']:,} equal but for case and white space, "
                  f"{made.removed_for['similar']:,} similar.", "Removed")]  # fmt: skip
    notes.append(Note(f"{str(made.threshold['explained'])[0].upper()}{made.threshold['explained'][1:]}."))
    held = made.threshold["held_out"]
    if held:
        notes.append(
            Note(
                f"precision {held['precision']:.3f} ({_bounds(held['precision_interval'])}), recall "
                f"{held['recall']:.3f} ({_bounds(held['recall_interval'])}).",
                f"On {held['pairs']:,} labelled pairs that the threshold was not chosen on",
            )
        )
    if not made.search["exact"]:
        notes.append(
            Note(
                f"{made.search['recall']:.1%} of {made.search['sampled_pairs']:,} sampled pairs were found; there are "
                "too many texts to compare all.",
                "Recall",
            )
        )
    return [*notes, *(Note(warning, "Note") for warning in made.warnings)]


def _bounds(interval: Sequence[float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"
