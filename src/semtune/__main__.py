"""`python -m semtune` is the `semtune` command."""

from semtune.cli.main import main

main()
