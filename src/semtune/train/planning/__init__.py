"""What a training will do, decided before it starts: loss, batches, memory, steps."""
