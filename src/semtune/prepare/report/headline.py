"""The headline of the data set page: whether the data set is fit for training, what it holds, and the warnings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from semtune.prepare.report.page_sections import CLASSES, corpus_name, costs_a_question_only, training_rows
from semtune.report.elements import Headline, Note, many


def headline(report: Mapping[str, Any]) -> Headline:
    """Whether the data set is fit for training, what it holds, and the warnings."""
    found, warnings = report.get("leaks", {}), list(report.get("warnings", []))
    if found.get("found"):
        shared = ", ".join(f"{count:,} × {kind}" for kind, count in found.get("by_sort", {}).items() if count)
        warnings.insert(0, f"Train shares texts with dev or test: {shared}. Scores will be too good.")
    if found.get("found"):
        tone, title = "bad", "Not ready: train and test overlap"
    elif warnings:
        tone, title = "unsure", f"Ready, with {many(len(warnings), 'warning')}"
    else:
        tone, title = "good", "Ready: no warnings"
    if not training_rows(report.get("counts", {})).get("train"):
        tone, title = "unsure", f"Nothing to train on; {many(len(warnings), 'warning') if warnings else 'no warnings'}"
    return Headline(tone, title, _holds(report), [Note(line) for line in [*warnings, _left_out(report)]])


def _holds(report: Mapping[str, Any]) -> str:
    counts = report.get("counts", {})
    parts = [f"{counts.get('passages', 0):,} {corpus_name(counts)}"]
    if questions := sum(counts.get("queries", {}).values()):
        parts.append(many(questions, "question"))
    rows = training_rows(counts).get("train", 0)
    if counts.get(CLASSES):
        parts.append(many(max(counts["classes"].values()), "class", "classes"))
    parts.append(many(rows, "training pair" if counts.get("pairs") else "training row"))
    return f"This data set holds {', '.join(parts[:-1])} and {parts[-1]}."


def _left_out(report: Mapping[str, Any]) -> str:
    found, tokens = report.get("dropped", {}), report.get("tokens", {})
    reasons = [reason for reason in found if not costs_a_question_only(reason)]
    count = sum(found[reason]["count"] for reason in reasons)
    text = "Nothing was left out."
    if count:
        text = f"{many(count, 'thing was', 'things were')} left out, for {many(len(reasons), 'reason')}."
    if tokens:
        cut = many(tokens["truncated"], "text is", "texts are") if tokens["truncated"] else "No text is"
        text += f" {cut} longer than the model's limit of {tokens['limit']} tokens."
    return text
