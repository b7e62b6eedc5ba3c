"""Mine: hard negatives, the guards against false ones, and the labels that people add when they review them."""
