"""A local index of the toy encoder that the server follows, as `semtune serve` does."""

from pathlib import Path

from semtune.encoders.toy import ToyEncoder
from semtune.index import manifest as manifests
from semtune.index import versions
from semtune.index.build import build_index
from semtune.index.follow import Following
from semtune.index.open import open_collection
from semtune.index.settings import IndexSettings
from semtune.search.searcher import Searcher
from semtune.serve.catalogue import Served
from semtune.types import Document

DOCUMENTS = [
    Document("a#1", "Mend the kettle with solder.", "", {"lang": "en", "source": "a"}),
    Document("b/1", "Den Kessel mit Zinn flicken.", "Kessel", {"lang": "de", "source": "b"}),
]


def built_index(folder: Path, documents=DOCUMENTS) -> Path:
    """An index in a new folder."""
    build_index(documents, ToyEncoder(), folder.parent / "gone", folder, IndexSettings())
    return folder


def followed(folder: Path, name: str = "toy") -> Served:
    """What is served of an index."""

    def open_() -> Searcher:
        place = versions.current(folder)
        return Searcher(ToyEncoder(), open_collection(place, manifests.read(place)))

    return Served(name, ToyEncoder(), Following(folder, open_, Searcher.close), folder)
