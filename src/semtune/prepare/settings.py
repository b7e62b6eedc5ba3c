"""What can be chosen about preparing a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from semtune.errors import ConfigError, nearest
from semtune.prepare.supervision import Supervision, supervision
from semtune.prepare.synthetic import Synthetic, synthetic_settings

ROLES = ("anchor", "positive", "negative", "sentence1", "sentence2", "score", "text", "title", "id", "group", "label")

Pool: TypeAlias = Literal["not-held-out", "all", "train"]


@dataclass(frozen=True, slots=True)
class PrepareSettings:
    """How a source becomes a data set.

    Attributes:
        dev_share: share of the groups (documents, modules, connected questions) kept for choosing the best checkpoint.
        test_share: share of the groups kept for the final judgement.
        min_words: passages with fewer words are left out, and counted.
        max_pairs: at most so many training pairs, chosen by hash; None: all.
        max_passages: at most so many passages, those with a question first; None: all.
        pairs_per_section: a section longer than one passage gives at most so many training pairs.
        shared_documents: what happens to training labels whose document is also the answer to a dev or test
            question in a source that its owner split: "drop" them, or "keep" them and count.
        near_duplicates: "drop" leaves the first of nearly equal passages of documents without labels; "keep" leaves all.
        roles: role → column name, where the names of a table's columns do not say it, e.g. {"anchor": "subject"}.
        max_bad_share: a table with a larger share of unusable rows is refused.
        max_leak_share: a data set of which a larger share of the held-out texts leaks into train is refused.
        hard_negatives: negatives mined for each training pair; 0: none, the batch's other rows serve alone.
        mine_margin: a negative must score below this share of the positive's score; None: no such guard.
        mine_absolute_margin: a negative must score at least so much below the positive; None: no such guard.
        mine_ranks: first and last place, from 1, among the passages not marked relevant where negatives are taken.
        mine_sample: draw them at random from those places, by the seed, in place of taking the hardest.
        mine_pool: what may be a negative: what answers no question of dev or test ("not-held-out"), only what
            answers a training question ("train"), or every passage ("all").
        mine_judge: a cross-encoder, by folder or hub id, that reads what would be taken; None: none does.
        verdicts: what pairs marked as following or not, or as matching or not, become: "triplets" of what fits and what
            does not, or "labels" that are kept as they are, for the losses of labelled pairs.
        review: a `review.jsonl` with verdicts on suspected false negatives; they are heeded.
        supervision: source of questions → share of its training pairs that is kept; 0: off.
        chunk_overlap: sentences that a passage repeats from the end of the one before it in its section, if they fit.
        synthetic: where a language model makes up more questions to train on; off unless it has a url.
    """

    dev_share: float = 0.1
    test_share: float = 0.1
    min_words: int = 4
    max_pairs: int | None = None
    max_passages: int | None = None
    pairs_per_section: int = 3
    shared_documents: Literal["drop", "keep"] = "drop"
    near_duplicates: Literal["keep", "drop"] = "keep"
    roles: Mapping[str, str] = field(default_factory=dict)
    max_bad_share: float = 0.1
    max_leak_share: float = 0.0
    hard_negatives: int = 0
    mine_margin: float | None = 0.95
    mine_absolute_margin: float | None = None
    mine_ranks: tuple[int, int] = (1, 100)
    mine_sample: bool = False
    mine_pool: Pool = "not-held-out"
    mine_judge: str | None = None
    verdicts: Literal["triplets", "labels"] = "triplets"
    review: str | None = None
    supervision: Supervision | Mapping[str, Any] = field(default_factory=Supervision)
    chunk_overlap: int = 0
    synthetic: Synthetic | Mapping[str, Any] = field(default_factory=Synthetic)

    def __post_init__(self) -> None:
        """Refuse values that make no sense together."""
        if self.dev_share < 0 or self.test_share < 0 or self.dev_share + self.test_share >= 1:
            raise ConfigError(
                f"dev_share={self.dev_share} and test_share={self.test_share} leave nothing to train on or are "
                "negative. Each must be 0 or more, and their sum below 1."
            )
        self._check_choices()
        for name in ("min_words", "pairs_per_section"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} is too small. Allowed: 1 or more.")
        for name in ("max_pairs", "max_passages"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ConfigError(f"{name}={value} is too small. Allowed: 1 or more, or nothing for no limit.")
        if self.chunk_overlap < 0:
            raise ConfigError(f"chunk_overlap={self.chunk_overlap} is too small. Allowed: 0 (none) or more sentences.")
        self._check_mining()
        object.__setattr__(self, "supervision", self.weights)
        object.__setattr__(self, "synthetic", self.made_up)
        for role in self.roles:
            if role not in ROLES:
                raise ConfigError(
                    f"{role!r} in roles is not a role.{nearest(role, ROLES)} Allowed: {', '.join(ROLES)}."
                )

    def _check_choices(self) -> None:
        allowed = {
            "shared_documents": ("drop", "keep"),
            "near_duplicates": ("drop", "keep"),
            "verdicts": ("triplets", "labels"),
        }
        for name, choices in allowed.items():
            if (choice := getattr(self, name)) not in choices:
                raise ConfigError(f"{name}={choice!r} is not known. Allowed: {', '.join(map(repr, choices))}.")

    def _check_mining(self) -> None:
        first, last = self.mine_ranks
        if self.hard_negatives < 0:
            raise ConfigError(f"hard_negatives={self.hard_negatives} is too small. Allowed: 0 (none) or more.")
        if self.mine_margin is not None and not 0 < self.mine_margin <= 1:
            raise ConfigError(
                f"mine_margin={self.mine_margin} is not a share of the positive's score. Allowed: above 0 to 1, or "
                "nothing for no guard; 0.95 is usual."
            )
        if self.mine_absolute_margin is not None and not 0 <= self.mine_absolute_margin <= 2:
            raise ConfigError(
                f"mine_absolute_margin={self.mine_absolute_margin} is no distance of cosines. Allowed: 0 to 2, or "
                "nothing for no guard."
            )
        if not 1 <= first <= last or last - first + 1 < self.hard_negatives:
            raise ConfigError(
                f"mine_ranks={first}, {last} holds no {max(1, self.hard_negatives)} places. Allowed: first and last "
                "place, counted from 1, with hard_negatives places or more between them, e.g. [1, 100]."
            )
        if self.mine_pool not in get_args(Pool):
            raise ConfigError(
                f"mine_pool={self.mine_pool!r} is not known.{nearest(self.mine_pool, get_args(Pool))} Allowed: "
                f"{', '.join(get_args(Pool))}."
            )

    @property
    def weights(self) -> Supervision:
        """The share of each source of questions."""
        given = self.supervision
        return given if isinstance(given, Supervision) else supervision(given)

    @property
    def needs_encoder(self) -> bool:
        """Whether a model has to read the corpus: to mine negatives, or to check synthetic questions."""
        return bool(self.hard_negatives or (self.made_up.url and self.made_up.top_k))

    @property
    def needs_judge(self) -> str:
        """The cross-encoder to load; empty if there is none or nothing for it to do."""
        return (self.mine_judge or "") if self.hard_negatives else ""

    @property
    def made_up(self) -> Synthetic:
        """How synthetic questions are made."""
        given = self.synthetic
        return given if isinstance(given, Synthetic) else synthetic_settings(given)

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON, for the report."""
        return {**asdict(self), "roles": dict(self.roles)}
