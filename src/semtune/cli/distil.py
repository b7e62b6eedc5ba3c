"""`semtune distil`: a teacher in, a smaller or multilingual student out, measured against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from semtune.cli.console import JSON, SEED, TRAIN, Console

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.progress import Progress
    from semtune.train.distil.students import Job, Student
    from semtune.train.settings import TrainSettings

WAYS = ("static", "layers", "dims", "multilingual")
DEFAULTS = {
    "static": ["learning_rate=0.02", "per_device_train_batch_size=128", "num_train_epochs=10"],
    "layers": ["learning_rate=1e-4", "num_train_epochs=2"],
    "dims": [],
    "multilingual": ["learning_rate=5e-5", "num_train_epochs=3"],
}


Teacher = Annotated[str, typer.Argument(help="A name, a hub id, a model folder or a run folder.")]
To = Annotated[
    str,
    typer.Option(
        "--to",
        help="static: a table of token vectors; layers: fewer of its layers; dims: shorter vectors; multilingual: its "
        "space in --student.",
    ),
]
Out = Annotated[Path, typer.Option("-o", "--out", help="The model folder to write.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", help="A data set, a run, or a table of pairs: what is learned from, and its test part measured on."
    ),
]
Layers = Annotated[int | None, typer.Option("--layers", help="Layers to keep; by default half.")]
StudentName = Annotated[
    str | None, typer.Option("--student", help="The multilingual backbone: a name, a hub id or a folder.")
]
Dim = Annotated[
    int | None,
    typer.Option("--dim", help="Dimensions of the vectors, with static or dims; static: by default the teacher's."),
]


def distil(
    teacher: Teacher,
    to: To,
    out: Out,
    data: Data = None,
    layers: Layers = None,
    student: StudentName = None,
    dim: Dim = None,
    settings: Annotated[list[str] | None, TRAIN] = None,
    seed: Annotated[int, SEED] = 13,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make a faster or multilingual student of a model and measure it against its teacher; killed, the same command continues."""
    from semtune import contract as contracts
    from semtune.errors import ConfigError, InputError
    from semtune.hub import resolve
    from semtune.machine import keep_freed_memory
    from semtune.prepare.build import for_other_steps as data_for
    from semtune.registry import need
    from semtune.sources import refuse_foreign
    from semtune.step import ModelRef
    from semtune.train.distil.students import allowed_dimension, publish
    from semtune.train.processes import world

    console = Console(as_json)
    if world() > 1:
        raise ConfigError("`semtune distil` works in one process: start it without torchrun or accelerate.")
    _check_options(to, data, layers, student, dim)
    need("sentence_transformers", "torch", "datasets", "accelerate")
    refuse_foreign(out, contracts.FILE, "a model that semtune made")
    chosen = _train_settings(to, [*DEFAULTS[to], *(settings or [])])
    place, backbone = resolve(teacher), resolve(student) if student else None
    if out.resolve() in {place.resolve(), backbone and backbone.resolve()}:
        raise InputError(f"{out} is a model to be learned from; nothing was overwritten. Give a new folder with -o.")
    contract = contracts.load(place)
    allowed_dimension(dim, contract, fewer=to == "dims")
    keep_freed_memory()
    with console.progress() as progress:
        base = ModelRef(teacher, place, contract)
        rows = data_for.training(data, base, seed, None, progress)() if data else None
        job = _job(place, teacher, out, seed, rows, [to, layers, str(backbone), dim, repr(chosen)], progress)
        made = _make(to, job, rows, layers, backbone, student or "", dim, chosen)
        facts = {
            "to": to,
            "teacher": teacher,
            "how": made.how,
            **made.facts,
            **_measure(job, made, rows, seed, progress),
        }
        lines = _lines(facts)
        student_contract = publish(made, job, out, facts, lines)
    console.say(f"{out}: {made.how}")
    for line in lines:
        console.say(f"  {line}")
    console.document(
        {
            "path": str(out),
            "dimension": student_contract.dimension,
            "fingerprint": student_contract.fingerprint,
            **facts,
        }
    )


def _train_settings(to: str, words: list[str]) -> TrainSettings:
    """Settings of training; those that have no effect here are refused."""
    from semtune.config import parse_section
    from semtune.errors import ConfigError
    from semtune.train.distil.imitate import HEEDED

    chosen, usual = parse_section("train", words), parse_section("train", [])
    known = set(type(chosen).model_fields) - {"also", "floor"}
    used = {"static": known, "dims": set()}.get(to, known & set(HEEDED))
    for key in sorted(set(type(chosen).model_fields) - used):
        if getattr(chosen, key) != getattr(usual, key):
            allowed = ", ".join(sorted(used)) or "none, as nothing is trained"
            raise ConfigError(f"train.{key} has no effect with --to {to}. Allowed: {allowed}.")
    return chosen


def _check_options(to: str, data: Path | None, layers: int | None, student: str | None, dim: int | None) -> None:
    from semtune.errors import ConfigError, InputError, nearest

    if to not in WAYS:
        raise ConfigError(f"--to is {to!r}; allowed: {', '.join(WAYS)}.{nearest(to, WAYS)}")
    for option, value, ways in (
        ("--layers", layers, ["layers"]),
        ("--student", student, ["multilingual"]),
        ("--dim", dim, ["static", "dims"]),
    ):
        if value is not None and to not in ways:
            raise ConfigError(f"{option} belongs to --to {' and --to '.join(ways)}; leave it out with --to {to}.")
    if to == "dims" and dim is None:
        raise ConfigError("--to dims needs --dim: how many numbers a vector is to have, e.g. 128.")
    if to == "multilingual" and student is None:
        raise ConfigError("--to multilingual needs --student: a multilingual backbone, e.g. multilingual-e5-small.")
    if to in {"layers", "multilingual"} and data is None:
        needed = (
            "texts to learn from" if to == "layers" else "parallel text (anchor: a sentence, positive: its translation)"
        )
        raise InputError(f"--to {to} needs --data: a data set, a run, or a table with {needed}.")


def _job(
    place: Path, teacher: str, out: Path, seed: int, rows: Dataset | None, arguments: list[Any], progress: Progress
) -> Job:
    from dataclasses import asdict

    from semtune.io import sha256_json
    from semtune.train.distil.students import Job

    data = asdict(rows) | {"report": None} if rows else None  # the report has times and paths in it
    work = out.parent / f".{out.name}.distilling"
    return Job(place, teacher, work, seed, {"arguments": arguments, "data": sha256_json(data)}, progress)


def _make(
    to: str, job: Job, rows: Dataset | None, layers: int | None, backbone: Path | None, name: str, dim: int | None,
    settings: TrainSettings,
) -> Student:  # fmt: skip
    from semtune.train.distil import students as build

    if to == "static":
        return build.to_static(job, rows, dim, settings)
    if to == "dims":
        return _fewer_dims(job, rows, dim)
    assert rows is not None  # noqa: S101 - checked with the options
    if to == "layers":
        return build.to_layers(job, rows, layers, settings)
    assert backbone is not None  # noqa: S101
    return build.to_multilingual(job, rows, backbone, name, settings)


def _fewer_dims(job: Job, rows: Dataset | None, dim: int | None) -> Student:
    from dataclasses import replace

    from semtune.train.distil.dims import directions
    from semtune.train.distil.students import to_dims

    assert dim is not None  # noqa: S101 - checked with the options
    chosen = directions(job.teacher, rows, dim, job.seed, job.progress)
    return replace(to_dims(job, chosen.kept, chosen.way), facts={"dims": chosen.facts()})


def _measure(job: Job, made: Student, rows: Dataset | None, seed: int, progress: Progress) -> dict[str, Any]:
    """Sizes; with data, texts a second; with a test part, the quality kept."""
    from semtune.encoders.load import load_encoder
    from semtune.encoders.speed import texts_a_second
    from semtune.evaluate.scores import score
    from semtune.evaluate.student_quality import kept, speed_texts
    from semtune.model_folder import weights_files

    sizes = {who: sum(file.stat().st_size for file in weights_files(at)) for who, at in _places(job, made).items()}
    facts: dict[str, Any] = {"bytes": sizes, "quality": None, "texts_per_second": None, "before": None}
    if rows is None:
        return facts
    encoders = {who: load_encoder(str(at)) for who, at in _places(job, made).items()}
    if texts := speed_texts(rows):
        speeds = dict(zip(encoders, texts_a_second(list(encoders.values()), texts), strict=True))
        facts["texts_per_second"] = {**speeds, "ratio": speeds["student"] / speeds["teacher"], "texts": len(texts)}
        facts["runtimes"] = {who: encoder.runtime for who, encoder in encoders.items()}
    if rows.qrels.get("test") or rows.scored.get("test"):
        scores = {who: score(encoder, rows, "test", progress) for who, encoder in encoders.items()}
        facts["quality"] = kept(scores["student"], scores["teacher"], seed).as_dict()
        if made.before:
            scores["before"] = score(load_encoder(str(made.before)), rows, "test", progress)
            facts["before"] = kept(scores["before"], scores["teacher"], seed).as_dict()
        facts["metrics"] = {who: dict(found.metrics) for who, found in scores.items()}
    return facts


def _places(job: Job, made: Student) -> dict[str, Path]:
    return {"teacher": job.teacher, "student": made.folder}


def _lines(facts: dict[str, Any]) -> list[str]:
    """The measurements in words."""
    from semtune.evaluate.student_quality import in_words

    size, speed, lines = facts["bytes"], facts["texts_per_second"], []
    if facts["quality"]:
        lines.append(in_words(facts["quality"]))
    else:
        lines.append("quality not measured: there is no test part (give a data set with one as --data)")
    if facts["before"]:
        lines.append(f"before training: {in_words(facts['before'])}")
    if dev := facts.get("dims", {}).get("dev"):
        lines.append(
            f"dev {facts['dims']['metric']}: main directions {dev['pca']:.4f}, first dimensions {dev['first']:.4f}, whole {dev['whole']:.4f}"
        )
    if "cosine" in facts:
        lines.append(f"cosine to the teacher on held-out texts: {facts['cosine_before']:.3f} → {facts['cosine']:.3f}")
    if speed:
        lines.append(
            f"{speed['ratio']:,.1f} times as fast: {speed['student']:,.0f} texts/s ({facts['runtimes']['student']}), "
            f"teacher {speed['teacher']:,.0f} ({facts['runtimes']['teacher']}), here and now"
        )
    lines.append(f"{size['student'] / 1e6:,.0f} MB of weights, teacher {size['teacher'] / 1e6:,.0f} MB")
    return lines
