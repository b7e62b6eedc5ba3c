"""One run of the sentence-transformers Trainer: its inputs, its arguments, its checkpoints."""
