"""A folder of topics: written whole or not at all, and read again by the next run and for new texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semtune.errors import ContractError, InputError
from semtune.formats import TOPICS
from semtune.io import atomic_folder, read_json, write_json, write_jsonl
from semtune.report.render import write_page
from semtune.tasks.topics.edits import Edits
from semtune.tasks.topics.model import TopicModel
from semtune.tasks.topics.projection import Projection

FILE, ARRAYS, ASSIGNMENTS, PAGE = "topics.json", "topics.npz", "assignments.jsonl", "topics.html"


@dataclass(frozen=True, slots=True)
class Stored:
    """What a folder of topics holds.

    Attributes:
        manifest: the content of `topics.json`.
        found: the model as it was found, before people's edits.
        model: the model after them: gives texts their topics.
    """

    manifest: Mapping[str, Any]
    found: TopicModel
    model: TopicModel

    def require(self, name: str, fingerprint: str, folder: Path) -> None:
        """Refuse vectors of another model.

        Raises:
            ContractError: the topics were made with another model.
        """
        if self.manifest["fingerprint"] != fingerprint:
            raise ContractError(
                f"The topics in {folder} were made with the model {self.manifest['model']!r} "
                f"({self.manifest['fingerprint'][:12]}), not with {name!r} ({fingerprint[:12]}). Use that model, or "
                "write new topics into another folder."
            )


def refuse_foreign(folder: Path) -> None:
    """Refuse a place that holds something else than topics.

    Raises:
        InputError: it does.
    """
    if folder.exists() and not (folder / FILE).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} already exists and is not a folder of topics; nothing was overwritten.")


def save(
    folder: Path, manifest: Mapping[str, Any], found: TopicModel, model: TopicModel, edits: Edits,
    assignments: Iterable[Mapping[str, Any]], page: Mapping[str, object],
) -> None:  # fmt: skip
    """Write a folder of topics, in place of an older one; equal topics give equal bytes.

    Raises:
        InputError: the folder holds something else.
        StorageError: it cannot be written.
    """
    refuse_foreign(folder)
    with atomic_folder(folder) as place:
        write_jsonl(place / ASSIGNMENTS, assignments)
        arrays = {"mean": found.projection.mean, "axes": found.projection.axes}
        for name, each in (("found", found), ("model", model)):
            arrays |= {f"{name}_centres": each.centres, f"{name}_owner": each.owner, f"{name}_floor": each.floor}
        np.savez(place / ARRAYS, allow_pickle=False, **arrays)
        edits.write(place)
        write_page(place / PAGE, "topics.html", page)
        write_json(place / FILE, TOPICS.stamp({**manifest, "found_ids": list(found.ids), "ids": list(model.ids)}))


def open_topics(folder: Path) -> Stored:
    """Read what `save` wrote.

    Raises:
        InputError: it is no folder of topics, damaged, or of a later format.
    """
    if not (folder / FILE).is_file():
        raise InputError(f"{folder} is not a folder of topics. Make one: `semtune topics MODEL FILE -o {folder}`.")
    values = TOPICS.read(read_json(folder / FILE), folder / FILE).values
    try:
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            projection = Projection(arrays["mean"], arrays["axes"])
            made = [
                TopicModel(projection, arrays[f"{name}_centres"], arrays[f"{name}_owner"], arrays[f"{name}_floor"],
                           tuple(ids))
                for name, ids in (("found", values["found_ids"]), ("model", values["ids"]))
            ]  # fmt: skip
        for name in ("model", "fingerprint", "topics"):
            values[name]
    except (KeyError, OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(f"The topics in {folder} are damaged ({error}). Delete them and make them again.") from None
    return Stored(values, *made)
