"""What the dialects share: which model is asked in which role, limits, and what the headers say."""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semtune.contract import Contract
from semtune.protocols import Encoder
from semtune.serve.catalogue import Catalogue, Served, UnknownModelError
from semtune.serve.dialects.token_ids import TokenIds, reader
from semtune.serve.embedding import Embedded, listed
from semtune.serve.errors import ApiError
from semtune.serve.schemas import CHANGE_VECTORS
from semtune.serve.settings import ServeSettings
from semtune.serve.workers import Workers
from semtune.types import ROLES, Role

TRUNCATED_HEADER, CUT_HEADER = "X-Semtune-Truncated", "X-Semtune-Cut-Tokens"
IGNORED_HEADER = "X-Semtune-Ignored"
RERANKER = "reranker"  # what Open WebUI calls the model unless told otherwise
NAMED = 8  # ignored fields in the header
HEADER_LETTERS = frozenset(string.ascii_letters + string.digits + "_-.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is for.

    Attributes:
        served: the model.
        role: of its texts; None: the request does not say.
        ignored: names of fields that change nothing here.
    """

    served: Served
    role: Role | None
    ignored: tuple[str, ...] = ()

    def headers(self, made: Embedded | None = None) -> dict[str, str]:
        """How much was cut, and which fields were ignored."""
        return cut_headers(made.truncated if made else 0, made.cut_tokens if made else 0) | self.ignored_header()

    def ignored_header(self) -> dict[str, str]:
        """The names of ignored fields that can be written into a header; empty without any."""
        names = [name for name in self.ignored if set(name) <= HEADER_LETTERS and len(name) <= 64]
        return {IGNORED_HEADER: ", ".join(names[:NAMED])} if names else {}


@dataclass(frozen=True, slots=True)
class Shared:
    """What the routers of all dialects are given."""

    catalogue: Catalogue
    workers: Workers
    ids: TokenIds
    max_inputs: int
    max_requests: int

    @classmethod
    def of(cls, catalogue: Catalogue, workers: Workers, settings: ServeSettings) -> Shared:
        """By the server's settings.

        Raises:
            ConfigError: token ids of cl100k are to be read, and its vocabulary is not on this machine.
        """
        return cls(catalogue, workers, reader(settings.token_ids), settings.max_inputs, workers.limit("query"))

    def asked(self, name: str | None, role: Role | None = None, extra: Mapping[str, Any] | None = None) -> Asked:
        """Which model is meant, and in which role.

        The role is that of the name (`model:query`), of the request's own field, or of a field of any name that holds
        one of the model's prompts, which is how Open WebUI sends it.

        Raises:
            ApiError: 404, nothing is served by this name; 400, two of the three contradict each other.
        """
        try:
            served, by_name = self.catalogue.find(name)
        except UnknownModelError as error:
            raise ApiError(404, str(error), param="model", code="model_not_found") from None
        extra = extra or {}
        by_prompt = _role_by_prompt(extra, served.encoder.contract)
        said: set[Role] = {each for each in (by_name, role, by_prompt.role) if each}
        if len(said) > 1:
            raise ApiError(
                400,
                f"The request asks for queries and for documents: the model's name is {name!r}, and another field says "
                "otherwise. Leave one of them out.",
                param="model",
            )
        return Asked(served, next(iter(said), None), tuple(name for name in extra if name != by_prompt.field))

    def texts(self, inputs: str | Sequence[Any], encoder: Encoder, field: str, ids: TokenIds) -> list[str]:
        """Turn a text, the token ids of one, or a list of either into texts; an empty text is a text.

        Args:
            inputs: of the request.
            encoder: that reads them.
            field: the request's field with them, for messages.
            ids: reads token ids.

        Raises:
            ApiError: 400 or another status by dialect; there are no texts or too many, or ids are not read here.
        """
        each = listed(inputs)
        self.check_count(len(each), field)
        return [it if isinstance(it, str) else ids(it, encoder, f"'{field}[{place}]'") for place, it in enumerate(each)]

    def check_count(self, count: int, field: str) -> None:
        """Refuse a request without texts, or with too many.

        Raises:
            ApiError: 400 or 413 by dialect.
        """
        if not count:
            raise ApiError(400, f"{field!r} is an empty list. Give at least one text.", param=field, code="empty")
        if count > self.max_inputs:
            raise ApiError(
                400,
                f"{field!r} holds {count:,} texts; the maximum is {self.max_inputs:,}. Send several requests.",
                param=field,
                code="too_many",
            )


@dataclass(frozen=True, slots=True)
class _ByPrompt:
    role: Role | None = None
    field: str = ""


def _role_by_prompt(extra: Mapping[str, Any], contract: Contract) -> _ByPrompt:
    """The role whose prompt is the value of an unknown field.

    Raises:
        ApiError: 400; a field that is a prompt in other APIs holds another text than the model's prompts.
    """
    for field, value in extra.items():
        if not isinstance(value, str):
            continue
        for role in ROLES:
            prompt = contract.part(role).prompt(role).strip()
            if prompt and value.strip() == prompt:
                return _ByPrompt(role, field)
        if field in CHANGE_VECTORS and value:
            raise ApiError(
                400,
                f"The field {field!r} is not known here, and in other APIs it changes the vectors, so it is not "
                "ignored. Choose the model's own prompt by the role: query or document.",
                param=field,
            )
    return _ByPrompt()


def without_reranker(name: str | None) -> str | None:
    """The served name in `NAME:reranker`, by which some clients are told of a reranker; "reranker" is the default's."""
    return None if name == RERANKER else name and name.removesuffix(f":{RERANKER}")


def cut_headers(texts: int, tokens: int) -> dict[str, str]:
    """How many texts were cut, and how many of their tokens were not read."""
    return {TRUNCATED_HEADER: str(texts), CUT_HEADER: str(tokens)}


def check_dimensions(dimensions: int | None, encoder: Encoder, field: str = "dimensions") -> None:
    """Refuse another dimension than the model's own: a part of a vector that was not trained for it means little.

    Raises:
        ApiError: 400.
    """
    own = encoder.contract.dimension
    if dimensions is not None and dimensions != own:
        raise ApiError(
            400,
            f"{field!r} is {dimensions}, but the model {encoder.contract.name!r} has {own} dimensions and cannot "
            f"shorten its vectors. Use {own}, or leave {field!r} out.",
            param=field,
        )


def as_json(content: Any) -> bytes:
    """A response without pydantic, which would validate every single number."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
