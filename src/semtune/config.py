"""The config file of a run: one model a section, one description a field, unknown keys refused."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from semtune.errors import ConfigError, InputError, nearest
from semtune.io import atomic_file
from semtune.types import Task

VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def _as_list(value: Any) -> Any:
    """Configs of older runs have one word where a list is asked for; a comma parts several, as on the command line."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def _no_limit_or_some(steps: int) -> int:
    if steps == -1 or steps > 0:
        return steps
    raise PydanticCustomError("steps", "allowed is -1 (no limit) or above 0")


class Section(BaseModel):
    """A part of the config; refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SupervisionConfig(Section):
    """prepare.supervision: the share of each source's training pairs that is kept; 0: the source is off."""

    heading: float = Field(1.0, ge=0, le=1, description="a title or heading, for the text below it")
    summary: float = Field(1.0, ge=0, le=1, description="a docstring's first sentence, for the rest")
    faq: float = Field(
        1.0, ge=0, le=1, description="a heading, bold line or Q: line that is a question, for the answer"
    )
    definition: float = Field(1.0, ge=0, le=1, description="a term, for its definition")
    link: float = Field(0.5, ge=0, le=1, description="what a link says, for the document it leads to; train only")
    neighbour: float = Field(0.0, ge=0, le=1, description="a passage, for the next of its section; train only")
    cloze: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = Field(
        "auto", description="a sentence of a passage, for the rest; auto: where hardly anything else asks"
    )


class SyntheticConfig(Section):
    """prepare.synthetic: questions from an OpenAI-compatible server; nobody is contacted unless url is set."""

    url: str = Field("", description="of the server, with its /v1; /chat/completions is added")
    model: str = Field("", description="the name the server knows its model by")
    api_key_env: str = Field("", description="environment variable that holds the key; empty: no key is sent")
    per_passage: int = Field(2, ge=1, description="questions a passage")
    max_passages: int = Field(1000, ge=1, description="passages asked about at most, chosen by hash")
    top_k: int = Field(10, ge=0, description="a question is kept if its passage is among so many found; 0: no check")
    prompt: str = Field("", description="with {passage} and {per_passage} in it; empty: the one built in")
    price_in: float = Field(0.0, ge=0, description="money a million tokens sent, for the estimate")
    price_out: float = Field(0.0, ge=0, description="money a million tokens received, for the estimate")
    concurrency: int = Field(4, ge=1, le=64, description="requests at the same time")
    timeout: float = Field(60.0, gt=0, description="seconds a request")
    retries: int = Field(5, ge=0, le=20, description="further tries after 429, 5xx, a timeout or a broken connection")
    cache: str = Field("", description="file that answers are kept in; empty: one in ~/.cache/semtune")

    @model_validator(mode="after")
    def _model_for_url(self) -> SyntheticConfig:
        if self.url and not self.model:
            raise PydanticCustomError("model", "a url needs a model: the name that the server knows its model by")
        return self


class PrepareConfig(Section):
    """prepare: from the source to a data set."""

    source: str | dict[str, str] = Field(
        description="a folder, an archive, a CSV/TSV/JSONL file, a BEIR folder, 'python-docs', or {train, dev, test} files"
    )
    dev_share: float = Field(0.1, ge=0, lt=1, description="share of the documents kept to choose the best checkpoint")
    test_share: float = Field(0.1, ge=0, lt=1, description="share of the documents kept for the final judgement")
    min_words: int = Field(4, ge=1, description="shorter passages are left out, and counted")
    max_pairs: int | None = Field(None, ge=1, description="at most so many training pairs")
    max_passages: int | None = Field(None, ge=1, description="at most so many passages, those with a question first")
    pairs_per_section: int = Field(3, ge=1, description="training pairs that one long section may give")
    shared_documents: Literal["drop", "keep"] = Field(
        "drop", description="training labels whose document also answers a dev or test question"
    )
    near_duplicates: Literal["keep", "drop"] = Field(
        "keep", description="nearly equal passages of documents without labels: keep them, or drop all but the first"
    )
    verdicts: Literal["triplets", "labels"] = Field(
        "triplets",
        description="what pairs marked as following or matching, or not, become: triplets, or labels that stay as they are",
    )
    roles: dict[str, str] = Field(
        default_factory=dict, description="role: column, where a table's column names do not say it"
    )
    max_bad_share: float = Field(
        0.1, ge=0, le=1, description="a table with more unusable rows than this share is refused"
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
        None, ge=0, le=2, description="a negative scores at least so much below the positive; null: no guard"
    )
    mine_ranks: tuple[int, int] = Field((1, 100), description="first and last place that negatives are taken from")
    mine_sample: bool = Field(False, description="draw negatives from these places at random; false: the hardest")
    mine_pool: Literal["not-held-out", "all", "train"] = Field(
        "not-held-out",
        description="what may be a negative: all but answers to dev and test, every passage, or answers to train",
    )
    mine_judge: str | None = Field(
        None,
        min_length=1,
        description="a cross-encoder, folder or hub id, that has the last word on negatives; null: none",
    )
    review: str | None = Field(
        None, description="a review.jsonl with verdicts to heed, beside those written into the data set's own"
    )
    supervision: SupervisionConfig = Field(
        default_factory=dict,  # type: ignore[arg-type]
        validate_default=True,
        description="source of questions: share of its training pairs that is kept; 0: off",
    )
    synthetic: SyntheticConfig = Field(
        default_factory=dict,  # type: ignore[arg-type]
        validate_default=True,
        description="questions made up by a language model, to train on only; off unless it has a url and a model",
    )
    chunk_overlap: int = Field(
        0, ge=0, description="sentences that a passage repeats from the one before it in its section"
    )


class FloorConfig(Section):
    """train.floor: what the model must not become worse on; see docs/train.md."""

    data: str = Field("", description="a table of scored pairs, a BEIR folder or a data set; empty: no floor")
    max_drop: float = Field(0.01, ge=0, le=1, description="what its metric may lose against the base")


class TrainConfig(Section):
    """train: fine-tuning; names are those of transformers' TrainingArguments where it has them."""

    loss: str = Field(
        "auto", min_length=1, description="auto: by the shape of the data; or a loss's name, see docs/train.md"
    )
    loss_options: dict[str, Any] = Field(default_factory=dict, description="parameters of the loss, e.g. {scale: 20}")
    matryoshka_dims: list[int] = Field(
        default_factory=list, description="dimensions that vectors can be cut to afterwards, e.g. [256, 128, 64]"
    )
    guide: str = Field("", description="the model that the GIST losses ask; empty: the backbone itself")
    teacher: str = Field("", description="the model that the distillation losses learn from")
    also: dict[str, str] = Field(
        default_factory=dict, description="name: data set or table; trained on too, each with the loss that fits it"
    )
    num_train_epochs: float = Field(3.0, gt=0, le=100, description="passes over the training rows; 1 to 4 is usual")
    max_steps: Annotated[int, AfterValidator(_no_limit_or_some)] = Field(
        -1, description="stop after so many steps; -1: no such limit"
    )
    per_device_train_batch_size: int = Field(
        32, ge=2, description="rows a batch; each pair has batch - 1 in-batch negatives"
    )
    mini_batch_size: int | None = Field(
        None, ge=1, description="rows computed at a time, with the same result; null: as many as fit into memory"
    )
    gradient_accumulation_steps: int = Field(1, ge=1, description="batches a step; adds no in-batch negatives")
    max_length: int | None = Field(
        None, ge=8, description="texts are cut at so many tokens in training; null: the model's limit"
    )
    learning_rate: float | None = Field(
        None, gt=0, lt=1, description="peak learning rate; null: the plan's, 2e-5, for scored pairs 5e-5"
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = Field(
        "linear", description="how the rate falls after its warm-up"
    )
    warmup_steps: float = Field(
        0.1, ge=0, description="linear warm-up: a share of the steps below 1, else their number"
    )
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    eval_per_epoch: int = Field(2, ge=1, description="dev measurements and checkpoints an epoch")
    early_stopping_patience: int | None = Field(
        4, ge=1, description="measurements without a gain in the dev metric after which it stops; null: never"
    )
    floor: FloorConfig = Field(
        default_factory=dict,  # type: ignore[arg-type]
        validate_default=True,
        description="a general set that is watched; weights are mixed with the base's to keep what it could do",
    )
    precision: Literal["auto", "bf16", "fp32"] = Field("auto", description="auto: bf16 where the processor has it")
    lora_rank: int = Field(0, ge=0, description="of low-rank adapters, trained in place of the weights; 0: none")
    lora_alpha: int | None = Field(None, gt=0, description="scale of the adapters; null: twice the rank")
    lora_dropout: float = Field(0.0, ge=0, lt=1, description="within the adapters")
    lora_targets: list[str] = Field(
        default_factory=list, description="modules that get an adapter, e.g. [query, value]; empty: every linear layer"
    )
    freeze_layers: int = Field(0, ge=0, description="the embeddings and so many layers above them are not trained")
    layer_lr_decay: float = Field(
        1.0, gt=0, le=1, description="a layer's learning rate as a share of that of the layer above it"
    )
    max_dev_queries: int = Field(500, ge=2, description="dev queries that are measured at most, drawn by the seed")
    max_dev_passages: int = Field(500, ge=1, description="passages the dev queries are searched among")
    report_to: list[str] = Field(
        default_factory=list, description="trackers that transformers knows, e.g. [tensorboard]"
    )


class SelectConfig(Section):
    """select: which backbone is to be tuned; a step of runs that name candidates."""

    candidates: Annotated[list[str], BeforeValidator(_as_list)] = Field(
        default_factory=list, description="names, hub ids or folders; the one recommended takes the place of `model`"
    )
    max_latency_ms: float | None = Field(
        None, gt=0, description="95 % of the queries, asked alone, are answered within so many; null: no limit"
    )
    max_dim: int | None = Field(None, ge=1, description="dimensions of the vectors; null: no limit")
    max_memory: float | None = Field(
        None, gt=0, description="MB that the model adds to a process at its peak; null: no limit"
    )
    max_index: float | None = Field(
        None, gt=0, description="MB that a million vectors take in an exact index; null: no limit"
    )
    steps: int = Field(32, ge=0, description="of the first round of trials, doubled each round; 0: no trials")
    rounds: int = Field(3, ge=1, description="of trials at most")
    max_queries: int = Field(1_000, ge=2, description="dev queries or pairs that are judged at most")
    max_passages: int = Field(1_000, ge=1, description="passages they are searched among, the judged ones and others")
    dims: list[Annotated[int, Field(ge=1)]] = Field(
        default_factory=lambda: [384, 256, 128, 64], description="dimensions that the recommended one is cut to"
    )
    runtime: Literal["auto", "onnx", "onnx-int8", "torch"] = Field(
        "auto", description="what speed and memory are measured on; auto: onnx, and torch where no graph can be made"
    )


class EvaluateConfig(Section):
    """evaluate: tuned against base and BM25 on the held-out part."""

    task: Task | Literal[""] = Field(
        "", description="what to judge by where the data allows several, e.g. pairs; empty: what its shape says"
    )
    at: list[Annotated[int, Field(ge=1, le=1000)]] = Field(
        default_factory=list, description="the k of retrieval's measures, e.g. [1, 3, 10]; empty: the usual ones"
    )
    bm25: bool = Field(True, description="compare with BM25 too")
    min_queries: int = Field(20, ge=2, description="fewer test queries than this: 'cannot judge'")
    alpha: float = Field(
        0.01, gt=0, le=0.05, description="a difference is believed if its p-value, corrected for several, is below"
    )
    noise: float = Field(
        0.005, ge=0, lt=1, description="a difference up to this may come of a training's seed alone and decides nothing"
    )
    min_gain: float = Field(0.0, ge=0, lt=1, description="the gain that makes shipping worth while; 0: any real one")
    min_metric: float | None = Field(
        None, ge=0, le=1, description="a bar that the metric itself must reach, e.g. 0.8 for Spearman; null: none"
    )
    max_slice_drop: float | None = Field(
        None, ge=0, le=1, description="what a slice that got worse may lose; null: it is named, and no more"
    )
    general: str = Field(
        "", description="general text to see what was forgotten: a table of scored pairs, a data set; empty: none"
    )
    max_drop: float = Field(0.01, ge=0, le=1, description="what the metric on general text may lose against the base")
    calibrate: bool = Field(
        True, description="measure what a score means on the dev part, and give the exported model its thresholds"
    )
    gate: bool = Field(False, description="stop the run, with exit code 1 or 2, unless the verdict is 'ship'")


class ExportConfig(Section):
    """export: the model as a graph that serves without torch."""

    format: list[Literal["onnx", "torchscript"]] = Field(
        default_factory=lambda: ["onnx"], description="onnx (needed to serve), torchscript"
    )
    precision: Annotated[list[Literal["fp32", "int8"]], BeforeValidator(_as_list)] = Field(
        default_factory=lambda: ["fp32"], description="of the onnx graph: fp32 (which is served), int8 beside it"
    )


class IndexConfig(Section):
    """index: where the vectors are kept."""

    backend: Literal["faiss", "milvus"] = Field("faiss", description="faiss (a file) or milvus (a database)")
    uri: str = Field("", description="milvus: a file ending in .db (milvus-lite) or http://host:19530")
    collection: str = Field("", description="milvus: the collection's name; empty: made from the run's")

    @model_validator(mode="after")
    def _uri_for_milvus(self) -> IndexConfig:
        if self.backend == "milvus" and not self.uri:
            raise PydanticCustomError(
                "uri", "the milvus backend needs a uri, a file ending in .db or a server's address"
            )
        if self.backend == "faiss" and self.uri:
            raise PydanticCustomError("uri", "a uri is for the milvus backend; say backend: milvus, or leave it out")
        return self


class SearchConfig(Section):
    """search: questions to answer at the end of the run, by the tuned and the base model."""

    questions: list[str] = Field(default_factory=list, description="questions to ask")
    k: int = Field(3, ge=1, le=100, description="answers a question")


class RunConfig(Section):
    """A whole run."""

    name: str = Field(pattern=NAME, description="the run's name: its folder under runs_dir")
    model: str = Field("all-MiniLM-L6-v2", min_length=1, description="the backbone: a name, a hub id or a folder")
    runs_dir: str = Field("runs", min_length=1, description="where run folders are made")
    seed: int = Field(13, ge=0, lt=2**32, description="of split, training and statistics")
    prepare: PrepareConfig
    select: SelectConfig = SelectConfig()  # type: ignore[call-arg]
    train: TrainConfig = TrainConfig()  # type: ignore[call-arg]
    evaluate: EvaluateConfig = EvaluateConfig()  # type: ignore[call-arg]
    export: ExportConfig = ExportConfig()  # type: ignore[call-arg]
    index: IndexConfig = IndexConfig()  # type: ignore[call-arg]
    search: SearchConfig = SearchConfig()  # type: ignore[call-arg]


def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """Read a config file, apply `section.key=value` overrides, and check it.

    Paths in it are relative to the working directory, as on the command line. `${NAME}` and
    `${NAME:-default}` in its values are replaced from the environment.

    Raises:
        InputError: there is no such file.
        ConfigError: it is no YAML, or a key or value is wrong; every error is named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise InputError(f"There is no config file {path.resolve()}. `semtune init FOLDER` writes one.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text file in UTF-8.") from None
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path} must hold keys and values ('name: ...', 'prepare: ...'), found {type(values).__name__}."
        )
    for override in overrides:
        _override(values, override)
    return parse_config(_expand(values, str(path)), str(path))


def parse_config(values: dict[str, Any], origin: str = "the config") -> RunConfig:
    """Check a config given as plain values.

    Raises:
        ConfigError: every wrong key and value, with the nearest known name or what is allowed.
    """
    # A section whose keys are all commented out is empty in YAML.
    given = {key: value for key, value in values.items() if value is not None or key not in RunConfig.model_fields}
    try:
        return RunConfig.model_validate(given)
    except ValidationError as error:
        problems = [_problem(item) for item in error.errors(include_url=False)]
        raise ConfigError(f"{origin}: " + "; ".join(problems)) from None


def parse_section(name: str, settings: Sequence[str]) -> dict[str, Any]:
    """The values of one section from `key=value` words, defaults filled in and checked.

    Raises:
        ConfigError: a key or value is wrong.
    """
    values: dict[str, Any] = {"name": "x", "prepare": {"source": "x"}}
    for setting in settings:
        _override(values, f"{name}.{setting}")
    return getattr(parse_config(values, "--set"), name).model_dump()


def write_config(config: RunConfig, path: Path) -> None:
    """Write the resolved config, every default filled in; it runs again."""
    with atomic_file(path) as out:
        out.write("# Resolved by semtune; every default is written out. `semtune run` takes this file as it is.\n")
        yaml.safe_dump(config.model_dump(mode="json"), out, sort_keys=False, allow_unicode=True)


def known_keys(location: Sequence[str | int]) -> list[str]:
    """The keys allowed in a section of the config, `()` being the top."""
    model: Any = RunConfig
    for part in location:
        field = model.model_fields.get(str(part)) if isinstance(model, type) and issubclass(model, BaseModel) else None
        model = field.annotation if field else None
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _override(values: dict[str, Any], override: str) -> None:
    key, found, text = override.partition("=")
    if not found or not key:
        raise ConfigError(f"{override!r} is not an override. Write section.key=value, e.g. train.num_train_epochs=2.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"The value of the override {override!r} is not valid YAML: {error}") from None
    *sections, last = key.strip().split(".")
    for section in sections:
        if values.get(section) is None:
            values[section] = {}
        values = values[section]
        if not isinstance(values, dict):
            raise ConfigError(f"{override!r}: {section!r} is a value, not a section.")
    values[last] = value


def _expand(value: Any, origin: str) -> Any:
    if isinstance(value, dict):
        return {key: _expand(inner, origin) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner, origin) for inner in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise ConfigError(
                f"{origin}: the environment variable {match[1]} is not set. Set it, or write ${{{match[1]}:-default}}."
            )
        return found

    return VARIABLE.sub(replace, value)


def _problem(item: Any) -> str:
    *section, key = item["loc"]
    where = ".".join(map(str, item["loc"]))
    if item["type"] == "extra_forbidden":
        known = known_keys(section)
        return f"unknown key {where!r}.{nearest(str(key), known)} Allowed{' in ' + '.'.join(map(str, section)) if section else ''}: {', '.join(known)}"
    if item["type"] == "missing":
        return f"{where!r} is missing"
    return f"{where}: {item['msg'][0].lower() + item['msg'][1:]} (found {item['input']!r})"
