"""Mine: hard negatives, the guards against false ones, and their review by people."""
