"""Questions made up by a language model for passages of train: optional, and never used to judge with.

Synthetic questions are easier than those of people, so they are trained on only; and one is kept only where
retrieval finds its passage (a consistency filter, as in Promptagator, Dai et al. 2022).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semtune.dataset import Dataset
from semtune.errors import ConfigError
from semtune.prepare.drop_log import Tally
from semtune.prepare.questions.chat_client import Answer, Chat
from semtune.prepare.questions.supervision import SYNTHETIC, add_pair
from semtune.prepare.questions.uninformative import uninformative_reason
from semtune.prepare.settings import SyntheticSettings
from semtune.prepare.split.split_texts import HELD_OUT, relevant_ids
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.text import contains, key, one_line, stable_hash, word_count
from semtune.types import Document, Embeddings

PROMPT = """Below is a passage of a text collection. Write {per_passage} different questions that a person might type into a search \
box and that this passage answers. Each must make sense without the passage before one's eyes: name what it is about, and never say \
"the passage", "the text" or "this document". Do not copy sentences. Write in the passage's language.
Answer with a JSON list of {per_passage} strings and nothing else.

Passage:
{passage}"""
MIN_WORDS, MAX_WORDS = 3, 40  # of a question
MIN_PASSAGE = 12  # words; less gives nothing to ask about
BLOCK = 256  # questions searched at a time
TOKENS_A_QUESTION = 25
_POINTS = re.compile(
    r"\b(?:the|this|given|above)\s+(?:passage|text|document|excerpt|paragraph|snippet)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What asking will take at most, before it is done; a token is taken as four bytes."""

    calls: int
    cached: int
    tokens_in: int
    tokens_out: int
    cost: float | None

    def __str__(self) -> str:
        """In words."""
        money = "" if self.cost is None else f", about {self.cost:,.2f} at the given prices"
        return (
            f"Synthetic questions: {self.calls:,} calls ({self.cached:,} more are kept from before), about "
            f"{self.tokens_in:,} tokens to send and {self.tokens_out:,} to receive{money}."
        )


def chat_client(settings: SyntheticSettings) -> Chat:
    """The client that the settings describe."""
    return Chat(
        settings.url, settings.model, settings.api_key_env, _cache(settings), settings.concurrency, settings.timeout,
        settings.retries, max_tokens=100 + 2 * TOKENS_A_QUESTION * settings.per_passage,
    )  # fmt: skip


def _cache(settings: SyntheticSettings) -> Path:
    if settings.cache:
        return Path(settings.cache).expanduser()
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "semtune" / f"synthetic-{stable_hash(f'{settings.url} {settings.model}'):016x}.jsonl"


def add_synthetic(
    dataset: Dataset,
    settings: SyntheticSettings,
    encoder: Encoder | None,
    seed: int,
    tally: Tally,
    progress: Progress = QUIET,
    chat: Chat | None = None,
) -> dict[str, Any] | None:
    """Add made-up questions to the train split: queries, labels and pairs.

    Args:
        dataset: changed in place; dev and test are left as they are.
        settings: where to ask and how much.
        encoder: finds the passage of each question among all; needed unless top_k is 0.
        seed: of the hash that chooses the passages.
        tally: gets the counts and what was left out.
        progress: where the estimate and the progress are shown.
        chat: the client; made from the settings by default.

    Returns:
        What was expected and what it took, for the report; None where it is off.

    Raises:
        InputError: the server gives no answers.
        ConfigError: an encoder or a key is needed and missing.
    """
    if not settings.url:
        return None
    if settings.top_k and encoder is None:
        raise ConfigError(
            "synthetic: questions are checked by retrieval, and no encoder was given to do it. Pass "
            "one, or set prepare.synthetic.top_k=0 to go without the check."
        )
    chat = chat or chat_client(settings)
    passages = choose(dataset, settings.max_passages, seed, tally)
    whole = {document.id: document.content for document in dataset.to_index}
    prompts = [prompt(whole.get(passage.id, passage.content), settings) for passage in passages]
    expected = estimate(prompts, settings, chat)
    progress.say(str(expected))
    answers = chat.ask(prompts, progress)
    found = [
        (question, passage)
        for passage, answer in zip(passages, answers, strict=True)
        for question in read_answer(answer, passage, settings.per_passage, tally)
    ]
    tally.count("synthetic questions made", len(found))
    if settings.top_k and encoder is not None:
        found = consistent(found, dataset.corpus, encoder, settings.top_k, tally, progress)
    else:
        tally.warn("Synthetic questions were not checked by retrieval (top_k=0): some may fit other passages better.")
    kept = 0
    for question, passage in found:
        group = str(passage.metadata.get("group", passage.id))
        kept += add_pair(dataset, question, passage.id, passage.content, group, SYNTHETIC, tally)
    tally.count("synthetic questions kept", kept)
    return {**asdict(expected), "model": settings.model, "spent": spent(answers)}


def choose(dataset: Dataset, limit: int, seed: int, tally: Tally) -> list[Document]:
    """Passages to ask about, by hash: none that answers dev or test, nor any of such a passage's group."""
    held = relevant_ids(dataset, HELD_OUT)
    groups = {document.metadata.get("group") for document in dataset.corpus if document.id in held} - {None}
    free = [d for d in dataset.corpus if d.id not in held and d.metadata.get("group") not in groups]
    tally.count(
        "passages that synthetic questions must not touch (dev, test and their groups)", len(dataset.corpus) - len(free)
    )
    good: list[Document] = []
    for document in free:
        if word_count(document.content) < MIN_PASSAGE:
            tally.drop(f"synthetic: passage of fewer than {MIN_PASSAGE} words", document.id)
        else:
            good.append(document)
    chosen = {d.id for d in sorted(good, key=lambda d: (stable_hash(d.content, seed), d.id))[:limit]}
    return [document for document in good if document.id in chosen]


def prompt(passage: str, settings: SyntheticSettings) -> str:
    """What is asked about a passage."""
    text = (settings.prompt or PROMPT).replace("{per_passage}", str(settings.per_passage))
    before, _, after = text.partition("{passage}")
    return before + passage + after


def estimate(prompts: Sequence[str], settings: SyntheticSettings, chat: Chat) -> Estimate:
    """Calls, tokens and cost of the prompts that were not answered before."""
    known = chat.known()
    new = [text for text in dict.fromkeys(prompts) if chat.key(text) not in known]
    sent = sum(-(-len(text.encode("utf-8", "replace")) // 4) for text in new)
    received = len(new) * settings.per_passage * TOKENS_A_QUESTION
    priced = settings.price_in or settings.price_out
    cost = (sent * settings.price_in + received * settings.price_out) / 1e6 if priced else None
    return Estimate(len(new), len(prompts) - len(new), sent, received, cost)


def spent(answers: Sequence[Answer]) -> dict[str, int]:
    """What the server says it took."""
    asked = [answer for answer in answers if not answer.cached and not answer.error]
    return {
        "calls": len(asked),
        "tokens_in": sum(answer.tokens_in for answer in asked),
        "tokens_out": sum(answer.tokens_out for answer in asked),
    }


def read_answer(answer: Answer, passage: Document, limit: int, tally: Tally) -> list[str]:
    """The questions in an answer that are good by themselves; the rest is counted."""
    if answer.error:
        tally.drop("synthetic: no answer from the server", f"{passage.id}: {answer.error}")
        return []
    listed = _listed(answer.text)
    if listed is None:
        tally.drop("synthetic: answer is not a JSON list of questions", f"{passage.id}: {answer.text}")
        return []
    kept: dict[str, str] = {}
    for entry in listed:
        question = one_line(entry) if isinstance(entry, str) else ""
        if reason := _bad(question, passage):
            tally.drop(f"synthetic: question {reason}", question or repr(entry))
        else:
            kept.setdefault(key(question), question)
    return list(kept.values())[:limit]


def consistent(
    found: Sequence[tuple[str, Document]],
    corpus: Sequence[Document],
    encoder: Encoder,
    k: int,
    tally: Tally,
    progress: Progress = QUIET,
) -> list[tuple[str, Document]]:
    """The questions whose own passage is among the k that the encoder finds for them in the whole corpus."""
    if not found:
        return []
    documents = encoder.encode([document.content for document in corpus], "document", progress).vectors
    questions = encoder.encode([question for question, _ in found], "query", progress).vectors
    rows = {document.id: row for row, document in enumerate(corpus)}
    ranks = _ranks(questions, documents, [rows[passage.id] for _, passage in found])
    kept: list[tuple[str, Document]] = []
    for (question, passage), rank in zip(found, ranks, strict=True):
        if rank <= k:
            kept.append((question, passage))
        else:
            tally.drop(f"synthetic: passage not among the first {k} found", f"{question} → {passage.id} (place {rank})")
    return kept


def _ranks(questions: Embeddings, documents: Embeddings, rows: Sequence[int]) -> list[int]:
    """The place, from 1, of each question's own document; passages equally similar stand before it."""
    ranks: list[int] = []
    for start in range(0, len(questions), BLOCK):
        scores = questions[start : start + BLOCK] @ documents.T  # (block, documents)
        own = scores[np.arange(len(scores)), rows[start : start + BLOCK]]
        ranks += (scores >= own[:, None]).sum(axis=1).tolist()
    return ranks


def _listed(text: str) -> list[Any] | None:
    start, end = text.find("["), text.rfind("]")
    try:
        found = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and found else None


def _bad(question: str, passage: Document) -> str:
    if not MIN_WORDS <= word_count(question) <= MAX_WORDS:
        return f"not {MIN_WORDS} to {MAX_WORDS} words"
    if _POINTS.search(question):
        return "points at its passage"
    if contains(passage.content, question):
        return "is copied from its passage"
    return uninformative_reason(question, passage.content)
