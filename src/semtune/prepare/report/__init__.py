"""The report of a data set: its numbers as JSON, and the page made from them."""
