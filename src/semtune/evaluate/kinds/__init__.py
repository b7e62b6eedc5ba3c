"""A module for each kind of evaluation beside retrieval: from an encoder and labelled texts to `Scores`."""
