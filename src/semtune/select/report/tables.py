"""The tables of a choice's page as HTML. Everything that comes from names and files is escaped here."""

from __future__ import annotations

import math
from html import escape

from semtune.select.cost import index_mb
from semtune.select.quality import Quality
from semtune.select.rows import Row
from semtune.select.select_backbone import Selection
from semtune.select.smaller import Smaller

WAYS = {"whole": "whole", "first": "its first dimensions", "pca": "PCA fitted on train"}


def main(selection: Selection) -> str:
    """A row a candidate: quality before and after, speed, size, licence."""
    head = [
        "", f"untouched<small>dev {selection.label}</small>", "best shown<small>95 % interval</small>",
        "one query<small>p50, p95</small>", "texts/s", "dimensions", "licence",
    ]  # fmt: skip
    return _table(head, [_main_row(row, selection.choice.name) for row in selection.rows])


def _main_row(row: Row, taken: str) -> tuple[bool, list[str]]:
    best, cost = row.best, row.cost
    gain = best.value - row.untouched.value
    steps = f"{gain:+.4f} after {row.best_steps} steps" if row.best_steps else "untouched"
    front = " · on the front" if row.on_front else ""
    cells = [
        f"{escape(row.candidate.name)}<small>{escape(row.status)}{front}</small>",
        _number(row.untouched.value),
        f"{_number(best.value)} <span>{_interval(best)}</span><small>{steps}</small>",
        f"{cost.p50_ms:,.1f} <span>{cost.p95_ms:,.1f} ms</span>",
        f"{cost.texts_per_second:,.0f}",
        f"{row.candidate.contract.dimension:,}",
        escape(row.candidate.licence) or "not known",
    ]
    return row.candidate.name == taken, cells


def costs(selection: Selection) -> str:
    """A row a candidate: tokenizer, length, prompts, memory, sizes."""
    head = [
        "", "tokens a word", "unknown tokens", "texts cut<small>limit</small>", "memory<small>runtime</small>",
        "weights", "parameters", "index<small>a million vectors</small>",
    ]  # fmt: skip
    return _table(head, [(False, _cost_row(row)) for row in selection.rows])


def _cost_row(row: Row) -> list[str]:
    one, fit, cost = row.candidate, row.fit, row.cost
    limit = f"{one.max_length:,} tokens" if one.max_length else "no limit"
    memory = f"{cost.memory_mb:,.0f} MB" if cost.memory_mb is not None else "not known"
    prompts = ", ".join(f"{role}: {text!r}" for role, text in one.contract.prompts.items())
    told = [one.note, f"prompts {prompts}" if prompts else ""]
    note = "".join(f"<small>{escape(part)}</small>" for part in told if part)
    return [
        f"{escape(one.name)}{note}",
        f"{fit.tokens_per_word:.2f}" if fit else "–",
        f"{fit.unknown:.2%}" if fit else "–",
        f"{fit.truncated:.1%}<small>{limit}</small>" if fit else f"–<small>{limit}</small>",
        f"{memory}<small>{escape(cost.runtime)}</small>",
        f"{one.weights_bytes / 1e6:,.0f} MB",
        f"{one.parameters / 1e6:,.1f} M" if one.parameters else "–",
        f"{index_mb(one.contract.dimension):,.0f} MB",
    ]


def rounds(selection: Selection) -> str:
    """What each round of trials came to; empty without trials."""
    if not selection.rounds:
        return ""
    lines = []
    for made in selection.rounds:
        values = ", ".join(f"{escape(name)} {value:.4f}" for name, value in made.values.items())
        told = [f"<b>{made.steps} steps.</b> {values}."]
        if made.dropped:
            told.append(f"Dropped: {', '.join(escape(drop.name) for drop in made.dropped)}.")
        if made.spared:
            told.append(f"Below the middle, but not to be told from the best: {', '.join(map(escape, made.spared))}.")
        told += [f"{escape(name)}: {escape(why)}" for name, why in made.failed.items()]
        lines.append(f"<p>{' '.join(told)}</p>")
    return f'<section class="card"><h2>The trials, round by round</h2>{"".join(lines)}</section>'


def smaller(selection: Selection) -> str:
    """The recommended model with smaller vectors; empty without one."""
    if not selection.smaller:
        return ""
    head = [
        "",
        "dimensions",
        f"dev {selection.label}<small>95 % interval</small>",
        "lost<small>95 % interval</small>",
        "a million vectors",
    ]
    body = _table(head, [(one.way == "whole", _smaller_row(one)) for one in selection.smaller])
    name = escape(selection.choice.name)
    how = (
        "<p><code>semtune distil MODEL --to dims --dim N --data DATASET</code> makes a model with fewer dimensions.</p>"
    )
    return f'<section class="card"><h2>{name} with smaller vectors</h2><div class="scroll">{body}</div>{how}</section>'


def _smaller_row(one: Smaller) -> list[str]:
    return [
        WAYS.get(one.way, one.way),
        f"{one.dimension:,}",
        f"{one.value:.4f} <span>[{one.low:.4f}, {one.high:.4f}]</span>",
        "–" if one.way == "whole" else f"{one.loss:+.4f} <span>[{one.loss_low:+.4f}, {one.loss_high:+.4f}]</span>",
        f"{one.index_mb:,.0f} MB",
    ]


def skipped(selection: Selection) -> str:
    """Who took no part, and why; empty where all did."""
    if not selection.skipped:
        return ""
    lines = "".join(f"<p><b>{escape(one.asked)}</b>: {escape(one.why)}</p>" for one in selection.skipped)
    return f'<section class="card"><h2>Left out</h2>{lines}</section>'


def _table(head: list[str], rows: list[tuple[bool, list[str]]]) -> str:
    """Columns and rows, of which the marked ones stand out; cells are HTML."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = ""
    for marked, (first, *others) in rows:
        kind = ' class="main"' if marked else ""
        body += f"<tr{kind}><th>{first}</th>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>"
    return f'<table class="named"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "not a number"


def _interval(quality: Quality) -> str:
    return f"[{quality.low:.4f}, {quality.high:.4f}]" if math.isfinite(quality.low) else ""
