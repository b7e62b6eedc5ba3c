"""The last modules of a model replaced, so that any sentence-transformers program gets vectors of another length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


def project(model: SentenceTransformer, kept: NDArray[np.float32]) -> None:
    """Append a dense layer that projects vectors onto the columns of `kept`, (dim, dim kept), in place.

    It comes before the normalisation.
    """
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    size, dim = kept.shape
    dense = Dense(size, dim, bias=False, activation_function=torch.nn.Identity())
    with torch.no_grad():
        dense.linear.weight.copy_(torch.from_numpy(np.ascontiguousarray(kept.T)))
    replace_head(model, [dense.to(model.device)], normalize=any(isinstance(module, Normalize) for module in model))


def replace_head(model: SentenceTransformer, appended: Sequence[torch.nn.Module], *, normalize: bool) -> None:
    """Append modules, and normalise after them or not at all, in place."""
    from sentence_transformers.sentence_transformer.modules import Normalize

    modules: list[Any] = [module for module in model if not isinstance(module, Normalize)]
    modules += [*appended, *([Normalize()] if normalize else [])]
    for name in list(model._modules):
        del model._modules[name]
    for at, module in enumerate(modules):
        model.add_module(str(at), module)
