"""What is served, by name: models, some with an index. Names may end with a role: `name:query`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from semtune.encoders import canary
from semtune.encoders.checked import CheckedEncoder
from semtune.encoders.weak_languages import languages_of
from semtune.encoders.windows import LongTextEncoder, with_truncate
from semtune.errors import ConfigError, ContractError
from semtune.index.follow import Following
from semtune.languages import identify
from semtune.protocols import Encoder
from semtune.search.arrange import Reranker
from semtune.search.searcher import Searcher
from semtune.serve.uses import Uses
from semtune.types import ROLES, Role, Truncate

NO_USES = Uses()
ALIAS = "-embed"  # n8n lists only models whose id contains "embed"


@dataclass(frozen=True, slots=True)
class Served:
    """A model, and the index that it searches if there is one.

    Attributes:
        name: by which requests ask for it.
        own_encoder: embeds texts.
        index: answers queries; None if a model is served without an index. One that is followed moves to another
            version when the index was switched.
        home: the index's folder, which writes go to; None: nothing can be written.
        reranker: a cross-encoder; None: there is none.
    """

    name: str
    own_encoder: Encoder
    index: Searcher | Following[Searcher] | None = None
    home: Path | None = None
    reranker: Reranker | None = None

    @property
    def encoder(self) -> Encoder:
        """Embeds texts: as the index does at this moment, where it is followed."""
        return self.index.value.encoder if isinstance(self.index, Following) else self.own_encoder

    @property
    def documents(self) -> int | None:
        """Number of documents in the index; None without one."""
        if self.index is None:
            return None
        with self.searching() as searcher:
            return searcher.count

    @contextmanager
    def searching(self) -> Iterator[Searcher]:
        """The searcher for one request, which is not closed before the request ends; there must be an index."""
        if isinstance(self.index, Following):
            with self.index.current() as searcher:
                yield searcher
            return
        assert self.index is not None  # noqa: S101 - the caller checked
        yield self.index

    def refresh(self) -> None:
        """Search the current version of the index from now on, if it was switched.

        Raises:
            SemtuneError: it cannot be opened; the old one stays in use.
        """
        if isinstance(self.index, Following):
            self.index.refresh()

    def encoder_for(self, truncate: Truncate | bool | None) -> Encoder:
        """The encoder with a rule for long texts; None: as served, True and False: cut and error, as in TEI.

        Raises:
            ConfigError: the encoder knows one rule only.
        """
        encoder = self.encoder
        if truncate is None:
            return encoder
        if not isinstance(encoder, CheckedEncoder | LongTextEncoder):
            raise ConfigError(f"The runtime {encoder.runtime} cuts texts that are too long. Leave out 'truncate'.")
        rule: Truncate = ("cut" if truncate else "error") if isinstance(truncate, bool) else truncate
        return with_truncate(encoder, rule)

    def check(self) -> None:
        """Check that index and encoder use the same model, and that the encoder is sound.

        Raises:
            ContractError: the index was opened with another model, or the vectors are not those of the export.
            ModelError: a text's vector depends on its neighbours, is not a number, or is always the same.
        """
        mine = self.encoder.contract
        index = self.index.value if isinstance(self.index, Following) else self.index
        if index is not None and index.encoder.contract.fingerprint != mine.fingerprint:
            theirs = index.encoder.contract
            raise ContractError(
                f"The index uses the model {theirs.name!r} ({theirs.fingerprint[:12]}), but {self.name!r} would embed "
                f"texts with {mine.name!r} ({mine.fingerprint[:12]}). Give both the same encoder."
            )
        canary.check(self.encoder, getattr(self.encoder, "folder", None))
        if index is not None and languages_of(mine).some_weak:
            identify.warm()  # queries in a language that the model is weak in get a warning

    def close(self) -> None:
        """Close the index."""
        if self.index is not None:
            self.index.close()


class Found(NamedTuple):
    """What a name stands for, and the role that it asks for; None: none."""

    served: Served
    role: Role | None


class UnknownModelError(Exception):
    """A name that is not served; the message lists those that are."""


class Catalogue:
    """The served models and indexes by name; the first one is the default."""

    def __init__(self, served: Sequence[Served], uses: Uses = NO_USES) -> None:
        """Take at least one, and what is served beside them.

        Raises:
            ConfigError: two have the same name.
        """
        assert served  # noqa: S101 - the command line asks for one
        self.uses = uses
        self._by_name: dict[str, Served] = {}
        for each in served:
            if each.name in self._by_name:
                raise ConfigError(
                    f"Two of the served are named {each.name!r}. Name them: `semtune serve a=PATH b=PATH`."
                )
            self._by_name[each.name] = each

    @classmethod
    def single(cls, encoder: Encoder, index: Searcher | Following[Searcher] | None = None) -> Catalogue:
        """One model under its own name, with an index if there is one."""
        return cls([Served(encoder.contract.name, encoder, index)])

    @property
    def default(self) -> Served:
        """What is used where a request names nothing."""
        return next(iter(self._by_name.values()))

    def __iter__(self) -> Iterator[Served]:
        return iter(self._by_name.values())

    def names(self) -> list[str]:
        """Every name that a client may give: those of models, with roles, and with "embed" for n8n."""
        plain = [*self._by_name, *(alias for name in self._by_name if (alias := _alias(name)))]
        return [*plain, *(f"{name}:{role}" for name in plain for role in ROLES)]

    def find(self, name: str | None) -> Found:
        """What a name stands for: a served name, its alias, either with `:query` or `:document`; None: the default.

        Raises:
            UnknownModelError: nothing is served by that name.
        """
        if name is None:
            return Found(self.default, None)
        plain, role = _split(name)
        for served in self:
            if served.name in (name, plain) or _alias(served.name) in (name, plain):
                return Found(served, None if name in (served.name, _alias(served.name)) else role)
        listed = ", ".join(repr(each) for each in self._by_name)
        raise UnknownModelError(f"The model {name!r} is not served here. Use {listed}, or leave 'model' out.")

    def check(self) -> None:
        """Check every model; see `Served.check`."""
        for served in self:
            served.check()

    def close(self) -> None:
        """Close every index."""
        for served in self:
            served.close()


def _split(name: str) -> tuple[str, Role | None]:
    plain, _, last = name.rpartition(":")
    for role in ROLES:
        if plain and last == role:
            return plain, role
    return name, None


def _alias(name: str) -> str | None:
    return None if "embed" in name.lower() else name + ALIAS
