"""Distil: from a teacher to a smaller or multilingual student, with both measured side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.errors import ConfigError, InputError, nearest
from semtune.progress import QUIET, Progress
from semtune.train.settings import TrainSettings

if TYPE_CHECKING:
    from semtune.contract import Contract
    from semtune.dataset import Dataset
    from semtune.select.workbench import CandidateEvaluator
    from semtune.train.distil.job import DistillationJob, Student
    from semtune.train.distil.query_student import Judge, QueryEncoder

WAYS = ("static", "layers", "dims", "multilingual", "query")
DEFAULTS: dict[str, dict[str, Any]] = {
    "static": {"learning_rate": 0.02, "per_device_train_batch_size": 128, "num_train_epochs": 10},
    "layers": {"learning_rate": 1e-4, "num_train_epochs": 2},
    "dims": {},
    "multilingual": {"learning_rate": 5e-5, "num_train_epochs": 3},
    "query": {"num_train_epochs": 5, "per_device_train_batch_size": 64},
}
"""Way of distilling → training settings that differ from the defaults."""
NEEDED = {
    "layers": "texts to learn from",
    "multilingual": "parallel text (anchor: a sentence, positive: its translation)",
    "query": "questions or texts to learn from",
}
"""Way of distilling → what its data must have."""
QUERY_ENCODERS: tuple[QueryEncoder, ...] = ("layers", "static")


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """A student in its folder.

    Attributes:
        contract: of the student.
        how: what was done, in words.
        facts: the measurements as JSON values.
        lines: the measurements in words.
    """

    contract: Contract
    how: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()


def way_settings(to: str, **changes: Any) -> TrainSettings:
    """The default training settings of a way of distilling, with changes.

    Raises:
        ConfigError: the way is unknown, or a value is not allowed.
    """
    if to not in WAYS:
        raise ConfigError(f"--to is {to!r}; allowed: {', '.join(WAYS)}.{nearest(to, WAYS)}")
    return TrainSettings(**{**DEFAULTS[to], **changes})


def distil(
    teacher: str,
    to: str,
    out: Path,
    data: Path | None = None,
    *,
    layers: int | None = None,
    student: str | None = None,
    dim: int | None = None,
    query_encoder: str | None = None,
    settings: TrainSettings | None = None,
    seed: int = 13,
    progress: Progress = QUIET,
) -> Distilled:
    """See `semtune.api.distil`."""
    from semtune.hub import resolve_model
    from semtune.machine import keep_freed_memory
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.sources import model_ref
    from semtune.student_measures import in_words, measure
    from semtune.train.distil.publish import publish
    from semtune.train.distil.student_dimension import allowed_dimension

    chosen = settings or way_settings(to)
    _check_options(to, data, layers, student, dim, query_encoder)
    _check_settings(to, chosen)
    _check_places(out)
    base, backbone = model_ref(teacher), resolve_model(student) if student else None
    if out.resolve() in {base.folder.resolve(), backbone and backbone.resolve()}:
        raise InputError(
            f"{out} is the teacher or the student's backbone; nothing was overwritten. Give a new folder with -o."
        )
    allowed_dimension(dim, base.contract, fewer=to == "dims")
    keep_freed_memory()
    foreign = to == "multilingual"  # the teacher need not read the translations; the student is checked later
    rows = data_for.training(data, base, seed, None, progress, allow_unreadable=foreign)() if data else None
    asked = [to, layers, str(backbone), dim, query_encoder, repr(chosen)]
    job = _job(base.folder, teacher, out, seed, rows, asked, progress)
    made = _make(to, job, rows, layers, backbone, student or "", dim, query_encoder, chosen)
    measured = measure(job, made, rows, seed, progress)
    facts = {"to": to, "teacher": teacher, "how": made.how, **made.facts, **measured}
    lines = in_words(facts)
    return Distilled(publish(made, job, out, facts, lines), made.how, facts, lines)


def _check_places(out: Path) -> None:
    from semtune import contract as contracts
    from semtune.registry import need
    from semtune.sources import refuse_foreign
    from semtune.train.processes import world

    if world() > 1:
        raise ConfigError("`semtune distil` runs in one process. Start it without torchrun or accelerate.")
    need("sentence_transformers", "torch", "datasets", "accelerate")
    refuse_foreign(out, contracts.FILE, "a model made by semtune")


def _check_settings(to: str, chosen: TrainSettings) -> None:
    """Refuse training settings that have no effect here."""
    from semtune.train.distil.imitate import IMITATION_SETTINGS

    usual, names = way_settings(to), set(TrainSettings.model_fields)
    known = names - {"also", "floor"}
    used = {"static": known, "dims": set()}.get(to, known & set(IMITATION_SETTINGS))
    for name in sorted(names - used):
        if getattr(chosen, name) != getattr(usual, name):
            allowed = ", ".join(sorted(used)) or "none, as nothing is trained"
            raise ConfigError(f"train.{name} has no effect with --to {to}. Allowed: {allowed}.")


def _check_options(
    to: str, data: Path | None, layers: int | None, student: str | None, dim: int | None, query_encoder: str | None
) -> None:
    if to not in WAYS:
        raise ConfigError(f"--to is {to!r}; allowed: {', '.join(WAYS)}.{nearest(to, WAYS)}")
    for option, value, ways in (
        ("--layers", layers, ["layers", "query"]),
        ("--student", student, ["multilingual"]),
        ("--dim", dim, ["static", "dims"]),
        ("--query-encoder", query_encoder, ["query"]),
    ):
        if value is not None and to not in ways:
            raise ConfigError(f"{option} only works with --to {' or --to '.join(ways)}. Leave it out with --to {to}.")
    if to == "dims" and dim is None:
        raise ConfigError("--to dims needs --dim: the number of dimensions to keep, e.g. 128.")
    if query_encoder not in {None, *QUERY_ENCODERS}:
        raise ConfigError(f"--query-encoder is {query_encoder!r}; allowed: {', '.join(QUERY_ENCODERS)}.")
    if query_encoder == "static" and layers is not None:
        raise ConfigError("--layers has no effect with --query-encoder static. Leave one of the two out.")
    if to == "multilingual" and student is None:
        raise ConfigError("--to multilingual needs --student: a multilingual backbone, e.g. multilingual-e5-small.")
    if to in NEEDED and data is None:
        raise InputError(f"--to {to} needs --data: a data set, a run, or a table with {NEEDED[to]}.")


def _job(
    place: Path, teacher: str, out: Path, seed: int, rows: Dataset | None, arguments: list[Any], progress: Progress
) -> DistillationJob:
    from dataclasses import asdict

    from semtune.io import sha256_json
    from semtune.train.distil.job import DistillationJob

    data = asdict(rows) | {"report": None} if rows else None  # the report holds times and paths
    work = out.parent / f".{out.name}.distilling"
    return DistillationJob(place, teacher, work, seed, {"arguments": arguments, "data": sha256_json(data)}, progress)


def _make(
    to: str,
    job: DistillationJob,
    rows: Dataset | None,
    layers: int | None,
    backbone: Path | None,
    name: str,
    dim: int | None,
    query_encoder: str | None,
    settings: TrainSettings,
) -> Student:
    from semtune.train.distil.fewer_layers import to_layers
    from semtune.train.distil.multilingual import to_multilingual
    from semtune.train.distil.query_student import to_query
    from semtune.train.distil.static_student import to_static

    if to == "static":
        return to_static(job, rows, dim, settings)
    if to == "dims":
        return _fewer_dims(job, rows, dim)
    assert rows is not None  # noqa: S101 - checked with the options
    if to == "layers":
        return to_layers(job, rows, layers, settings)
    if to == "query":
        kinds: dict[str | None, QueryEncoder] = {kind: kind for kind in QUERY_ENCODERS}
        kind = kinds.get(query_encoder)
        judge = _query_judge(job, rows) if kind is None and layers is None else None
        return to_query(job, rows, kind, layers, settings, judge)
    assert backbone is not None  # noqa: S101
    return to_multilingual(job, rows, backbone, name, settings)


def _fewer_dims(job: DistillationJob, rows: Dataset | None, dim: int | None) -> Student:
    """Fewer dimensions: the first ones or PCA, whichever has the higher dev metric."""
    from dataclasses import replace

    from semtune.train.distil.fewer_dims import choose_directions, to_dims

    assert dim is not None  # noqa: S101 - checked with the options
    dev = _dev_evaluator(job, rows)
    judge, metric = (lambda encoder: dev(encoder).value, dev.metric) if dev else (None, "")
    chosen = choose_directions(job.teacher, rows, dim, judge, metric, job.progress)
    return replace(to_dims(job, chosen.kept, chosen.way), facts={"dims": chosen.facts()})


def _query_judge(job: DistillationJob, rows: Dataset) -> Judge | None:
    """The dev metric of a query encoder beside the teacher's documents, which are embedded once."""
    from semtune.encoders.load import load_encoder
    from semtune.encoders.wrapped import CachingEncoder
    from semtune.query_student_measures import PairedEncoder

    dev = _dev_evaluator(job, rows)
    if dev is None:
        return None
    teacher = CachingEncoder(load_encoder(str(job.teacher), exact=True))
    return lambda folder: dev(PairedEncoder(load_encoder(str(folder), exact=True), teacher)).value


def _dev_evaluator(job: DistillationJob, rows: Dataset | None) -> CandidateEvaluator | None:
    """Measures encoders on a sample of dev; None without a dev split."""
    from semtune.select.sample import dev_part
    from semtune.select.settings import SelectSettings
    from semtune.select.workbench import CandidateEvaluator

    splits = (rows.scored, rows.labelled_pairs, rows.qrels) if rows else ()
    if rows is None or not any(split.get("dev") for split in splits):
        return None
    usual = SelectSettings()
    part = dev_part(rows, usual.max_queries, usual.max_passages, job.seed)
    return CandidateEvaluator(part, job.seed, job.progress)
