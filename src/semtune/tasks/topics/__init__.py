"""Topics: what a collection of texts is about, found again for another seed, order, or some more texts."""
