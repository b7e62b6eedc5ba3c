"""Training on processors: batches without padding, attention and dropout in few passes."""
