"""Training rows: their shapes, the tables of the Trainer, and the batches."""
