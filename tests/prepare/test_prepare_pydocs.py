import sys

import pytest

from semtune.prepare.drop_log import Tally
from semtune.prepare.readers.documents.docstrings import from_module, from_source, split_docstring
from semtune.prepare.readers.documents.python_docs import modules, read_python_docs

SOURCE = '''"""Module text."""
class Zip:
    """A zip file."""
    def read(self):
        """Read it."""
        def inner():
            """Not this."""
    def _private(self):
        """Nor this."""
    def __len__(self):
        """Nor that."""
async def fetch():
    """Fetch it."""
'''


def test_public_docstrings_of_source():
    assert list(from_source(SOURCE, "m")) == [
        ("m", "Module text."),
        ("m.Zip", "A zip file."),
        ("m.Zip.read", "Read it."),
        ("m.fetch", "Fetch it."),
    ]


def test_docstrings_of_a_module_without_source():
    import zlib

    found = dict(from_module(zlib))
    assert found["zlib.compress"].startswith("Returns a bytes object containing compressed data.")
    assert not any("__" in name for name in found)


@pytest.mark.parametrize(
    ("text", "summary", "rest"),
    [
        ("Read it\nall.\n\nMore here.", "Read it all.", "More here."),
        (
            "range(stop) -> range object\nrange(a, b) -> range object\n\nReturn numbers.\n\nMore.",
            "Return numbers.",
            "More.",
        ),
        ("D.pop(k[,d]) -> v, remove the key.\n\nElse.", "Remove the key.", "Else."),
        (">>> f(1)\n2", "", ">>> f(1)\n2"),
        (
            "First one is short. " + "Word " * 45 + "end.\n\nRest.",
            "First one is short.",
            "Word " * 45 + "end.\n\nRest.",
        ),
    ],
)
def test_summary_and_body(text, summary, rest):
    assert split_docstring(text) == (summary, rest)


@pytest.mark.slow
def test_the_standard_library_is_read_and_nothing_private_or_tested():
    before = set(sys.modules)
    sections = read_python_docs(Tally())
    by_id = {section.id: section for section in sections}
    assert by_id["zipfile.ZipFile.read"].group == "zipfile" or "zipfile.ZipFile" in by_id
    assert by_id["math.sqrt"].group == "math"
    assert by_id["builtins.len"].summary == "Return the number of items in a container."
    assert by_id["topics/with#1"].group == "topic with"
    assert by_id["topics/with#1"].path == ('The "with" statement',)
    assert len(by_id) == len(sections)
    groups = {section.group for section in sections}
    assert groups.isdisjoint({"test", "idlelib", "lib2to3", "turtledemo", "encodings", "antigravity"})
    assert not any(part.startswith("_") for section in sections for part in section.name.split("."))
    # Only modules without source are imported: antigravity, for one, would open a browser.
    assert {"antigravity", "tkinter", "turtle"}.isdisjoint(set(sys.modules) - before)
    assert {"json", "zipfile", "math"} <= set(modules())
