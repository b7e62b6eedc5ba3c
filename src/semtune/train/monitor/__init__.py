"""What is watched as a training goes: the dev metric, the embeddings, and what the log says."""
