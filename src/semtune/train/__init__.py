"""Train: fine-tune a backbone on a data set with the sentence-transformers Trainer. Needs torch."""

from semtune.callable_package import make_callable

make_callable(__name__)
