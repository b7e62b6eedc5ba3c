"""Train: fine-tune a backbone on a data set with the sentence-transformers Trainer. Needs torch."""
