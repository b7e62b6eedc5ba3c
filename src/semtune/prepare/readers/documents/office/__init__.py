"""Slides, sheets, books, notebooks, mail and further texts."""
