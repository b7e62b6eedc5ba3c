"""The reference encoder, used for training: sentence-transformers on torch."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from semtune import contract as contracts
from semtune.encoders.adapter import open_adapted
from semtune.encoders.batching import by_length
from semtune.encoders.checked import refuse_broken
from semtune.errors import ModelError
from semtune.machine import has_bf16
from semtune.model_folder import assumed_pooling, position_limit
from semtune.model_places import Places, optional_json, places
from semtune.progress import QUIET, Progress
from semtune.registry import need
from semtune.types import Encoded, Role

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Precision = Literal["fp32", "bf16"]
SOME_TEXT = "a"
WINDOW = 4096  # texts tokenized at a time; limits the memory for token ids


def open_sentence_transformer(folder: Path, device: str | None = None) -> SentenceTransformer:
    """Open a local folder as a `SentenceTransformer` without contacting a model hub.

    Raises:
        ModelError: sentence-transformers cannot open it, or it has weights with NaN; the message says which.
        MissingExtraError: torch or sentence-transformers is not installed.
    """
    need("sentence_transformers")
    # transformers otherwise asks the hub for updates of a folder that records its origin.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from safetensors import SafetensorError
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    found = places(folder)
    try:
        opened = open_adapted(found, device) if found.base else _opened(folder, device)
    except SafetensorError as error:
        raise ModelError(
            f"sentence-transformers cannot open {folder}: a weights file (*.safetensors) is damaged, perhaps cut off "
            f"when it was copied ({error}). Copy it again."
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"sentence-transformers cannot open {folder}: {error}") from error
    _take_assumed_pooling(opened, found)
    _keep_within_positions(opened)
    refuse_broken(folder, [name for name, weights in opened.named_parameters() if not weights.isfinite().all()])
    return opened


def _opened(folder: Path, device: str | None) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device=device, local_files_only=True)


def _take_assumed_pooling(model: SentenceTransformer, found: Places) -> None:
    """Pool a folder without a pooling configuration as its family does; the library takes the mean for all."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    assumed = assumed_pooling(found, optional_json(found.backbone / "config.json"))
    if assumed is None:
        return
    warnings.warn(assumed[1], stacklevel=3)
    for module in model:
        if isinstance(module, Pooling):
            module.pooling_mode = assumed[0]  # type: ignore[assignment]


def _keep_within_positions(model: SentenceTransformer) -> None:
    """Shorten a length limit that goes beyond the backbone's positions, where a longer text would fail."""
    from sentence_transformers.base.modules import Transformer

    for module in model.modules():
        if not isinstance(module, Transformer):
            continue
        config = module.config.to_dict()
        if int(config.get("max_position_embeddings") or 0) > 0:
            limit = position_limit(config)
            if module.max_seq_length is None or module.max_seq_length > limit:
                module.max_seq_length = limit


class TorchEncoder:
    """Embeds texts with a `SentenceTransformer`, by default in fp32."""

    def __init__(self, model: SentenceTransformer, contract: contracts.Contract, precision: Precision = "fp32") -> None:
        self.contract = contract
        self.runtime = f"torch-{precision}"
        self._model = model
        self._bf16 = precision == "bf16"

    @classmethod
    def load(cls, folder: Path, precision: Precision = "fp32", device: str | None = None) -> TorchEncoder:
        """Open a model folder and check its contract against its weights."""
        contract = contracts.load(folder)
        return cls(open_sentence_transformer(folder, device), contract, precision)

    def encode(self, texts: Sequence[str], role: Role = "document", progress: Progress | None = None) -> Encoded:
        """Embed `texts`, (n,) → (n, dim) float32, in the order given."""
        vectors = np.zeros((len(texts), self.contract.dimension), dtype=np.float32)
        read, beyond = np.zeros(len(texts), np.int32), np.zeros(len(texts), np.int32)
        was_training = self._model.training
        self._model.eval()
        try:
            with (progress or QUIET).track("encode", len(texts)) as advance:
                for start in range(0, len(texts), WINDOW):
                    window = texts[start : start + WINDOW]
                    lengths = self._lengths(window, role)
                    limit = self.contract.part(role).max_length
                    beyond[start : start + WINDOW] = [max(0, n - limit) for n in lengths]
                    read[start : start + WINDOW] = [min(n, limit) for n in lengths]
                    for batch in by_length([min(n, limit) for n in lengths]):
                        # Without special tokens an empty text has no token, and a batch must have one.
                        beside = [SOME_TEXT] if not any(lengths[i] for i in batch) else []
                        made = self._forward([window[i] for i in batch] + beside, role)
                        vectors[[start + i for i in batch]] = made[: len(batch)]
                        advance(len(batch))
        finally:
            self._model.train(was_training)
        cut = beyond > 0
        return Encoded(vectors, int(read.sum()), int(cut.sum()), read, cut, beyond)

    def _lengths(self, texts: Sequence[str], role: Role) -> list[int]:
        prompted = [self.contract.prompt(role) + text for text in texts]
        tokenizer = self._tokenizer(role)
        if self.contract.part(role).pooling == contracts.STATIC:  # a tokenizer of the tokenizers package
            encodings = tokenizer.encode_batch(prompted, add_special_tokens=False)
            return [len(e.ids) + sum(len(rest.ids) for rest in e.overflowing) for e in encodings]
        return [len(ids) for ids in tokenizer(prompted, verbose=False)["input_ids"]]

    def _tokenizer(self, role: Role) -> Any:
        if not self.contract.parts:
            return self._model.tokenizer
        router: Any = self._model[0]
        return router.sub_modules[router._resolve_route(task=role, modality="text")][0].tokenizer

    def _forward(self, texts: list[str], role: Role) -> np.ndarray:
        import torch

        task: dict[str, Any] = {"task": role} if self.contract.parts else {}
        half = torch.autocast(self._model.device.type, dtype=torch.bfloat16) if self._bf16 else nullcontext()
        with torch.inference_mode(), half:
            made = self._model.encode(
                texts,
                prompt=self.contract.prompt(role),
                batch_size=len(texts),
                normalize_embeddings=self.contract.normalize,
                convert_to_tensor=True,
                show_progress_bar=False,
                **task,
            )
        return made.float().cpu().numpy()


def open_torch(folder: Path, fast: bool = False) -> TorchEncoder:
    """Open a model folder on torch; `fast`: in bf16 if the processor supports it in hardware."""
    return TorchEncoder.load(folder, "bf16" if fast and has_bf16() else "fp32")
