"""The command line: a thin file a command; everything heavy is imported inside the functions."""
