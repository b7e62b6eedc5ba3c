"""Faster training on processors: attention and dropout in few passes, batches without padding."""
