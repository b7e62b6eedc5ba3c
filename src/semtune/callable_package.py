"""A package that can be called: `semtune.train(...)` trains, and `semtune.train.settings` is a module in it.

A step has one name everywhere, so its function in the Python API has the name of its package. Importing anything from
the package makes it an attribute of `semtune`, in the place of the function; so the package passes a call on.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any


class CallablePackage(ModuleType):
    """A package whose call is that of the function of the same name in `semtune.api`."""

    def __call__(self, *args: Any, **values: Any) -> Any:
        """Call the function of the Python API."""
        return getattr(importlib.import_module("semtune.api"), self.__name__.rpartition(".")[2])(*args, **values)


def make_callable(package: str) -> None:
    """Make the package of this name callable."""
    sys.modules[package].__class__ = CallablePackage
