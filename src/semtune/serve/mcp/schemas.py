"""What the tools take and return, with a sentence on each field: language models read them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from semtune.search.mode import SearchMode
from semtune.serve.schemas import Text
from semtune.settings import mistake
from semtune.types import Hit

DEFAULT_K, MAX_K = 5, 50
MAX_QUERY = 32_768  # characters
SHOWN = 2000  # characters of a hit's text
PAGE = 100_000  # characters of a document in one answer of fetch


def _filter(value: Any) -> Any:
    if not isinstance(value, str | dict | None):
        raise mistake("filter", "A filter is an object or a text")
    return value


K: TypeAlias = Annotated[int, Field(ge=1, le=MAX_K)]


class Arguments(BaseModel):
    """Arguments of a tool; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid")


class SearchArguments(Arguments):
    """Of `search`."""

    query: Text = Field(description="What is looked for: a whole question finds more than single words.")
    k: K = Field(DEFAULT_K, description="Maximum number of passages.")
    where: Annotated[dict[str, Any] | Text | None, BeforeValidator(_filter)] = Field(
        None,
        description='Filter on the metadata: {"lang": "de", "year": {">=": 2020}}, or "lang=de and year>=2020".',
    )
    mode: SearchMode = Field(
        "auto", description="dense: by meaning; keyword: by words; hybrid: by both; auto: as the index is set up."
    )


class FetchArguments(Arguments):
    """Of `fetch`."""

    id: Text = Field(description="Id of a result of search or similar.")
    offset: int = Field(0, ge=0, description="Character to begin at: next_offset of the answer before.")


class SimilarArguments(Arguments):
    """Of `similar`."""

    id: Text = Field(description="Id of a result of search or similar.")
    k: K = Field(DEFAULT_K, description="Maximum number of passages.")


class Passage(BaseModel):
    """A passage found."""

    id: str
    title: str
    text: str = Field(description=f"Its first {SHOWN:,} characters.")
    cut: bool = Field(description="Whether there is more text; fetch gives all of it.")
    source: str | None = Field(description="The file that it comes from, where that is known.")
    headings: list[str] = Field(description="The headings above it, outermost first.")
    url: str | None = Field(description="Its address, where the metadata have one.")
    score: float = Field(description="Bigger is better.")
    probability: float | None = Field(
        description="That an answer with this score is relevant; null if the model is not calibrated."
    )

    @classmethod
    def of(cls, hit: Hit) -> Passage:
        """The passage of a hit."""
        return cls(
            id=hit.id,
            title=hit.title,
            text=hit.text[:SHOWN],
            cut=len(hit.text) > SHOWN,
            source=source_of(hit.metadata),
            headings=headings_of(hit.metadata),
            url=url_of(hit.metadata),
            score=hit.score,
            probability=hit.probability,
        )


class FloorValue(BaseModel):
    """The score that a passage must reach to count as an answer."""

    name: str
    score: float
    probability: float | None


class SearchResult(BaseModel):
    """Of `search`."""

    query: str
    answered: bool | None = Field(
        description="false: the answer is not in these documents; null: no floor is known, so that cannot be said."
    )
    message: str = Field(description="Why, and what else is to be known.")
    mode: str = Field(description="How it was searched: dense, keyword or hybrid.")
    floor: FloorValue | None
    results: list[Passage] = Field(description="Best first; empty if the answer is not in these documents.")


class Found(BaseModel):
    """Of `similar`."""

    results: list[Passage]


class FetchResult(BaseModel):
    """Of `fetch`."""

    id: str
    title: str
    text: str
    next_offset: int | None = Field(description="Where to go on reading; null: this is all.")
    source: str | None
    headings: list[str]
    url: str | None
    metadata: dict[str, Any]


def source_of(metadata: Any) -> str | None:
    """The file that a document comes from."""
    source = metadata.get("source")
    return str(source) if source else None


def headings_of(metadata: Any) -> list[str]:
    """The headings above a document."""
    headings = metadata.get("headings")
    return [str(each) for each in headings] if isinstance(headings, list | tuple) else []


def url_of(metadata: Any) -> str | None:
    """The address of a document; only of the web, so that no host opens a script or a file by mistake."""
    url = metadata.get("url")
    return url if isinstance(url, str) and url.lower().startswith(("https://", "http://")) else None
