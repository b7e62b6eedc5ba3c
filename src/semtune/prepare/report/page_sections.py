"""The sections of the data set page as plain values; the template holds the HTML and escapes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from semtune.languages.identify import UNKNOWN
from semtune.prepare.report.labels import LANGUAGES, LEAKS, LENGTHS, SOURCES
from semtune.report.elements import Cell, Count, Row, Table
from semtune.types import SPLITS

LANGUAGES_SHOWN = 12
RARE = 0.005  # rarer languages are shown together: most of them are mistakes of the detection
READ = (  # what a source is counted in; the first that is there is shown
    ("files", "files read"), ("docstrings", "docstrings read"), ("rows", "rows read"), ("lines", "lines read"),
)  # fmt: skip

CLASSES = "texts with classes"
ROWS = ("pairs", "scored pairs", "labelled pairs", CLASSES)  # what a data set is trained on; the first that is there


@dataclass(frozen=True, slots=True)
class Bar:
    """A language with its share of the texts; `width` in percent."""

    name: str
    width: str
    share: str


@dataclass(frozen=True, slots=True)
class LanguageMix:
    """The languages of the passages or of the questions."""

    title: str
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class LeakCheck:
    """What the comparison of train with dev and test found.

    Attributes:
        checked: whether there was one.
        held_out: texts of dev and test.
        removed: training rows that were taken out.
        found: leaks that are left.
        share: of these, in percent.
        kinds: of leaks, with examples.
    """

    checked: bool
    held_out: int
    removed: int
    found: int
    share: str
    kinds: list[Count]


def training_rows(counts: Mapping[str, Any]) -> Mapping[str, int]:
    """The number of rows to train on, by split."""
    return next((counts[name] for name in ROWS if counts.get(name)), {})


def corpus_name(counts: Mapping[str, Any]) -> str:
    """What the corpus is made of."""
    if counts.get(CLASSES):
        return "distinct texts"
    return "distinct sentences" if counts.get("scored pairs") or counts.get("labelled pairs") else "passages"


def flow(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What came in and what came out, step by step: a number and what it counts."""
    counts = report.get("counts", {})
    steps: list[tuple[str, str]] = [(f"{counts[name]:,}", label) for name, label in READ if name in counts][:1]
    if "sections" in counts:
        steps.append((f"{counts['sections']:,}", "sections"))
    steps.append((f"{counts.get('passages', 0):,}", corpus_name(counts)))
    if questions := sum(counts.get("queries", {}).values()):
        steps.append((f"{questions:,}", "questions"))
    rows = training_rows(counts)
    what = "texts with classes" if counts.get(CLASSES) else "pairs"
    if classes := counts.get("classes") if counts.get(CLASSES) else None:
        steps.append((" · ".join(f"{classes.get(split, 0):,}" for split in SPLITS), "classes in train · dev · test"))
    steps.append((" · ".join(f"{rows.get(split, 0):,}" for split in SPLITS), f"{what} to train · dev · test"))
    return steps


def left_out(report: Mapping[str, Any], *, questions_only: bool) -> list[Count]:
    """The reasons why something was left out, the most frequent first, each with an example.

    Args:
        report: of the data set.
        questions_only: those that cost a question and nothing else, or all others.
    """
    found = report.get("dropped", {})
    rows = [
        Count(reason, entry["count"], [str(entry["example"])])
        for reason, entry in found.items()
        if costs_a_question_only(reason) is questions_only
    ]
    return sorted(rows, key=lambda row: -row.count)


def costs_a_question_only(reason: str) -> bool:
    """Whether a reason to leave something out costs a question only, and no text, row or label."""
    costs = ("question: ", "question of dev or test: ", "link: ", "synthetic: ")
    return reason.startswith(costs) or " left in its section: " in reason


def lengths_name(name: str, report: Mapping[str, Any]) -> str:
    """What the texts are called whose lengths are `documents`, `passages` or `queries` in the report."""
    tokens = report["tokens"]
    if name != "queries" and tokens.get("documents", tokens["passages"]) == tokens["passages"]:
        return corpus_name(report.get("counts", {}))
    return LENGTHS[name]


def lengths_caption(name: str, report: Mapping[str, Any]) -> tuple[str, str]:
    """What a histogram of lengths says: a caption, and an alert where texts are cut."""
    spread, limit = report["tokens"][name], report["tokens"]["limit"]
    total, cut = sum(spread["histogram"]["counts"]), spread["truncated"]
    caption = (
        f"half have at most {spread['median']:,} tokens, 95 % at most {spread['p95']:,}, "
        f"the longest has {spread['max']:,}."
    )
    alert = ""
    if cut:
        share = f"{cut:,} of {total:,} ({cut / total:.1%})"
        alert = f"{share} are longer than {limit} tokens: the model reads only their beginning."
    else:
        caption += f" All {total:,} fit into the model's {limit} tokens."
    asked = sum(report.get("counts", {}).get("queries", {}).values())
    if name == "queries" and total > asked:  # queries.jsonl keeps them
        caption += f" {total - asked:,} of them lost their labels when the data was split and are not used."
    return caption, alert


def languages(report: Mapping[str, Any]) -> list[LanguageMix]:
    """The languages of the passages and of the questions."""
    found, counts = report.get("languages", {}), report.get("counts", {})
    asked = sum(report.get("tokens", {}).get("queries", {}).get("histogram", {}).get("counts", []))
    names = {"passages": corpus_name(counts), "queries": "questions"}
    existing = {"passages": counts.get("passages", 0), "queries": asked}
    return [_language_mix(str(names.get(what, what)), existing.get(what, 0), shares) for what, shares in found.items()]


def _language_mix(what: str, existing: int, counts: Mapping[str, int]) -> LanguageMix:
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda item: (item[0] == UNKNOWN, -item[1]))
    named = [row for row in ordered[:LANGUAGES_SHOWN] if row[1] >= RARE * total and row[0] != UNKNOWN]
    unknown = counts.get(UNKNOWN, 0)
    rest = total - unknown - sum(count for _, count in named)
    rows = [*named, *(row for row in (("others", rest), (UNKNOWN, unknown)) if row[1])]
    bars = [Bar(LANGUAGES.get(code, code), f"{100 * count / total:.1f}", _share(count / total)) for code, count in rows]
    return LanguageMix(
        f"A sample of {total:,} of {existing:,} {what}" if existing > total else f"{total:,} {what}", bars
    )


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "< 0.1%"


def questions_by_source(report: Mapping[str, Any]) -> Table | None:
    """How the questions were made, by split and for each document; None where they came with the source."""
    found = report.get("counts", {}).get("questions by source")
    if not found:
        return None
    rates = report.get("yield", {}).get("by source", {})
    rows = [
        Row(
            Cell(str(source), notes=[SOURCES[source]] if source in SOURCES else []),
            [*(f"{row.get(split, 0):,}" for split in SPLITS), *([f"{rates.get(source, 0):.2f}"] if rates else [])],
        )
        for source, row in sorted(found.items(), key=lambda item: -sum(item[1].values()))
    ]
    return Table(["", *SPLITS, *(["a document"] if rates else [])], rows)


def leaks(report: Mapping[str, Any]) -> LeakCheck:
    """What was compared, what was taken out, what is left."""
    found = report.get("leaks", {})
    examples = found.get("examples", {})
    return LeakCheck(
        checked=bool(found.get("checked")),
        held_out=found.get("held_out", 0),
        removed=found.get("removed", 0),
        found=found.get("found", 0),
        share=f"{found.get('share', 0):.2%}",
        kinds=[
            Count(LEAKS.get(str(kind), str(kind)), count, examples.get(kind, []))
            for kind, count in found.get("by_sort", {}).items()
        ],
    )
