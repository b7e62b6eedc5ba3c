"""Turns command-line arguments into a source, a model, a data set or documents, and protects foreign folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError, InputError
from semtune.io import read_json
from semtune.types import SPLITS

if TYPE_CHECKING:
    from semtune.contract import Contract
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.evaluate.serving.calibration import CalibrationResult
    from semtune.prepare.build.for_index import SourceDocuments
    from semtune.prepare.settings import PrepareSettings
    from semtune.progress import Progress
    from semtune.step import ModelRef


def as_source(words: Sequence[str]) -> str | dict[str, str]:
    """One path, or a mapping from train=FILE dev=FILE test=FILE.

    Raises:
        InputError: there are several sources without these names.
    """
    named = dict(word.split("=", 1) for word in words if word.split("=", 1)[0] in SPLITS and "=" in word)
    if named and len(named) == len(words):
        return named
    if len(words) == 1:
        return words[0]
    raise InputError(
        f"{len(words)} sources were given: {', '.join(words)}. Give one folder or file, or name the splits: "
        "train=FILE dev=FILE test=FILE."
    )


def prepare_settings(words: Sequence[str]) -> PrepareSettings:
    """Settings of the prepare step from `key=value` arguments.

    Raises:
        ConfigError: a key or value is wrong.
    """
    from semtune.config import parse_section
    from semtune.errors import ConfigError

    for word in words:
        if word.partition("=")[0].strip() == "source":
            raise ConfigError("The source cannot be set with --set. Give it as an argument.")
    return parse_section("prepare", words).replace(source="")


def documents_to_index(
    path: Path, folder: Path, contract: Contract, progress: Progress, allow_unreadable: bool = False
) -> SourceDocuments:
    """The documents to index from a data set, a run, a BEIR corpus file, a folder, an archive, a text or a table.

    Raises:
        InputError: the source cannot be read, or has no document, or the model cannot read many of them and
            `allow_unreadable` is False.
    """
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.encoders.unreadable import check_readable
    from semtune.encoders.weak_languages import weak_texts

    tokenizer = Tokenizer(folder, contract)
    found = _documents(path, tokenizer, contract, progress)
    texts, names = [document.content for document in found.documents], [document.id for document in found.documents]
    said = check_readable(texts, names, tokenizer, "passages", allow=allow_unreadable)
    said = said or weak_texts(texts, contract, "passages")
    return replace(found, warnings=(said, *found.warnings)) if said else found


def _documents(path: Path, tokenizer: Tokenizer, contract: Contract, progress: Progress) -> SourceDocuments:
    from semtune import dataset as datasets
    from semtune.prepare.build.for_index import SourceDocuments, documents_for_index
    from semtune.prepare.build.for_other_steps import dataset_folder
    from semtune.prepare.settings import PrepareSettings

    place = dataset_folder(path)
    files = [place / "documents.jsonl", place / "corpus.jsonl"]
    if path.name in {"documents.jsonl", "corpus.jsonl"}:
        files.append(path)
    for file in files:
        if file.is_file():
            return SourceDocuments(datasets.read_documents(file))
    return documents_for_index(path, tokenizer, contract.passage_length, PrepareSettings(), progress)


def indexed_queries(path: Path) -> list[str]:
    """Queries of a data set or run, to measure the recall of an index; empty for other sources."""
    from semtune import dataset as datasets
    from semtune.prepare.build.for_other_steps import dataset_folder, held_out_queries

    place = dataset_folder(path)
    return held_out_queries(datasets.load(place)) if (place / "queries.jsonl").is_file() else []


def model_ref(model: str) -> ModelRef:
    """Find a model by the name that was given.

    Raises:
        ModelError: it is not on this machine and cannot be downloaded.
    """
    from semtune import contract as contracts
    from semtune.hub import resolve_model
    from semtune.step import ModelRef

    folder = resolve_model(model)
    return ModelRef(model, folder, contracts.load(folder))


def folder_to_calibrate(model: str) -> Path:
    """The model folder that `--calibrate` writes thresholds into, checked before hours of work.

    Raises:
        InputError: the model is not a folder, or belongs to a run.
    """
    from semtune.hub import is_model_folder, resolve_model
    from semtune.run_directory import RECORD

    place = Path(model).expanduser()
    if not place.is_dir():
        raise InputError(
            f"--calibrate writes thresholds into the model's folder, but {model!r} is not a folder. Make one with "
            f"`semtune export {model} -o FOLDER`, then give that folder."
        )
    folder = resolve_model(model, serving=True)
    if not is_model_folder(place) or any((each / RECORD).exists() for each in (folder, folder.parent)):
        raise InputError(
            f"{folder} belongs to a run and is not changed. A run calibrates itself: its evaluate step measures the "
            "thresholds and its export step stores them (evaluate.calibrate in the config)."
        )
    return folder


def index_to_measure(index: Path | None, stages: bool) -> Path | None:
    """The index folder that `--index` means.

    Raises:
        ConfigError: it was given without `--stages`.
        InputError: the folder has no complete index.
    """
    from semtune.search.searcher import index_folder

    if index is None:
        return None
    if not stages:
        raise ConfigError("--index only has an effect with --stages. Add --stages.")
    return index_folder(index)


def store_thresholds(found: CalibrationResult, folder: Path) -> None:
    """Write thresholds into a model folder's contract."""
    from semtune import contract as contracts

    contracts.save(contracts.with_thresholds(contracts.load(folder), found.as_dict()), folder)


def store_languages(matrix: Mapping[str, Mapping[str, float]], folder: Path) -> None:
    """Write accuracies by language pair into a model folder's contract, in place of those of the same pairs."""
    from semtune import contract as contracts
    from semtune.encoders.weak_languages import by_codes

    contract = contracts.load(folder)
    known = {language: dict(row) for language, row in contract.languages.items()}
    for language, row in by_codes(matrix).items():
        known[language] = {**known.get(language, {}), **row}
    contracts.save(replace(contract, languages=known), folder)


def report_of(path: Path) -> dict[str, Any]:
    """`prepare.json` of a data set or run, which holds the languages; empty for a source that is not prepared yet."""
    from semtune.prepare.build.for_other_steps import dataset_folder

    report = dataset_folder(path) / "prepare.json"
    return read_json(report) if report.exists() else {}


def refuse_foreign(out: Path, marker: str, what: str, kind: str = "", option: str = "-o") -> None:
    """Refuse to replace a folder that this command did not make.

    Args:
        out: where the command writes.
        marker: the file that identifies its output.
        what: its output in words, with the article: "an index".
        kind: the value of "kind" in the marker, for marker names that other tools use as well.
        option: of the command, that names the folder.

    Raises:
        InputError: something else is in that place.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not _is_own(out / marker, kind)):
        raise InputError(
            f"{out} already exists and is not {what}; nothing was overwritten. Give a new folder with {option}."
        )


def _is_own(marker: Path, kind: str) -> bool:
    if not kind:
        return marker.exists()
    try:
        values = read_json(marker)
    except InputError:
        return False
    return isinstance(values, dict) and values.get("kind") == kind
