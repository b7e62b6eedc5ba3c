"""What a student is worth beside its teacher: the quality it keeps, speed and size, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semtune.encoders.load import load_encoder
from semtune.encoders.speed import texts_a_second
from semtune.evaluate.scores import score
from semtune.evaluate.student_quality import compare_with_teacher, quality_sentence, timing_texts
from semtune.model_places import weights_files
from semtune.progress import Progress

if TYPE_CHECKING:
    from semtune.dataset import Dataset
    from semtune.protocols import Encoder
    from semtune.train.distil.job import DistillationJob, Student


def measure(
    job: DistillationJob, made: Student, rows: Dataset | None, seed: int, progress: Progress
) -> dict[str, Any]:  # fmt: skip
    """Sizes; with data also the speed; with a test split also the quality kept."""
    places = {"teacher": job.teacher, "student": made.folder}
    facts: dict[str, Any] = {
        "bytes": {who: _weights(at) for who, at in places.items()},
        "quality": None, "texts_per_second": None, "before": None,
    }  # fmt: skip
    if made.query is not None:
        from semtune.query_student_measures import measure_query_student

        return facts | measure_query_student(job, made.query, _weights, rows, seed, progress)
    if rows is None:
        return facts
    encoders = {who: load_encoder(str(at)) for who, at in places.items()}
    if texts := timing_texts(rows):
        facts |= _speeds(encoders, texts)
    if rows.qrels.get("test") or rows.scored.get("test"):
        scores = {who: score(encoder, rows, "test", progress) for who, encoder in encoders.items()}
        facts["quality"] = compare_with_teacher(scores["student"], scores["teacher"], seed).as_dict()
        if made.before:
            scores["before"] = score(load_encoder(str(made.before)), rows, "test", progress)
            facts["before"] = compare_with_teacher(scores["before"], scores["teacher"], seed).as_dict()
        facts["metrics"] = {who: dict(found.metrics) for who, found in scores.items()}
    return facts


def _weights(folder: Path) -> int:
    return sum(file.stat().st_size for file in weights_files(folder))


def _speeds(encoders: Mapping[str, Encoder], texts: Sequence[str]) -> dict[str, Any]:
    speeds = dict(zip(encoders, texts_a_second(list(encoders.values()), texts), strict=True))
    return {
        "texts_per_second": {**speeds, "ratio": speeds["student"] / speeds["teacher"], "texts": len(texts)},
        "runtimes": {who: encoder.runtime for who, encoder in encoders.items()},
    }


def in_words(facts: Mapping[str, Any]) -> list[str]:
    """The measurements in words, a line each."""
    lines = []
    if facts["quality"]:
        lines.append(quality_sentence(facts["quality"]))
    else:
        lines.append("quality not measured: there is no test split (give a data set with one as --data)")
    if facts.get("dev_quality"):
        lines.append(f"on dev: {quality_sentence(facts['dev_quality'])}")
    if facts["before"]:
        lines.append(f"before training: {quality_sentence(facts['before'])}")
    if tried := facts.get("query_encoders"):
        values = ", ".join(f"{kind} {value:.4f}" for kind, value in tried.items())
        lines.append(f"{facts['query_encoder']} was taken; on dev: {values}")
    if dev := facts.get("dims", {}).get("dev"):
        lines.append(
            f"dev {facts['dims']['metric']}: PCA {dev['pca']:.4f}, first dimensions {dev['first']:.4f}, "
            f"all dimensions {dev['whole']:.4f}"
        )
    if "cosine" in facts:
        lines.append(f"cosine to the teacher on held-out texts: {facts['cosine_before']:.3f} → {facts['cosine']:.3f}")
    return [*lines, *_speed_in_words(facts), _size_in_words(facts["bytes"])]


def _speed_in_words(facts: Mapping[str, Any]) -> list[str]:
    if speed := facts["texts_per_second"]:
        return [
            f"{speed['ratio']:,.1f} times as fast: {speed['student']:,.0f} texts/s ({facts['runtimes']['student']}), "
            f"teacher {speed['teacher']:,.0f} ({facts['runtimes']['teacher']}), measured on this machine"
        ]
    if speed := facts.get("one_query"):
        return [
            f"one query in {speed['student']['p50']:.2f} ms ({facts['runtimes']['student']}), teacher "
            f"{speed['teacher']['p50']:.2f} ms ({facts['runtimes']['teacher']}), the medians of {speed['queries']} "
            f"queries on this machine: {speed['ratio']:.1f} times as fast"
        ]
    return []


def _size_in_words(size: Mapping[str, int]) -> str:
    if "query" in size:
        return (
            f"{size['query'] / 1e6:,.0f} MB of weights read queries; with the teacher's {size['teacher'] / 1e6:,.0f} "
            f"MB, which read documents, {size['student'] / 1e6:,.0f} MB"
        )
    return f"{size['student'] / 1e6:,.0f} MB of weights, teacher {size['teacher'] / 1e6:,.0f} MB"
