"""Titles of topics: their best words, or what a language model calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from semtune.errors import ConfigError, InputError
from semtune.prepare.questions.chat_client import Chat
from semtune.progress import Progress
from semtune.text import one_line

WORDS = 3
PASSAGES, CHARACTERS = 3, 300  # of each topic that a language model is shown
LONGEST = 80  # characters of a title

PROMPT = """Name the topic that these texts share, in at most six words, in the language of the texts.
Answer with the name alone, without quotes.

Key words: {words}

{passages}"""


@dataclass(frozen=True, slots=True)
class Titles:
    """A title for each topic, and what the user should know of how they were made."""

    titles: list[str]
    notes: list[str]


def from_words(words: Sequence[Sequence[str]], ids: Sequence[str]) -> list[str]:
    """The best words of each topic; its id where it has none."""
    return [", ".join(found[:WORDS]) or f"topic {id_}" for found, id_ in zip(words, ids, strict=True)]


def from_endpoint(
    chat: Chat, plain: Sequence[str], words: Sequence[Sequence[str]], passages: Sequence[Sequence[str]],
    progress: Progress,
) -> Titles:  # fmt: skip
    """Ask an OpenAI-compatible server; where it fails, the plain titles stay.

    The key words and the beginnings of three passages of each topic are sent. Nothing else leaves the machine.
    """
    prompts = [
        PROMPT.format(
            words=", ".join(found), passages="\n".join(f"- {one_line(text)[:CHARACTERS]}" for text in texts[:PASSAGES])
        )
        for found, texts in zip(words, passages, strict=True)
    ]
    sent = f"The key words and beginnings of {PASSAGES} passages of each topic were sent to {chat.url}."
    try:
        answers = chat.ask(prompts, progress)
    except (InputError, ConfigError) as error:
        return Titles(list(plain), [f"The titles are key words, since the language model gave none: {error}"])
    titles = [_title(answer.text) or title for answer, title in zip(answers, plain, strict=True)]
    failed = sum(not _title(answer.text) for answer in answers)
    notes = [sent]
    if failed:
        notes.append(f"{failed:,} of {len(answers):,} titles are key words, since the language model gave none.")
    return Titles(titles, notes)


def _title(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return one_line(lines[0]).strip("\"'“”.* ")[:LONGEST] if lines else ""
