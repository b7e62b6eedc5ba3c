"""Distil: a smaller or wider-read student from a tuned teacher."""
