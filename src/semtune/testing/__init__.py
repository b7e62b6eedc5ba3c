"""What tests of Semtune and of plug-ins stand on: a toy corpus and a toy model with real files."""
