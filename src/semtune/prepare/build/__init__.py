"""Build: turns what a reader found into a data set, one module for each shape of source."""
