"""Build: from what a reader found to a data set, one module a shape of source."""
