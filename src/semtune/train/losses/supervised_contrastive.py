"""Supervised contrastive loss: texts of one class attract each other, all other texts of the batch repel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SupervisedContrastiveLoss(nn.Module):
    """The loss L_out of Khosla et al. 2020, "Supervised Contrastive Learning", equation 2, on unit vectors.

    Each text of a batch is an anchor. Its loss is the mean, over the other texts of its class, of the cross entropy of
    finding that text among all others of the batch. So no text of an anchor's own class is ever a negative. A text that
    is alone with its class is a negative for the others only.
    """

    def __init__(self, model: SentenceTransformer, temperature: float = 0.07) -> None:
        """Make the loss.

        Args:
            model: the one that is trained.
            temperature: cosines are divided by it; lower values look at the hardest texts only.
        """
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """The mean loss of the anchors that share their class with another text of the batch.

        Args:
            sentence_features: the batch's one column of texts, tokenized.
            labels: (n,) the number of each text's class.
        """
        vectors = self.model(next(iter(sentence_features)))["sentence_embedding"]
        return supervised_contrastive(vectors, labels.view(-1), self.temperature)

    def get_config_dict(self) -> dict[str, Any]:
        """The options, as sentence-transformers writes them into a model card."""
        return {"temperature": self.temperature}


def supervised_contrastive(vectors: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The loss of (n, dim) vectors of any length with (n,) classes; 0 if no two of them share a class."""
    unit = nn.functional.normalize(vectors.float(), dim=-1)
    scores = unit @ unit.T / temperature
    itself = torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    log_shares = torch.log_softmax(scores.masked_fill(itself, float("-inf")), dim=-1)
    same = (labels.unsqueeze(0) == labels.unsqueeze(1)) & ~itself
    others = same.sum(dim=-1)
    each = -log_shares.masked_fill(~same, 0.0).sum(dim=-1) / others.clamp(min=1)
    anchors = others > 0
    return each[anchors].mean() if bool(anchors.any()) else each.sum() * 0.0
