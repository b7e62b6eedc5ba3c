"""Split: train, dev and test that share nothing, and the checks that keep them apart."""
