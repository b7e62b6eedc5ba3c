"""Fixtures of the prepare tests; the code has a module of its own, since every room has a conftest."""

from prepare_parts import *  # noqa: F403 - fixtures are found by name
