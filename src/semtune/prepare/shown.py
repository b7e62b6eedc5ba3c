"""The parts of the data set page as HTML. Everything that comes from data is escaped here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from semtune.dataset import Dataset
from semtune.page.parts import number_table, snippet
from semtune.prepare.languages import LOOKED_AT, UNKNOWN
from semtune.types import SPLITS

EXAMPLES = 6  # pairs of near duplicates shown of each sort
LANGUAGES_SHOWN = 12
KINDS = {
    "folder": "a folder of documents",
    "file": "one document",
    "table": "a table",
    "tables": "tables by split",
    "beir": "a BEIR folder",
    "dataset": "a finished data set, unchanged",
    "python-docs": "the documentation of Python",
}
READ = (  # what a source is counted in, the first that is there
    ("files", "files read"), ("docstrings", "docstrings read"), ("rows", "rows read"), ("lines", "lines read"),
)  # fmt: skip
LENGTHS = {
    "documents": "documents, as they are indexed",
    "passages": "passages, as they are judged",
    "queries": "questions",
}
LANGUAGE_NOTE = (
    "Languages are told by script and commonest words, without a model; short texts often say too little and count as "
    "unknown."
)
NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "gu": "Gujarati",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian or Malay", "it": "Italian", "ja": "Japanese", "ka": "Georgian",
    "km": "Khmer", "kn": "Kannada", "ko": "Korean", "lo": "Lao", "lt": "Lithuanian", "ml": "Malayalam", "my": "Burmese",
    "nb": "Norwegian", "nl": "Dutch", "pa": "Punjabi", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "ru": "Russian", "si": "Sinhala", "sk": "Slovak", "sr": "Serbian", "sv": "Swedish", "ta": "Tamil", "te": "Telugu",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "zh": "Chinese",
    "und-Deva": "in Devanagari (Hindi, Marathi, Nepali ...)", "und-Ethi": "in Ethiopic script (Amharic ...)",
    "und-Hebr": "in Hebrew script", UNKNOWN: "unknown",
}  # fmt: skip


def verdict(report: Mapping[str, Any]) -> str:
    """Warnings first, in words; then what the data set holds, in a sentence."""
    found, warnings = report.get("leaks", {}), list(report.get("warnings", []))
    if found.get("found"):
        shared = ", ".join(f"{count:,} × {sort}" for sort, count in found.get("by_sort", {}).items() if count)
        warnings.insert(0, f"Train shares something with dev or test: {shared}. Scores will be too good.")
    kind = "do-not-ship" if found.get("found") else "cannot-judge" if warnings else "ship"
    count = len(warnings)
    head = _many(count, "warning") if warnings else "No warnings"
    lines = "".join(f"<p>{escape(line)}</p>" for line in [*warnings, _summary(report)])
    return f'<section class="verdict {kind}"><h2>{head}</h2>{lines}</section>'


def _summary(report: Mapping[str, Any]) -> str:
    counts, tokens, dropped = report.get("counts", {}), report.get("tokens", {}), report.get("dropped", {})
    left_out = sum(entry["count"] for entry in dropped.values())
    told = [f"{counts.get('passages', 0):,} passages"]
    if questions := sum(counts.get("queries", {}).values()):
        told.append(f"{questions:,} questions")
    rows = counts.get("pairs") or counts.get("scored pairs") or {}
    told.append(f"{rows.get('train', 0):,} training {'pairs' if counts.get('pairs') else 'rows'}")
    text = ", ".join(told) + f". {left_out:,} things were left out, for {_many(len(dropped), 'reason')}."
    if tokens:
        cut = _many(tokens["truncated"], "text is", "texts are") if tokens["truncated"] else "No text is"
        text += f" {cut} longer than the model's {tokens['limit']} tokens."
    return text


def flow(report: Mapping[str, Any]) -> str:
    """What came in and what came out, step by step."""
    counts = report.get("counts", {})
    steps: list[tuple[str, str]] = [(f"{counts[name]:,}", label) for name, label in READ if name in counts][:1]
    if "sections" in counts:
        steps.append((f"{counts['sections']:,}", "sections"))
    what = "distinct sentences" if counts.get("scored pairs") else "passages"
    steps.append((f"{counts.get('passages', 0):,}", what))
    if questions := sum(counts.get("queries", {}).values()):
        steps.append((f"{questions:,}", "questions"))
    rows = counts.get("pairs") or counts.get("scored pairs") or {}
    steps.append((" · ".join(f"{rows.get(split, 0):,}" for split in SPLITS), "pairs to train · dev · test"))
    cells = "".join(f"<li><b>{number}</b><small>{escape(label)}</small></li>" for number, label in steps)
    return f'<ol class="flow">{cells}</ol>'


def dropped_table(dropped: Mapping[str, Any]) -> str:
    """Each reason with its count and an example, the most frequent first."""
    if not dropped:
        return "<p>Nothing.</p>"
    rows = "".join(
        f'<tr><th class="why">{escape(reason)}<small>e.g. {snippet(str(entry["example"]))}</small></th>'
        f'<td class="number">{entry["count"]:,}</td></tr>'
        for reason, entry in sorted(dropped.items(), key=lambda item: -item[1]["count"])
    )
    return f'<table class="counts"><tbody>{rows}</tbody></table>'


def lengths_caption(name: str, spread: Mapping[str, Any], limit: int) -> str:
    """What a histogram of lengths says, in words."""
    total = sum(spread["histogram"]["counts"])
    cut = spread["truncated"]
    fate = (
        f"<b>{cut:,} of {total:,} ({cut / total:.1%}) are longer than {limit} tokens</b>: the model reads their beginning only."
        if cut
        else f"All {total:,} fit into the model's {limit} tokens."
    )
    return (
        f"<b>{LENGTHS[name].capitalize()}</b>: half have up to {spread['median']:,} tokens, 95 % up to {spread['p95']:,}, "
        f"the longest {spread['max']:,}. {fate}"
    )


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def languages(found: Mapping[str, Mapping[str, int]]) -> str:
    """Bars by language, of passages and of questions."""
    return f'<div class="parts">{"".join(_language_table(*item) for item in found.items())}</div>'


def _language_table(what: str, counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    shown = sorted(counts.items(), key=lambda item: (item[0] == UNKNOWN, -item[1]))
    rest = sum(count for _, count in shown[LANGUAGES_SHOWN:])
    rows = [(NAMES.get(code, code), count) for code, count in shown[:LANGUAGES_SHOWN]]
    cells = "".join(
        f'<tr><th>{escape(name)}<span class="bar" style="width:{100 * count / total:.1f}%"></span></th>'
        f'<td class="number">{escape(_share(count / total))}</td></tr>'
        for name, count in [*rows, *([("other", rest)] if rest else [])]
    )
    caption = {"passages": "passages", "queries": "questions"}.get(what, what)
    looked = f"{total:,} {caption}" + (" looked at" if total >= LOOKED_AT / 2 else "")
    return f'<div><p class="sub">{looked}</p><table class="counts"><tbody>{cells}</tbody></table></div>'


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "< 0.1%"


def questions_by_source(counts: Mapping[str, Any]) -> str:
    """Where the questions come from, by split; nothing where the source asked them itself."""
    found = counts.get("questions by source")
    if not found:
        return ""
    head = "".join(f"<th>{split}</th>" for split in SPLITS)
    rows = "".join(
        f"<tr><th>{escape(str(source))}</th>" + "".join(f"<td>{row.get(split, 0):,}</td>" for split in SPLITS) + "</tr>"
        for source, row in sorted(found.items(), key=lambda item: -sum(item[1].values()))
    )
    return (
        '<section class="card"><h2>Where the questions come from</h2><div class="scroll"><table>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def leaks(found: Mapping[str, Any]) -> str:
    """What was looked for, what was taken out, what is left."""
    if not found.get("checked"):
        return "<p>Not looked for.</p>"
    if not found.get("held_out"):
        return "<p>Nothing is held out in this data set: there is nothing to compare train with.</p>"
    head = (
        f"<p>{found['held_out']:,} held-out texts were compared with all that is trained on. {found.get('removed', 0):,} "
        f"training rows were taken out; <b>{found['found']:,} leaks are left</b> ({found['share']:.2%}).</p>"
    )
    examples = found.get("examples", {})
    rows = "".join(
        f'<tr><th class="why">{escape(sort)}{"".join(f"<small>{snippet(text)}</small>" for text in examples.get(sort, []))}'
        f'</th><td class="number">{count:,}</td></tr>'
        for sort, count in found.get("by_sort", {}).items()
    )
    return f'{head}<table class="counts"><tbody>{rows}</tbody></table>'


def alike(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Near duplicates side by side."""
    return "".join(
        f"<details open><summary><h2>{escape(name[:1].upper() + name[1:])}</h2>"
        f"<span>{_many(min(len(pairs), EXAMPLES), 'example')}</span></summary>"
        + "".join(
            f'<article><header><span class="change">{pair["similarity"]:.0%}</span><div class="case"><p>alike</p></div>'
            f"</header>{_sides(('one', pair['one']), ('other', pair['two']))}</article>"
            for pair in pairs[:EXAMPLES]
        )
        + "</details>"
        for name, pairs in found.items()
        if pairs
    )


def samples(dataset: Dataset) -> str:
    """A few training rows, with their negatives where there are any."""
    rows = dataset.report.get("sample", [])
    if not rows:
        return ""
    negatives = {pair.anchor: pair.negatives for pair in dataset.pairs.get("train", [])}
    cards = "".join(_sample(row, negatives) for row in rows)
    return f"<details open><summary><h2>Training rows, drawn by lot</h2><span>{len(rows)}</span></summary>{cards}</details>"


def _sample(row: Mapping[str, Any], negatives: Mapping[str, Sequence[str]]) -> str:
    if "score" in row:
        return (
            f'<article><header><span class="change">{row["score"]:.2f}</span><div class="case">'
            f'<p class="query">{snippet(row["sentence1"])}</p><p class="query">{snippet(row["sentence2"])}</p></div>'
            "</header></article>"
        )
    source = f"<p>asked by: {escape(str(row['source']))}</p>" if row.get("source") else ""
    wrong = [("negative", text) for text in negatives.get(row["anchor"], ())[:3]]
    return (
        f'<article><header><div class="case"><p class="query">{snippet(row["anchor"])}</p>{source}</div></header>'
        f"{_sides(('answer', row['positive']), *wrong)}</article>"
    )


def negatives(facts: Mapping[str, Any]) -> str:
    """What mining came to, and examples with scores."""
    if not facts:
        return ""
    numbers = {name.replace("_", " "): value for name, value in facts.items() if isinstance(value, int | str)}
    for name, inner in facts.items():
        if isinstance(inner, Mapping):
            words = {key: value for key, value in inner.items() if not isinstance(value, Mapping | list)}
            numbers |= {f"{name}: {key}": value for key, value in words.items()}
            numbers |= {f"{name}, {key}": _words(value) for key, value in inner.items() if isinstance(value, Mapping)}
    cards = "".join(_negative(example) for example in facts.get("examples", []))
    shown = (
        f"<details open><summary><h2>Hard negatives</h2><span>examples</span></summary>{cards}</details>"
        if cards
        else ""
    )
    return f'<section class="card"><h2>Mining of hard negatives</h2>{number_table(numbers)}</section>{shown}'


def _negative(example: Any) -> str:
    if not isinstance(example, Mapping):
        return f"<article>{snippet(str(example))}</article>"
    sides = [("answer", example.get("positive", ""), example.get("positive_score"))]
    for row in example.get("negatives", ()):
        text, score = (row.get("text", ""), row.get("score")) if isinstance(row, Mapping) else (str(row), None)
        sides.append(("negative", text, score))
    told = [(f"{who} {score:.2f}" if isinstance(score, float) else who, str(text)) for who, text, score in sides]
    return (
        f'<article><header><div class="case"><p class="query">{snippet(str(example.get("anchor", "")))}</p></div></header>'
        f"{_sides(*told)}</article>"
    )


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _sides(*sides: tuple[str, str]) -> str:
    cells = "".join(
        f'<div class="hit"><p class="who">{escape(who)}</p><p>{snippet(text)}</p></div>' for who, text in sides
    )
    return f'<div class="sides">{cells}</div>'
