"""What models find across languages, and whether queries in a weak language are told: the numbers of docs/languages.md.

Parts, all by default: prompts (XQuAD questions in German and Chinese, English passages, four ways of putting prompts),
pairs (every language of Tatoeba with English, both directions), alarms (queries in a language the model is weak in, and
false alarms on English ones), distil (all-MiniLM-L6-v2 made multilingual by parallel STS-B sentences, judged by XQuAD
questions against the English passages). Data from ../shared/data or $SEMTUNE_DATA.

python benchmarks/uses_languages.py ME5_FOLDER [--only PART] [--quick] [--json]
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processes import semtune
from timing import publish

from semtune.encoders.weak_languages import Languages, weak_language
from semtune.metrics.proportions import proportion_interval

DATA = Path(os.environ.get("SEMTUNE_DATA", Path(__file__).parents[2] / "shared" / "data"))
TEACHER = "all-MiniLM-L6-v2"
LANGUAGES = ("de", "zh", "es")  # of XQuAD
TAUGHT = ("de", "zh", "fr")  # of STS-B
LINES, PAIRS, MOST = 1_000, 6_000, 3_000  # a language of Tatoeba, translations to learn from, texts of a set
QUICK = (50, 600, 300)
PROMPTS = {
    "as published": {"query": "query: ", "document": "passage: "},
    "query on both sides": {"query": "query: ", "document": "query: "},
    "passage on both sides": {"query": "passage: ", "document": "passage: "},
    "none": {},
}


def main() -> None:
    """Measure and publish."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    only = words.pop() if "--only" in sys.argv and len(words) > 1 else ""
    if not words:
        sys.exit("Give the folder of multilingual-e5-small: python benchmarks/uses_languages.py FOLDER")
    lines, pairs, most = QUICK if "--quick" in sys.argv else (LINES, PAIRS, MOST)
    folder = Path(words[0])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        parts = {
            "prompts": lambda: by_prompts(folder, work, questions=most),
            "pairs": lambda: {str(model): by_pair(model, work, lines) for model in (TEACHER, folder)},
            "alarms": lambda: alarms(most),
            "distil": lambda: distilled(folder, work, pairs, questions=most),
        }
        found = {part: run() for part, run in parts.items() if only in ("", part)}
    publish("uses_languages", {"what": "search across languages", **found})


def by_prompts(folder: Path, work: Path, questions: int) -> dict[str, dict[str, float]]:
    """Ways of putting prompts → language of the questions → accuracy@1 among the English passages."""
    place = xquad(work / "xquad", ("de", "zh"), questions)
    found = {}
    for way, prompts in PROMPTS.items():
        variant = work / way.replace(" ", "-")
        shutil.copytree(folder, variant, copy_function=os.symlink)
        (variant / "config_sentence_transformers.json").unlink()
        config = {"prompts": prompts, "default_prompt_name": None, "similarity_fn_name": "cosine"}
        (variant / "config_sentence_transformers.json").write_text(json.dumps(config), encoding="utf-8")
        matrix = semtune("evaluate", variant, place)["matrix"]
        found[way] = {language: matrix[language]["en"] for language in ("de", "zh")}
    return found


def by_pair(model: str | Path, work: Path, lines: int) -> dict[str, Any]:
    """All pairs of Tatoeba: the means, the weakest and what is weak."""
    place = work / "tatoeba"
    if not place.exists():
        place.mkdir()
        for file in (DATA / "tatoeba").glob("tatoeba.*-eng.*"):
            kept = file.read_text(encoding="utf-8").removesuffix("\n").split("\n")[:lines]
            (place / file.name).write_text("\n".join(kept) + "\n", encoding="utf-8")
    found = semtune("evaluate", model, place)
    pairs = [each for each in found["language_pairs"] if each["target"] == "eng"]
    return {
        "accuracy@1": found["accuracy@1"],
        "pairs": len(pairs),
        "weak": sum(each["weak"] for each in pairs),
        "below_half": sum(each["accuracy@1"] < 0.5 for each in pairs),
        "to_english": {each["source"]: [each["accuracy@1"], *each["interval"]] for each in pairs},
        "unknown_tokens": {code: each["unknown_tokens"] for code, each in found["languages"].items()},
    }


def alarms(most: int) -> dict[str, dict[str, Any]]:
    """Set of queries → share that is told to be in a language an English model is weak in, with interval and time."""
    known = Languages(TEACHER, made_for=frozenset({"en"}))
    weak_language("Wie viele Punkte gab die Verteidigung der Panthers ab?", known)  # the model is read
    found = {}
    for name, texts in query_sets():
        texts = texts[:: -(-len(texts) // most)]
        started = time.perf_counter()
        told = sum(weak_language(text, known) is not None for text in texts)
        took = 1000 * (time.perf_counter() - started) / len(texts)
        found[name] = {
            "n": len(texts), "told": told / len(texts), "interval": proportion_interval(told, len(texts)), "ms": took
        }  # fmt: skip
    return found


def query_sets() -> Iterator[tuple[str, list[str]]]:
    """English queries of several kinds, then questions and sentences in other languages."""
    yield "SciFact", _texts(DATA / "scifact" / "queries.jsonl")
    yield "MedQuAD/LiveQA", _texts(DATA / "medquad_liveqa" / "queries.jsonl")
    yield "Chorus products", _texts(DATA / "chorus_products" / "queries.jsonl")
    pages = [page for page in _rows(DATA / "tldr" / "pages.jsonl.gz") if page["lang"] == "en"]
    yield "tldr", [example["what"] for page in pages for example in page["examples"]]
    headings = dict.fromkeys(row["heading"] for row in _rows(DATA / "debian_docs" / "passages.jsonl.gz"))
    yield "debian_docs, Latin letters", [text for text in headings if text and all(ord(char) < 0x250 for char in text)]
    yield "XQuAD en", _texts(DATA / "xquad" / "beir_en" / "queries.jsonl")
    for language in ("de", "es", "ro", "tr", "vi", "ru", "el", "ar", "hi", "th", "zh"):
        yield f"XQuAD {language}", _texts(DATA / "xquad" / f"beir_{language}" / "queries.jsonl")
    for language in ("deu", "fra", "spa", "ita", "nld", "swe", "pol", "por", "ind", "fin", "jpn", "kor"):
        file = DATA / "tatoeba" / f"tatoeba.{language}-eng.{language}"
        yield f"Tatoeba {language}", file.read_text(encoding="utf-8").splitlines()


def distilled(folder: Path, work: Path, pairs: int, questions: int) -> dict[str, Any]:
    """The teacher, and its student, on questions in other languages; the passages are English."""
    table, student, place = work / "parallel.csv", work / "student", xquad(work / "taught", LANGUAGES, questions)
    parallel(table, pairs)
    options = ("--set", "freeze_layers=4", "--set", "learning_rate=3e-4", "--set", "num_train_epochs=2")
    facts = semtune(
        "distil", TEACHER, "--to", "multilingual", "--student", folder, "--data", table, "-o", student, *options
    )
    found = semtune("evaluate", student, place, "--against", TEACHER, "-o", work / "judged")
    saved = json.loads((work / "judged" / "metrics.json").read_text(encoding="utf-8"))
    kept = ("value", "n", "other", "tuned", "gain", "interval", "p_corrected")
    compared = {each["value"]: {key: each[key] for key in kept} for each in saved["compared_language_pairs"]}
    return {
        "pairs": pairs, "cosine_before": facts["cosine_before"], "cosine": facts["cosine"],
        "verdict": found["sentence"],
        "to_english": {name: each for name, each in compared.items() if name.endswith("→ English")},
        "stsb": {language: stsb(student, language) for language in ("en", *TAUGHT)},
    }  # fmt: skip


def parallel(table: Path, most: int) -> None:
    """Sentences of STS-B's train part with their translations, the languages in turn; no sentence twice."""
    rows = {
        language: list(csv.reader((DATA / "stsb" / f"stsb-{language}-train.csv").read_text("utf-8").splitlines()))
        for language in ("en", *TAUGHT)
    }
    made: dict[str, str] = {}
    for number, (english, *_) in enumerate(rows["en"]):
        made.setdefault(english, rows[TAUGHT[len(made) % len(TAUGHT)]][number][0])
    with table.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("anchor", "positive"), *list(made.items())[:most]])


def stsb(student: Path, language: str) -> dict[str, Any]:
    """Spearman of teacher and student on the test part of one language."""
    found = semtune("evaluate", student, DATA / "stsb" / f"stsb-{language}-test.csv", "--against", TEACHER)
    return {key: found[key] for key in ("spearman", "gain", "interval", "verdict")}


def xquad(place: Path, languages: tuple[str, ...], questions: int) -> Path:
    """XQuAD in English and these languages, with the first questions only."""
    for language in ("en", *languages):
        source, into = DATA / "xquad" / f"beir_{language}", place / f"beir_{language}"
        (into / "qrels").mkdir(parents=True)
        shutil.copy(source / "corpus.jsonl", into)
        shutil.copy(source / "queries.jsonl", into)
        judged = (source / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()
        (into / "qrels" / "test.tsv").write_text("\n".join(judged[: questions + 1]) + "\n", encoding="utf-8")
    return place


def _rows(path: Path) -> list[dict[str, Any]]:
    read = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in read.splitlines()]


def _texts(path: Path) -> list[str]:
    return [row["text"] for row in _rows(path)]


if __name__ == "__main__":
    main()
