"""The parts of the data set page as HTML. Everything that comes from data is escaped here."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from semtune.prepare.report.languages import UNKNOWN
from semtune.report.shell import snippet
from semtune.types import SPLITS

LANGUAGES_SHOWN = 12
RARE = 0.005  # rarer languages are put together: among so few the mistakes are
KINDS = {
    "folder": "a folder of documents",
    "file": "one document",
    "table": "a table",
    "tables": "tables by split",
    "splits": "a folder with tables by split",
    "beir": "a BEIR folder",
    "hub": "a retrieval task in mteb's tables",
    "marco": "a folder in MS MARCO's layout",
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
    "unknown. A question taken out of a document counts in the language of its passage where it says too little itself."
)
SORTS = {  # of leaks
    "document": "documents judged in both",
    "group": "groups (a document, a module, a topic) that are in both",
    "text": "questions or passages that are the same but for case and white space",
    "near-duplicate question": "questions that are nearly the same",
    "near-duplicate passage": "passages that are nearly the same, or hold a copy",
    "scored pair": "scored pairs that are the same",
    "near-duplicate scored pair": "scored pairs that are nearly the same",
}
SOURCES = {
    "heading": "titles and headings", "summary": "first sentences of docstrings", "faq": "headings and lines that are questions",
    "definition": "terms that are defined", "link": "what links say", "neighbour": "passages, for the next one",
    "cloze": "sentences taken out of a passage", "synthetic": "questions made up by a language model",
}  # fmt: skip
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
    head = many(count, "warning") if warnings else "No warnings"
    lines = "".join(f"<p>{escape(line)}</p>" for line in [*warnings, _summary(report)])
    return f'<section class="verdict {kind}"><h2>{head}</h2>{lines}</section>'


def _summary(report: Mapping[str, Any]) -> str:
    counts, tokens, dropped = report.get("counts", {}), report.get("tokens", {}), report.get("dropped", {})
    reasons = [reason for reason in dropped if not asks_nothing(reason)]
    left_out = sum(dropped[reason]["count"] for reason in reasons)
    told = [f"{counts.get('passages', 0):,} {_texts(counts)}"]
    if questions := sum(counts.get("queries", {}).values()):
        told.append(f"{questions:,} questions")
    rows = judged_rows(counts)
    told.append(f"{rows.get('train', 0):,} training {'pairs' if counts.get('pairs') else 'rows'}")
    text = (
        ", ".join(told)
        + f". {many(left_out, 'thing was', 'things were')} left out, for {many(len(reasons), 'reason')}."
    )
    if tokens:
        cut = many(tokens["truncated"], "text is", "texts are") if tokens["truncated"] else "No text is"
        text += f" {cut} longer than the model's {tokens['limit']} tokens."
    return text


def judged_rows(counts: Mapping[str, Any]) -> Mapping[str, int]:
    """Rows to train on, by split."""
    return counts.get("pairs") or counts.get("scored pairs") or counts.get("labelled pairs") or {}


def _texts(counts: Mapping[str, Any]) -> str:
    """What the corpus is made of."""
    return "distinct sentences" if counts.get("scored pairs") or counts.get("labelled pairs") else "passages"


def flow(report: Mapping[str, Any]) -> str:
    """What came in and what came out, step by step."""
    counts = report.get("counts", {})
    steps: list[tuple[str, str]] = [(f"{counts[name]:,}", label) for name, label in READ if name in counts][:1]
    if "sections" in counts:
        steps.append((f"{counts['sections']:,}", "sections"))
    steps.append((f"{counts.get('passages', 0):,}", _texts(counts)))
    if questions := sum(counts.get("queries", {}).values()):
        steps.append((f"{questions:,}", "questions"))
    rows = judged_rows(counts)
    steps.append((" · ".join(f"{rows.get(split, 0):,}" for split in SPLITS), "pairs to train · dev · test"))
    cells = "".join(f"<li><b>{number}</b><small>{escape(label)}</small></li>" for number, label in steps)
    return f'<ol class="flow">{cells}</ol>'


def dropped(found: Mapping[str, Any]) -> str:
    """Each reason with its count and an example, the most frequent first; apart, what only asks no question."""
    parts = [{r: e for r, e in found.items() if asks_nothing(r) is silent} for silent in (False, True)]
    out = f'<section class="card"><h2>What was left out, and why</h2>{_reasons(parts[0])}</section>'
    if parts[1]:
        out += (
            '<section class="card"><h2>What asks no question, and why</h2><p class="sub">Headings, links and terms; '
            f"the text that they stand over is kept.</p>{_reasons(parts[1])}</section>"
        )
    return out


def asks_nothing(reason: str) -> bool:
    """Whether a reason to leave something out costs a question only, and no text, row or label."""
    return reason.startswith(("question: ", "link: ", "synthetic: ")) or " left in its section: " in reason


def _reasons(found: Mapping[str, Any]) -> str:
    if not found:
        return "<p>Nothing.</p>"
    rows = "".join(
        f'<tr><th class="why">{escape(reason)}<small>e.g. {snippet(str(entry["example"]))}</small></th>'
        f'<td class="number">{entry["count"]:,}</td></tr>'
        for reason, entry in sorted(found.items(), key=lambda item: -item[1]["count"])
    )
    return f'<table class="counts"><tbody>{rows}</tbody></table>'


def measured(name: str, report: Mapping[str, Any]) -> str:
    """What the texts are called whose lengths are `documents`, `passages` or `queries` in the report."""
    tokens = report["tokens"]
    if name != "queries" and tokens.get("documents", tokens["passages"]) == tokens["passages"]:
        return _texts(report.get("counts", {}))
    return LENGTHS[name]


def lengths_caption(name: str, report: Mapping[str, Any]) -> str:
    """What a histogram of lengths says, in words."""
    spread, limit = report["tokens"][name], report["tokens"]["limit"]
    total, cut = sum(spread["histogram"]["counts"]), spread["truncated"]
    fate = (
        f"<b>{cut:,} of {total:,} ({cut / total:.1%}) are longer than {limit} tokens</b>: the model reads their beginning only."
        if cut
        else f"All {total:,} fit into the model's {limit} tokens."
    )
    asked = sum(report.get("counts", {}).get("queries", {}).values())
    if name == "queries" and total > asked:  # queries.jsonl keeps them
        fate += f" {total - asked:,} of them lost their labels to the split and are not asked."
    return (
        f"<b>{measured(name, report).capitalize()}</b>: half have up to {spread['median']:,} tokens, 95 % up to "
        f"{spread['p95']:,}, the longest {spread['max']:,}. {fate}"
    )


def many(count: int, one: str, more: str = "") -> str:
    """A count with its noun, in the singular or plural."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def languages(report: Mapping[str, Any]) -> str:
    """Bars by language, of passages and of questions."""
    found, counts = report.get("languages", {}), report.get("counts", {})
    asked = sum(report.get("tokens", {}).get("queries", {}).get("histogram", {}).get("counts", []))
    names = {"passages": _texts(counts), "queries": "questions"}
    existing = {"passages": counts.get("passages", 0), "queries": asked}
    tables = (
        _language_table(str(names.get(what, what)), existing.get(what, 0), shares) for what, shares in found.items()
    )
    return f'<div class="parts">{"".join(tables)}</div>'


def _language_table(what: str, existing: int, counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    shown = sorted(counts.items(), key=lambda item: (item[0] == UNKNOWN, -item[1]))
    named = [row for row in shown[:LANGUAGES_SHOWN] if row[1] >= RARE * total and row[0] != UNKNOWN]
    unknown = counts.get(UNKNOWN, 0)
    rest = total - unknown - sum(count for _, count in named)
    cells = "".join(
        f'<tr><th>{escape(NAMES.get(code, code))}<span class="bar" style="width:{100 * count / total:.1f}%"></span></th>'
        f'<td class="number">{escape(_share(count / total))}</td></tr>'
        for code, count in [*named, *(row for row in (("others", rest), (UNKNOWN, unknown)) if row[1])]
    )
    looked = f"{total:,} of {existing:,} {what} looked at" if existing > total else f"{total:,} {what}"
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
        f"<tr><th>{escape(str(source))}<small>{escape(SOURCES.get(str(source), ''))}</small></th>"
        + "".join(f"<td>{row.get(split, 0):,}</td>" for split in SPLITS)
        + "</tr>"
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
        f'<tr><th class="why">{escape(SORTS.get(str(sort), str(sort)))}{"".join(f"<small>{snippet(text)}</small>" for text in examples.get(sort, []))}'
        f'</th><td class="number">{count:,}</td></tr>'
        for sort, count in found.get("by_sort", {}).items()
    )
    return f'{head}<table class="counts"><tbody>{rows}</tbody></table>'
