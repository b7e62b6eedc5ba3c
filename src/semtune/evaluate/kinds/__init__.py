"""One module for each kind of evaluation besides retrieval: from an encoder and labelled texts to `Scores`."""
