"""What a training ends with: which weights are kept, and the model folder they are saved in."""
