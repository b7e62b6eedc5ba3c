"""The APIs that other programs' clients speak: one file each, with its routes and its form of errors."""
