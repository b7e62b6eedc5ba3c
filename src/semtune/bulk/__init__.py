"""Embedding a file of any size: read as a stream, encoded shard by shard, continued after a stop."""
