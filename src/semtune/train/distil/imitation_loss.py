"""The library's loss between a student's and a teacher's vectors, for teachers whose vectors are cut, too."""

from __future__ import annotations

from sentence_transformers.sentence_transformer.losses import EmbedDistillLoss
from torch import Tensor


class ImitationLoss(EmbedDistillLoss):
    """`EmbedDistillLoss` on as many numbers of the student's vectors as the teacher's have.

    With `truncate_dim` a model gives the first numbers of its vectors only; in training its student gives them all.
    """

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], teacher_embeddings: list[Tensor]) -> Tensor:
        """The loss, from vectors that are computed already."""
        width = teacher_embeddings[0].shape[1]
        return super().compute_loss_from_embeddings([each[:, :width] for each in embeddings], teacher_embeddings)
