"""Recommend: items like those that somebody liked, from the vectors of an index and from what was used together."""
