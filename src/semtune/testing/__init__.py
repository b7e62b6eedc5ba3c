"""A toy corpus and a toy model with real files, for tests of Semtune and of plug-ins."""
