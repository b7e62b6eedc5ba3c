"""The settings of prepare: how a source becomes a data set."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from semtune.errors import nearest
from semtune.settings import Settings, mistake
from semtune.text import stable_hash

ROLES = ("anchor", "positive", "negative", "sentence1", "sentence2", "score", "text", "title", "id", "group", "label")
WHOLE = 2**64  # of a stable hash
Pool: TypeAlias = Literal["not-held-out", "all", "train"]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]


AutoShare = Literal["auto"] | Share


class SupervisionSettings(Settings):
    """prepare.supervision: the share of each source's training pairs that is kept, chosen by hash; 0 turns it off.

    "auto" sources come in by themselves where there are fewer than one question for two documents.
    """

    heading: Share = Field(1.0, description="a title or heading, for the text below it")
    summary: Share = Field(1.0, description="a docstring's first sentence, for the rest")
    faq: Share = Field(1.0, description="a heading, bold line or Q: line that is a question, for the answer")
    definition: Share = Field(1.0, description="a term, for its definition")
    link: Share = Field(0.5, description="what a link says, for the document it leads to; train only")
    cloze: AutoShare = Field("auto", description="a sentence of a passage, for the rest")
    neighbour: AutoShare = Field("auto", description="a passage, for the next of its section; train only")
    crop: AutoShare = Field("auto", description="one half of a passage, for the other; train only")
    list_item: AutoShare = Field("auto", description="the line before a list, for its items; train only")
    comment: AutoShare = Field("auto", description="a comment in code, for the code below it; train only")

    def share(self, source: str) -> float:
        """The share of a source's training pairs that is kept; 1 for a source that has no weight."""
        value = getattr(self, source) if source in SOURCES else 1.0
        return 1.0 if value == "auto" else float(value)

    def keeps(self, source: str, anchor: str, positive: str, seed: int) -> bool:
        """Whether this training pair is among those kept."""
        return stable_hash(f"{source}\n{anchor}\n{positive}", seed) < self.share(source) * WHOLE


SOURCES = tuple(SupervisionSettings.model_fields)


class SyntheticSettings(Settings):
    """prepare.synthetic: questions from an OpenAI-compatible server; nobody is contacted unless url is set."""

    url: str = Field(
        "", description="of the server, with its /v1; /chat/completions is added", pattern=r"^(https?://[^/].*)?$"
    )
    model: str = Field("", description="the name the server knows its model by")
    api_key_env: str = Field("", description="environment variable that holds the key; empty: no key is sent")
    per_passage: int = Field(2, ge=1, description="questions a passage")
    max_passages: int = Field(1000, ge=1, description="passages asked about at most, chosen by hash")
    top_k: int = Field(10, ge=0, description="a question is kept if its passage is among the top k found; 0: no check")
    prompt: str = Field("", description="with {passage} and {per_passage} in it; empty: the one built in")
    price_in: float = Field(0.0, ge=0, description="price of a million tokens sent, for the estimate")
    price_out: float = Field(0.0, ge=0, description="price of a million tokens received, for the estimate")
    concurrency: int = Field(4, ge=1, le=64, description="requests at the same time")
    timeout: float = Field(60.0, gt=0, description="seconds a request")
    retries: int = Field(5, ge=0, le=20, description="further tries after 429, 5xx, a timeout or a broken connection")
    cache: str = Field("", description="file that answers are kept in; empty: one in ~/.cache/semtune")

    @model_validator(mode="after")
    def _can_ask(self) -> SyntheticSettings:
        if self.url and not self.model:
            raise mistake("model", "a url needs a model: the name that the server knows its model by")
        if self.prompt and "{passage}" not in self.prompt:
            raise mistake("prompt", "the prompt must contain {passage}, where the passage is put")
        return self


class PrepareSettings(Settings):
    """prepare: from the source to a data set."""

    source: str | dict[str, str] = Field(
        "",
        description="a folder, an archive, a CSV/TSV/JSONL file, a BEIR folder, 'python-docs', or "
        "{train, dev, test} files",
    )
    dev_share: float = Field(0.1, ge=0, lt=1, description="share of the documents kept to choose the best checkpoint")
    test_share: float = Field(0.1, ge=0, lt=1, description="share of the documents kept for the final judgement")
    min_words: int = Field(4, ge=1, description="shorter passages are left out, and counted")
    max_pairs: int | None = Field(None, ge=1, description="maximum number of training pairs, chosen by hash; null: all")
    max_passages: int | None = Field(
        None, ge=1, description="maximum number of passages, those with a question first; null: all"
    )
    pairs_per_section: int = Field(3, ge=1, description="training pairs that one long section may give")
    shared_documents: Literal["drop", "keep"] = Field(
        "drop", description="training labels whose document also answers a dev or test question"
    )
    near_duplicates: Literal["keep", "drop"] = Field(
        "keep", description="nearly equal passages of documents without labels: keep them, or drop all but the first"
    )
    pair_labels: Literal["triplets", "labels"] = Field(
        "triplets",
        description="what pairs labelled as following or matching, or not, become: triplets, or labels that stay as "
        "they are",
    )
    roles: dict[str, str] = Field(
        default_factory=dict, description="role: column, where a table's column names do not say it"
    )
    max_bad_share: float = Field(0.1, ge=0, le=1, description="a table with a larger share of unusable rows is refused")
    allow_unreadable: bool = Field(
        False, description="go on where the model cannot read more than a fifth of the texts; false: refuse them"
    )
    max_leak_share: float = Field(
        0.0, ge=0, le=1, description="share of the held-out texts that may leak into train; above it the run fails"
    )
    hard_negatives: int = Field(
        0, ge=0, description="negatives mined for each training pair with the backbone; 0: none"
    )
    mine_margin: float | None = Field(
        0.95, gt=0, le=1, description="a negative scores below this share of the positive's score; null: no guard"
    )
    mine_absolute_margin: float | None = Field(
        None, ge=0, le=2, description="a negative scores at least this far below the positive; null: no guard"
    )
    mine_ranks: tuple[int, int] = Field((1, 100), description="first and last rank that negatives are taken from")
    mine_sample: bool = Field(False, description="draw negatives from these ranks at random; false: the hardest")
    mine_pool: Pool = Field(
        "not-held-out",
        description="what may be a negative: all but answers to dev and test, every passage, or answers to train",
    )
    mine_judge: str | None = Field(
        None,
        min_length=1,
        description="a cross-encoder, folder or hub id, that has the last word on negatives; null: none",
    )
    review: str | None = Field(
        None, description="a review.jsonl with reviewed labels, used beside those in the data set's own"
    )
    feedback: str | None = Field(
        None,
        min_length=1,
        description="what users said of answers, a file of `semtune serve --feedback`: pairs and negatives to train on",
    )
    feedback_clicks: int = Field(
        2, ge=0, description="clicks on an answer that count as one user who finds it useful; 0: clicks do not count"
    )
    supervision: SupervisionSettings = Field(
        SupervisionSettings(), description="source of questions: share of its training pairs that is kept; 0: off"
    )
    synthetic: SyntheticSettings = Field(
        SyntheticSettings(),
        description="questions written by a language model, to train on only; off unless it has a url and a model",
    )
    chunk_overlap: int = Field(
        0, ge=0, description="sentences that a passage repeats from the one before it in its section"
    )

    @model_validator(mode="after")
    def _fit_together(self) -> PrepareSettings:
        first, last = self.mine_ranks
        if self.dev_share + self.test_share >= 1:
            raise mistake(
                "shares",
                f"dev_share={self.dev_share} and test_share={self.test_share} leave nothing to train on; "
                "their sum must be below 1",
            )
        if not 1 <= first <= last or last - first + 1 < self.hard_negatives:
            raise mistake(
                "ranks",
                f"mine_ranks={first}, {last} must be two ranks from 1 upwards with room for "
                f"{max(1, self.hard_negatives)} "
                "negatives (hard_negatives) between them, e.g. [1, 100]",
            )
        for role in self.roles:
            if role not in ROLES:
                message = f"unknown role {role!r} in roles.{nearest(role, ROLES)} Allowed: {', '.join(ROLES)}"
                raise mistake("role", message)
        return self

    @property
    def needs_encoder(self) -> bool:
        """Whether a model has to read the corpus: to mine negatives, or to check synthetic questions."""
        return bool(self.hard_negatives or (self.synthetic.url and self.synthetic.top_k))

    @property
    def needs_judge(self) -> str:
        """The cross-encoder to load; empty if there is none or nothing for it to do."""
        return (self.mine_judge or "") if self.hard_negatives else ""

    def facts(self) -> dict[str, Any]:
        """The settings as JSON, for the report; what the source is stands beside them there."""
        return self.model_dump(mode="json", exclude={"source"})
