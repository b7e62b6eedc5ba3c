"""The losses of sentence-transformers: which there are, which fits the data, how one is made."""

from semtune.train.losses.catalogue import takes_labels

__all__ = ["takes_labels"]
