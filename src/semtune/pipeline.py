"""The order of the steps, and nothing else: each step's work is in its own room.

prepare → (select →) train → evaluate → export → index → search. A step runs when its key (arguments, inputs, versions)
differs from its record, when its output is damaged, or when it never ran; see `semtune.run`.
"""

from __future__ import annotations

import datetime
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from semtune import contract as contracts
from semtune import dataset as datasets
from semtune.config import RunConfig, write_config
from semtune.encoders.cross_encoder import CrossEncoderJudge, judge_hash
from semtune.encoders.load import load_encoder, model_bytes
from semtune.errors import InputError
from semtune.inputs import floor_set, general_set, leaks_of, slices_of, training_set
from semtune.io import sha256_file, storage_errors, write_json
from semtune.machine import keep_freed_memory
from semtune.progress import QUIET, Progress
from semtune.run import Key, RunDirectory, StepRecord, versions
from semtune.select.backbone import Backbone, candidates, choose, chosen, reader, trial_training

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.evaluate.report.extras import Extras
    from semtune.evaluate.result import Scores
    from semtune.evaluate.serving.calibration import Calibrated
    from semtune.prepare.settings import PrepareSettings
    from semtune.protocols import Encoder
    from semtune.select.candidates import Field
    from semtune.types import Split

Rerun = Literal["changed", "always", "never"]
KEPT: dict[Rerun, str] = {
    "changed": "nothing it depends on changed",
    "always": "",
    "never": "finished before, and --rerun never asks no more",
}
EXIT_CODES = {"ship": 0, "do-not-ship": 1, "cannot-judge": 2}
BASE_ANSWERS_UP_TO = 50_000  # documents that the base model embeds too, to answer beside the tuned one
PARITY_TEXTS = 20
THRESHOLDS = "thresholds.json"


@dataclass(frozen=True, slots=True)
class Context:
    """What every step may use."""

    config: RunConfig
    run: RunDirectory
    field: Field | None  # candidates, where the run has a select step
    reader: Backbone  # whose tokens documents are counted in
    progress: Progress

    @property
    def backbone(self) -> Backbone:
        """The model that is tuned: with `select`, once it is finished, the recommended one. Nothing is hashed anew."""
        return chosen(self.field, self.reader, self.path("select"))

    def path(self, step: str) -> Path:
        """The folder of a finished step."""
        return self.run.root / step

    def content(self, step: str) -> str:
        """Content hash of a finished step."""
        record = self.run.record(step)
        return record.content if record else "absent"


@dataclass(frozen=True, slots=True)
class Made:
    """What a step's work came to, beside the files in its folder."""

    result: Mapping[str, Any]
    external: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A step: what decides its result, and how it is done.

    Attributes:
        name: of its folder, config section and command.
        after: the steps whose output it reads.
        libraries: packages whose versions count.
        arguments: context → settings and everything else that counts.
        inputs: context → name → hash of what it reads beside the steps in `after`.
        do: context, working folder → what it made.
        resumable: whether a killed attempt's folder is of use to the next one.
    """

    name: str
    after: tuple[str, ...]
    libraries: tuple[str, ...]
    arguments: Callable[[Context], dict[str, Any]]
    do: Callable[[Context, Path], Made]
    inputs: Callable[[Context], dict[str, str]] = field(default=lambda _context: {})
    resumable: bool = False

    def key(self, context: Context) -> Key:
        """What the step's result depends on, now."""
        inputs = {name: context.content(name) for name in self.after} | self.inputs(context)
        arguments = json.loads(json.dumps(self.arguments(context), default=str))
        return Key(arguments, inputs, versions(*self.libraries))


@dataclass(frozen=True, slots=True)
class StepReport:
    """What happened to a step: "done", "unchanged" or, in a dry run, "would run"; and why."""

    step: str
    status: str
    reason: str
    seconds: float
    path: str
    result: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run came to."""

    name: str
    path: str
    steps: tuple[StepReport, ...]
    exit_code: int

    def result(self, step: str) -> Mapping[str, Any]:
        """A step's numbers; empty if it has none."""
        return next((report.result for report in self.steps if report.step == step), {})

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of `semtune run --json`."""
        evaluation, answers = self.result("evaluate"), self.result("search")
        return {
            "name": self.name,
            "path": self.path,
            "steps": [report.as_dict() for report in self.steps],
            **{key: evaluation.get(key) for key in ("verdict", "sentence", "gain", "interval", "p_value")},
            "answers": answers.get("answers", []),
        }


def run_pipeline(
    config: RunConfig, *, rerun: Rerun = "changed", dry_run: bool = False, progress: Progress = QUIET,
    on_step: Callable[[StepReport], None] = lambda _report: None, on_start: Callable[[str, str], None] = lambda _step, _why: None,
) -> RunReport:  # fmt: skip
    """Walk the whole way, running what has to be run.

    Args:
        config: of the run.
        rerun: "changed" runs what changed, "always" everything, "never" only what was never finished.
        dry_run: only say what would run and why; nothing is written.
        progress: shown to the user.
        on_start: called with a step's name and the reason before it runs.
        on_step: called with each step's report.

    Raises:
        SemtuneError: a step failed; the finished ones stay, and the next call continues there.
    """
    root = Path(config.runs_dir) / config.name
    field = candidates(config)
    context = Context(config, RunDirectory(root), field, reader(config, field), progress)
    steps = chosen_steps(config)
    _general_hash(context)  # a path that does not exist is refused before any step
    if dry_run:
        reports = _foresee(context, steps, rerun)
        for report in reports:
            on_step(report)
        return RunReport(config.name, str(root), tuple(reports), 0)
    keep_freed_memory()
    with context.run.locked():
        context.run.sweep()
        write_config(config, root / "config.yaml")
        return _walk(context, steps, rerun, on_start, on_step)


def chosen_steps(config: RunConfig) -> list[Step]:
    """The steps of this run, in order; select only where there are candidates, search only where there are questions."""
    asked = {"select": config.select.candidates, "search": config.search.questions}
    return [step for step in STEPS if asked.get(step.name, True)]


def _walk(
    context: Context,
    steps: list[Step],
    rerun: Rerun,
    on_start: Callable[[str, str], None],
    on_step: Callable[[StepReport], None],
) -> RunReport:
    reports: list[StepReport] = []
    exit_code = 0
    for step in steps:
        key = step.key(context)
        why = _why(context.run, step, key, rerun)
        if why:
            on_start(step.name, why)
            record, status = _execute(context, step, key), "done"
        else:
            record, status = context.run.record(step.name), "unchanged"
        result = record.result if record else {}
        seconds = record.seconds if record and why else 0.0
        reports.append(StepReport(step.name, status, why or KEPT[rerun], seconds, str(context.path(step.name)), result))
        on_step(reports[-1])
        if step.name == "evaluate" and context.config.evaluate.gate and (exit_code := EXIT_CODES[result["verdict"]]):
            break
    context.run.write_manifest()
    return RunReport(context.config.name, str(context.run.root), tuple(reports), exit_code)


def _why(run: RunDirectory, step: Step, key: Key, rerun: Rerun) -> str:
    if rerun == "always":
        return "asked for (--rerun always)"
    return run.damage(step.name) if rerun == "never" else run.why_run(step.name, key)


def _foresee(context: Context, steps: list[Step], rerun: Rerun) -> list[StepReport]:
    reports: list[StepReport] = []
    running: set[str] = set()
    for step in steps:
        choice = ("select",) if step.name == "train" else ()  # another may be recommended
        behind = [name for name in (*step.after, *choice) if name in running]
        why = _why(context.run, step, step.key(context), rerun)
        if behind and not why and rerun == "changed":
            why = f"its input {' and '.join(behind)} would run"
        if why:
            running.add(step.name)
        status = "would run" if why else "unchanged"
        reports.append(StepReport(step.name, status, why or KEPT[rerun], 0.0, str(context.path(step.name)), {}))
    return reports


def _execute(context: Context, step: Step, key: Key) -> StepRecord:
    work = context.run.begin(step.name, key, resumable=step.resumable)
    started = time.monotonic()
    try:
        with storage_errors(work):
            made = step.do(context, work)
    except BaseException:
        if not step.resumable:
            shutil.rmtree(work, ignore_errors=True)
        raise
    finished = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return context.run.finish(
        step.name,
        work,
        key,
        time.monotonic() - started,
        context.config.seed,
        _device(),
        finished,
        made.result,
        made.external,
    )


def _device() -> str:
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_available() else "cpu"


# --- prepare -----------------------------------------------------------------------------------------------


def _prepare_settings(context: Context) -> PrepareSettings:
    from semtune.prepare.settings import PrepareSettings

    return PrepareSettings(**context.config.prepare.model_dump(exclude={"source"}))


def _prepare_arguments(context: Context) -> dict[str, Any]:
    made_for = {
        "tokenizer": context.reader.contract.tokenizer_sha256,
        "max_length": context.reader.contract.max_length,
        "seed": context.config.seed,
    }
    if _prepare_settings(context).needs_encoder:
        made_for["encoder"] = context.reader.contract.fingerprint
        made_for["computed with"] = versions("torch", "sentence-transformers", "onnxruntime", "faiss-cpu")
    return context.config.prepare.model_dump() | made_for


def _source_hash(context: Context) -> dict[str, str]:
    from semtune.prepare.mine.review_merge import hash_verdicts
    from semtune.prepare.readers.source_kind import hash_source

    config = context.config.prepare
    found = {"source": hash_source(config.source)}
    # Verdicts that were written into the step's own review count: it is made again with them, and they stay.
    if verdicts := hash_verdicts(config.review, config.source, context.path("prepare")):
        found["review"] = verdicts
    if judge := _prepare_settings(context).needs_judge:
        found["judge"] = judge_hash(judge)
    return found


def _prepare(context: Context, work: Path) -> Made:
    from semtune.encoders.tokenizer import Tokenizer
    from semtune.prepare.build.dataset import prepare
    from semtune.prepare.report.page import write_page

    config, settings = context.config.prepare, _prepare_settings(context)
    tokenizer = Tokenizer(context.reader.folder, context.reader.contract)
    encoder = load_encoder(str(context.reader.folder), fast=True) if settings.needs_encoder else None
    judge = CrossEncoderJudge.load(settings.needs_judge) if settings.needs_judge else None
    made = prepare(
        config.source, tokenizer, context.reader.contract.max_length, settings, context.config.seed, context.progress, encoder,
        judge, replaces=context.path("prepare"), work=work / "kept",
    )  # fmt: skip
    write_page(made, work / "report.html", context.config.name)
    datasets.save(made, work)
    shutil.rmtree(work / "kept", ignore_errors=True)
    rows = {split: len(made.sentence_pairs(split) or made.pairs.get(split) or []) for split in ("train", "dev", "test")}
    return Made(
        {
            "passages": len(made.corpus),
            "rows": rows,
            "queries": {split: len(qrels) for split, qrels in made.qrels.items()},
            "dropped": {reason: facts["count"] for reason, facts in made.report.get("dropped", {}).items()},
            "warnings": made.report.get("warnings", []),
        }
    )


# --- select ------------------------------------------------------------------------------------------------


def _select(context: Context, work: Path) -> Made:
    assert context.field is not None  # noqa: S101 - the step is left out without candidates
    return Made(choose(context.config, context.field, datasets.load(context.path("prepare")), work, context.progress))


def _candidates(context: Context) -> dict[str, str]:
    """Name → fingerprint of the candidates that are here."""
    return {one.asked: one.contract.fingerprint for one in context.field.candidates} if context.field else {}


# --- train -------------------------------------------------------------------------------------------------


def _train(context: Context, work: Path) -> Made:
    from semtune.train.monitor.curve import draw_curve
    from semtune.train.settings import TrainSettings
    from semtune.train.train_model import train

    dataset = datasets.load(context.path("prepare"))
    config, base = context.config.train, context.backbone
    settings = TrainSettings(**config.model_dump(exclude={"also", "floor"}))
    made = train(
        dataset,
        base.folder,
        base.name,
        work / "model",
        work,
        settings,
        context.config.seed,
        context.progress,
        {
            name: training_set(Path(place), None, base.folder, base.contract, context.config.seed, QUIET)
            for name, place in config.also.items()
        },
        floor_set(config.floor.data, config.floor.max_drop),
    )
    draw_curve(made.log, made.plan.metric, work / "curve.png", made.plan.steps, made.findings)
    shutil.rmtree(work / "checkpoints", ignore_errors=True)
    (work / "training.json").unlink(missing_ok=True)
    return Made(
        {
            "plan": made.plan.as_dict(), "best": made.best, "start": made.start,
            "fingerprint": made.contract.fingerprint, **made.doctor_json(),
        }
    )  # fmt: skip


def _further_hashes(context: Context) -> dict[str, str]:
    from semtune.prepare.readers.source_kind import hash_source

    config = context.config.train
    floor = {"floor": hash_source(config.floor.data)} if config.floor.data else {}
    return {f"also {name}": hash_source(place) for name, place in config.also.items()} | floor


def _base(context: Context) -> dict[str, Any]:
    base = context.backbone
    return {"base": base.contract.fingerprint, "model": base.name, "seed": context.config.seed}


# --- evaluate ----------------------------------------------------------------------------------------------


def _evaluate(context: Context, work: Path) -> Made:
    from semtune.encoders.torch import TorchEncoder
    from semtune.evaluate.report.page import write_report
    from semtune.evaluate.retrieval.bm25 import score_bm25
    from semtune.evaluate.saved.read import identify
    from semtune.evaluate.saved.write import write_files
    from semtune.evaluate.scores import score
    from semtune.evaluate.serving.calibration import calibration_split, can_calibrate
    from semtune.evaluate.settings import EvaluateSettings
    from semtune.evaluate.tasks import choose, tasks
    from semtune.evaluate.two_splits import score_beside
    from semtune.evaluate.verdict.gates import forgetting
    from semtune.evaluate.verdict.outcome import conclude
    from semtune.io import read_json, read_jsonl

    dataset = datasets.load(context.path("prepare"))
    if not tasks(dataset, "test"):
        return _nothing_to_judge(context, work)
    config, say, seed = context.config.evaluate, context.progress, context.config.seed
    encoders = [TorchEncoder.load(folder) for folder in (context.path("train") / "model", context.backbone.folder)]
    kind = choose(dataset, "test", config.task or None)
    beside = calibration_split(dataset, kind) if config.calibrate and can_calibrate(kind) else None
    measured = score_beside(encoders[0], dataset, "test", beside or "test", say, kind, config.at, seed)
    tuned, base = measured["test"], score(encoders[1], dataset, "test", say, kind, config.at, seed)
    others = {"base": base}
    if config.bm25 and tuned.kind == "retrieval":
        others["bm25"] = score_bm25(dataset, "test", say, config.at)
    forgot = None
    if config.general:
        text = general_set(config.general)
        mine, theirs = (score(encoder, text, "test", say) for encoder in encoders)
        forgot = forgetting(Path(config.general).name, mine, theirs, seed, config.min_queries)
    asked = config.model_dump(include=set(EvaluateSettings.__dataclass_fields__))
    outcome = conclude(
        tuned, others, seed, EvaluateSettings(**asked), parts=slices_of(dataset, tuned), forgot=forgot,
        leaks=leaks_of(dataset), data=identify(dataset, "test", context.config.name),
    )  # fmt: skip
    log = list(read_jsonl(context.path("train") / "log.jsonl"))
    seen = read_json(context.path("train") / "doctor.json")["findings"]
    notes = [f"{finding['kind'].capitalize()}: {finding['sentence']} {finding['advice']}" for finding in seen]
    title = f"{context.config.name}: tuned {context.backbone.name}"
    calibrated = _calibrated(measured[beside], dataset, beside, say) if beside else None
    extras = _extras(context, dict(zip(("tuned", "base"), encoders, strict=True)), dataset, tuned, calibrated)
    write_report(work / "report.html", outcome, dataset, "test", log, title, notes, extras)
    if calibrated:
        write_json(work / THRESHOLDS, calibrated.as_dict())
    write_files(work, outcome)
    systems = {name: scores.metrics[scores.main] for name, scores in outcome.systems.items()}
    return Made({**outcome.summary(), "metric": tuned.main, "systems": systems, "truncated": dict(tuned.truncated)})


def _calibrated(scores: Scores, dataset: Dataset, split: Split, progress: Progress) -> Calibrated | None:
    """The thresholds, kept here and taken over by the export: what `train` made is not changed afterwards."""
    from semtune.evaluate.serving.calibration import calibrate

    try:
        return calibrate(scores, dataset, split)
    except InputError as error:
        progress.say(f"no calibrated thresholds: {error}")
        return None


def _extras(
    context: Context, encoders: Mapping[str, Encoder], dataset: Dataset, tuned: Scores, calibrated: Calibrated | None
) -> Extras:
    from semtune.evaluate.report.extras import Extras, charts, costs

    folders = {"tuned": context.path("train") / "model", "base": context.backbone.folder}
    sizes = {name: model_bytes(folders[name], encoder.runtime) for name, encoder in encoders.items()}
    maps = charts(encoders, dataset, "test", context.config.seed)
    return Extras(maps, costs(encoders, dataset, tuned, sizes), calibrated=calibrated)


def _general_hash(context: Context) -> dict[str, str]:
    from semtune.prepare.readers.source_kind import hash_source

    general = context.config.evaluate.general
    return {"general": hash_source(general)} if general else {}


def _nothing_to_judge(context: Context, work: Path) -> Made:
    """Too few documents for a test part: say so; the rest of the way can still be walked."""
    sentence = "cannot judge: the data set has no test part. Give documents from at least three files, or labels."
    context.progress.say(sentence)
    result = {"verdict": "cannot-judge", "sentence": sentence, "gain": None, "interval": None, "p_value": None}
    write_json(work / "metrics.json", {"verdict": result})
    return Made(result)


# --- export ------------------------------------------------------------------------------------------------


def _export(context: Context, work: Path) -> Made:
    from semtune.evaluate.serving.calibration import with_thresholds
    from semtune.export.build import INT8, export
    from semtune.io import read_json

    documents = datasets.load(context.path("prepare")).to_index
    texts = [document.content for document in documents[:: max(1, len(documents) // PARITY_TEXTS)]][:PARITY_TEXTS]
    inner = work / "model"
    formats = list(dict.fromkeys(["onnx", *context.config.export.format]))  # the index and the server need onnx
    precisions = list(dict.fromkeys(["fp32", *context.config.export.precision]))
    made = export(context.path("train") / "model", formats, inner, texts, context.progress, precisions)
    if (thresholds := context.path("evaluate") / THRESHOLDS).exists():
        contracts.save(with_thresholds(made.contract, read_json(thresholds)), inner)
    for path in inner.iterdir():
        path.replace(work / path.name)
    inner.rmdir()
    cosines = {name: proof.min_cosine for name, proof in made.parity.items()}
    whole = min(value for name, value in cosines.items() if name != INT8)
    int8 = {"int8_min_cosine": cosines[INT8]} if INT8 in cosines else {}
    return Made({"formats": formats, "min_cosine": whole, **int8})


def _thresholds_hash(context: Context) -> dict[str, str]:
    """Of the thresholds alone: another evaluation that finds the same ones is no reason to export again."""
    file = context.path("evaluate") / THRESHOLDS
    return {"thresholds": sha256_file(file)} if file.exists() else {}


# --- index -------------------------------------------------------------------------------------------------


def _index(context: Context, work: Path) -> Made:
    from semtune.encoders.onnx import OnnxEncoder
    from semtune.index.build import IndexSettings, build
    from semtune.index.milvus import local_file

    dataset = datasets.load(context.path("prepare"))
    settings = IndexSettings(**context.config.index.model_dump())
    home, model = context.path("index"), context.path("export")
    inner = work / "index"
    made = build(dataset.to_index, OnnxEncoder(model), model, inner, settings, context.progress, home=home)
    for path in inner.iterdir():
        path.replace(work / path.name)
    inner.rmdir()
    file = local_file(made.uri) if made.uri else None
    result = {"count": made.count, "type": made.index_type, "recall@10": made.recall_at_10, "truncated": made.truncated}
    return Made(result, [str(file)] if file else [])


# --- search ------------------------------------------------------------------------------------------------


def _search(context: Context, work: Path) -> Made:
    from semtune.search.searcher import Searcher

    config = context.config.search
    searcher = Searcher.open(context.path("index"))
    tuned = searcher.search_many(config.questions, config.k)
    searcher.close()
    base = _base_answers(context, config.questions, config.k)
    answers = [
        {"question": question, "tuned": [h.as_dict() for h in mine], "base": [h.as_dict() for h in theirs]}
        for question, mine, theirs in zip(config.questions, tuned, base, strict=True)
    ]
    write_json(work / "answers.json", answers)
    return Made({"answers": answers})


def _base_answers(context: Context, questions: Sequence[str], k: int) -> list[list[Any]]:
    """The untouched model's answers, by exact search over the same documents."""
    from semtune.encoders.torch import TorchEncoder
    from semtune.index.exact import ExactIndex
    from semtune.machine import has_bf16
    from semtune.types import Hit

    documents = datasets.load(context.path("prepare")).to_index
    if len(documents) > BASE_ANSWERS_UP_TO:
        context.progress.say(
            f"the base model does not answer beside the tuned one: more than {BASE_ANSWERS_UP_TO:,} documents"
        )
        return [[] for _ in questions]
    encoder = TorchEncoder.load(context.backbone.folder, "bf16" if has_bf16() else "fp32")
    index = ExactIndex(encoder.encode([d.content for d in documents], "document", context.progress).vectors)
    found = index.search(encoder.encode(questions, "query").vectors, min(k, len(documents)))
    return [
        [
            Hit((d := documents[row]).id, score, d.text, d.title, d.metadata)
            for row, score in zip(rows, scores, strict=True)
        ]
        for rows, scores in zip(found.rows.tolist(), found.scores.tolist(), strict=True)
    ]


STEPS = (
    Step("prepare", (), ("tokenizers", "selectolax", "ftfy"), _prepare_arguments, _prepare, _source_hash, resumable=True),
    Step(
        "select", ("prepare",), ("torch", "transformers", "sentence-transformers", "onnxruntime"),
        lambda context: {
            "select": context.config.select.model_dump(), "train": trial_training(context.config), "seed": context.config.seed,
        }, _select, _candidates, resumable=True,
    ),
    Step(
        "train", ("prepare",), ("torch", "transformers", "sentence-transformers"),
        lambda context: context.config.train.model_dump() | _base(context), _train, _further_hashes, resumable=True,
    ),
    Step(
        "evaluate", ("prepare", "train"), ("torch", "transformers", "sentence-transformers", "bm25s"),
        lambda context: context.config.evaluate.model_dump(exclude={"gate"}) | _base(context), _evaluate, _general_hash,
    ),
    Step(
        "export", ("train",), ("torch", "onnx", "onnxscript", "onnxruntime"),
        lambda context: context.config.export.model_dump(), _export, _thresholds_hash,
    ),
    Step(
        "index", ("prepare", "export"), ("onnxruntime", "tokenizers", "faiss-cpu", "pymilvus"),
        lambda context: context.config.index.model_dump(), _index,
    ),
    Step(
        "search", ("index",), ("onnxruntime", "tokenizers"),
        lambda context: context.config.search.model_dump() | _base(context), _search, _thresholds_hash,
    ),
)  # fmt: skip
