"""The report of a choice of backbone."""
