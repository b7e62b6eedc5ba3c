"""Docstrings of Python code: from source by `ast`, without running it, or from imported modules."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from semtune.sentences import sentences
from semtune.text import one_line, word_count

Found = tuple[str, str]  # (qualified name, docstring)
MAX_SUMMARY = 40  # words; a longer first paragraph gives its first sentence
_SIGNATURE = re.compile(r"^[\w.\[\], ]*\w\(.*?\)\s*(?:->|=>|:|--|$)[^\n.]*$")
_INLINE_SIGNATURE = re.compile(r"^[\w.]+\([^\n]*?\)\s*(?:(?:->|=>)\s*[\w\[\], ().|]+?)?\s*(?:--|—|:)\s+(?=\w)")
_RETURN_SIGNATURE = re.compile(r"^[\w.]+\([^\n]*?\)\s*(?:->|=>)\s*[^,.:\n]+[,.:]\s+(?=\w)")


def from_source(code: str, module: str) -> Iterator[Found]:
    """Public docstrings of a module's source, in order of appearance.

    Raises:
        SyntaxError: the source is not Python.
    """
    tree = ast.parse(code)
    if text := ast.get_docstring(tree):
        yield module, text
    yield from _nested(tree, module)


def _nested(node: ast.Module | ast.ClassDef, prefix: str) -> Iterator[Found]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            name = f"{prefix}.{child.name}"
            if text := ast.get_docstring(child):
                yield name, text
            if isinstance(child, ast.ClassDef):
                yield from _nested(child, name)


def from_module(module: ModuleType) -> Iterator[Found]:
    """Public docstrings of an imported module, its functions, classes and their methods, sorted by name."""
    name = module.__name__
    yield from _own(name, module)
    for member, value in sorted(vars(module).items()):
        if member.startswith("_") or inspect.ismodule(value) or not (callable(value) or inspect.isclass(value)):
            continue
        if getattr(value, "__module__", name) not in {name, None}:
            continue  # imported from another module
        yield from _own(f"{name}.{member}", value)
        if inspect.isclass(value):
            for method, attribute in sorted(vars(value).items()):
                if not method.startswith("_"):
                    yield from _own(f"{name}.{member}.{method}", attribute)


def _own(name: str, value: Any) -> Iterator[Found]:
    text = getattr(value, "__doc__", None)
    if isinstance(text, str) and text.strip():
        yield name, inspect.cleandoc(text)


def split_docstring(text: str) -> tuple[str, str]:
    """The summary (first paragraph or sentence, PEP 257) and the rest, without signatures.

    The summary is empty if the docstring does not begin with prose.
    """
    lines = text.strip().split("\n")
    while lines and _SIGNATURE.match(lines[0]) and not lines[0].rstrip().endswith("."):
        lines.pop(0)
    text = "\n".join(lines).strip("\n")
    for pattern in (_INLINE_SIGNATURE, _RETURN_SIGNATURE):
        text = pattern.sub("", text, count=1)
    head, _, rest = text.partition("\n\n")
    if _is_code(head):
        return "", text
    summary = one_line(head)
    if word_count(summary) > MAX_SUMMARY:
        first, *others = sentences(summary)
        summary, rest = first, "\n\n".join(filter(None, [" ".join(others), rest]))
    summary = summary[:1].upper() + summary[1:]
    return summary, rest.strip("\n")


def _is_code(paragraph: str) -> bool:
    return any(
        line.startswith((" ", "\t", ">>>", "-", "*", "+", "=", ".. ")) for line in paragraph.split("\n")[:1]
    ) or ("\n" in paragraph and any(set(line.strip()) <= set("=-~^*") for line in paragraph.split("\n")[1:]))
