"""Questions that a language model writes for training passages; off by default.

They are easier than people's questions, so they are used to train and never to evaluate. A question is kept only if
retrieval finds its passage (the consistency filter of Promptagator, Dai et al. 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semtune.dataset import Dataset
from semtune.errors import ConfigError
from semtune.io import user_cache
from semtune.prepare.drop_log import Tally
from semtune.prepare.questions.chat_client import Answer, Chat
from semtune.prepare.questions.supervision import SYNTHETIC, add_pair
from semtune.prepare.questions.synthetic_checks import QuestionOfPassage, consistent, read_answer
from semtune.prepare.settings import SyntheticSettings
from semtune.prepare.split.split_texts import HELD_OUT, relevant_ids
from semtune.progress import QUIET, Progress
from semtune.protocols import Encoder
from semtune.text import stable_hash, word_count
from semtune.types import Document

PROMPT = """Below is a passage of a text collection. Write {per_passage} different questions that a person might type \
into a search box and that this passage answers. Each must make sense without the passage before one's eyes: name what \
it is about, and never say "the passage", "the text" or "this document". Do not copy sentences. Write in the passage's \
language.
Answer with a JSON list of {per_passage} strings and nothing else.

Passage:
{passage}"""
MIN_PASSAGE = 12  # words; less gives nothing to ask about
TOKENS_A_QUESTION = 25


@dataclass(frozen=True, slots=True)
class Estimate:
    """The most that the requests will take, estimated beforehand; a token is counted as four bytes."""

    calls: int
    cached: int
    tokens_in: int
    tokens_out: int
    cost: float | None

    def __str__(self) -> str:
        """The estimate as a sentence."""
        money = "" if self.cost is None else f", about {self.cost:,.2f} at the given prices"
        return (
            f"Synthetic questions: {self.calls:,} calls ({self.cached:,} more are already in the cache), about "
            f"{self.tokens_in:,} tokens to send and {self.tokens_out:,} to receive{money}."
        )


def chat_client(settings: SyntheticSettings) -> Chat:
    """The client for the server in the settings."""
    return Chat(
        settings.url, settings.model, settings.api_key_env, _cache(settings), settings.concurrency, settings.timeout,
        settings.retries, max_tokens=100 + 2 * TOKENS_A_QUESTION * settings.per_passage,
    )  # fmt: skip


def _cache(settings: SyntheticSettings) -> Path:
    if settings.cache:
        return Path(settings.cache).expanduser()
    return user_cache() / f"synthetic-{stable_hash(f'{settings.url} {settings.model}'):016x}.jsonl"


def add_synthetic(
    dataset: Dataset,
    settings: SyntheticSettings,
    encoder: Encoder | None,
    seed: int,
    tally: Tally,
    progress: Progress = QUIET,
    chat: Chat | None = None,
) -> dict[str, Any] | None:
    """Add questions written by a language model to the train split: queries, labels and pairs.

    Args:
        dataset: changed in place; dev and test stay as they are.
        settings: which server to ask, and how many questions.
        encoder: searches the corpus with each question; needed unless top_k is 0.
        seed: for the hash that chooses the passages.
        tally: receives the counts and what was left out.
        progress: shows the estimate and the progress.
        chat: the client; made from the settings by default.

    Returns:
        What was estimated and what it took, for the report; None if no server is named.

    Raises:
        InputError: the server does not answer.
        ConfigError: an encoder or a key is needed and missing.
    """
    if not settings.url:
        return None
    if settings.top_k and encoder is None:
        raise ConfigError(
            "synthetic: questions are checked by searching for their passage, and no encoder was given to search with. "
            "Pass an encoder, or set prepare.synthetic.top_k=0 to skip the check."
        )
    chat = chat or chat_client(settings)
    passages = choose_passages(dataset, settings.max_passages, seed, tally)
    whole = {document.id: document.content for document in dataset.to_index}
    prompts = [prompt(whole.get(passage.id, passage.content), settings) for passage in passages]
    expected = estimate(prompts, settings, chat)
    progress.say(str(expected))
    answers = chat.ask(prompts, progress)
    written = [
        (question, passage)
        for passage, answer in zip(passages, answers, strict=True)
        for question in read_answer(answer, passage, settings.per_passage, tally)
    ]
    _add(dataset, _checked(written, dataset, settings, encoder, tally, progress), tally)
    return {**asdict(expected), "model": settings.model, "spent": spent(answers)}


def _checked(
    written: list[QuestionOfPassage],
    dataset: Dataset,
    settings: SyntheticSettings,
    encoder: Encoder | None,
    tally: Tally,
    progress: Progress,
) -> list[QuestionOfPassage]:
    tally.count("synthetic questions made", len(written))
    if settings.top_k and encoder is not None:
        return consistent(written, dataset.corpus, encoder, settings.top_k, tally, progress)
    tally.warn("Synthetic questions were not checked by retrieval (top_k=0): some may fit other passages better.")
    return written


def _add(dataset: Dataset, questions: Sequence[QuestionOfPassage], tally: Tally) -> None:
    added = 0
    for question, passage in questions:
        group = str(passage.metadata.get("group", passage.id))
        added += add_pair(dataset, question, passage.id, passage.content, group, SYNTHETIC, tally)
    tally.count("synthetic questions kept", added)


def choose_passages(dataset: Dataset, limit: int, seed: int, tally: Tally) -> list[Document]:
    """Passages to ask about, chosen by hash; none that answers dev or test, and none of the same group as one."""
    held = relevant_ids(dataset, HELD_OUT)
    groups = {document.metadata.get("group") for document in dataset.corpus if document.id in held} - {None}
    free = [d for d in dataset.corpus if d.id not in held and d.metadata.get("group") not in groups]
    tally.count(
        "passages not used for synthetic questions (dev, test and their groups)", len(dataset.corpus) - len(free)
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
    """The prompt for a passage."""
    text = (settings.prompt or PROMPT).replace("{per_passage}", str(settings.per_passage))
    before, _, after = text.partition("{passage}")
    return before + passage + after


def estimate(prompts: Sequence[str], settings: SyntheticSettings, chat: Chat) -> Estimate:
    """Calls, tokens and cost of the prompts whose answer is not in the cache."""
    known = chat.known()
    new = [text for text in dict.fromkeys(prompts) if chat.key(text) not in known]
    sent = sum(-(-len(text.encode("utf-8", "replace")) // 4) for text in new)
    received = len(new) * settings.per_passage * TOKENS_A_QUESTION
    priced = settings.price_in or settings.price_out
    cost = (sent * settings.price_in + received * settings.price_out) / 1e6 if priced else None
    return Estimate(len(new), len(prompts) - len(new), sent, received, cost)


def spent(answers: Sequence[Answer]) -> dict[str, int]:
    """Calls and tokens that were used, as reported by the server."""
    asked = [answer for answer in answers if not answer.cached and not answer.error]
    return {
        "calls": len(asked),
        "tokens_in": sum(answer.tokens_in for answer in asked),
        "tokens_out": sum(answer.tokens_out for answer in asked),
    }
