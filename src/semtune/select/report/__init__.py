"""The report of a selection of a backbone."""
