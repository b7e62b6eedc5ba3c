"""Which runtime is the fastest for a model on this machine: measured once, and remembered.

A runtime counts only if its vectors agree with those of the reference, the first that fits. The file that remembers is
`runtimes.json` in Semtune's cache folder; it may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from semtune.contract import Contract
from semtune.encoders.speed import latencies, texts_a_second
from semtune.errors import SemtuneError, StorageError
from semtune.io import read_json, sha256_json, user_cache, write_json
from semtune.machine import cpu_flags, cpu_name, usable_cpus
from semtune.protocols import Encoder
from semtune.run_directory import versions
from semtune.unit_vectors import unit

FILE = "runtimes.json"
SWITCH = "SEMTUNE_MEASURE_RUNTIMES"
"""Environment variable: "0" takes the first runtime that fits, without measuring."""
MIN_COSINE = 0.999  # of any text to the reference's; bf16 has 0.9999 and more
ADVANTAGE = 1.05  # another runtime than the first must be this much faster: measuring is not exact
LIBRARIES = ("onnxruntime", "openvino", "tokenizers")
SENTENCE = "A patient reader measures every word of a long report about engines, rivers and the history of trade. "
WORDS = (4, 6, 8, 10, 12, 14, 16, 20, 40, 60, 90, 140)  # of the texts that are embedded to measure
SHORT = 8  # of them are as long as queries


@dataclass(frozen=True, slots=True)
class RuntimeSpeed:
    """What was measured of a runtime: texts per second in bulk, ms of one query, lowest cosine to the reference."""

    texts_per_second: float
    query_ms: float
    min_cosine: float

    @property
    def agrees(self) -> bool:
        """Whether its vectors are those of the reference."""
        return self.min_cosine >= MIN_COSINE  # False for NaN

    def advantage(self, other: RuntimeSpeed) -> float:
        """How many times as fast it is as another: the geometric mean of bulk and of one query."""
        return math.sqrt(self.texts_per_second / other.texts_per_second * other.query_ms / self.query_ms)


@dataclass(frozen=True, slots=True)
class RuntimeChoice:
    """The runtime that is taken for a model on this machine.

    Attributes:
        model: its name.
        chosen: the runtime's name.
        measured: runtime → what was measured; the first is the reference.
        refused: runtime → why it could not be opened.
    """

    model: str
    chosen: str
    measured: Mapping[str, RuntimeSpeed]
    refused: Mapping[str, str]


Opener = Callable[[], Encoder]


def open_fastest(contract: Contract, openers: Mapping[str, Opener]) -> Encoder:
    """Open the fastest of several runtimes; measures them where that was not done yet.

    Args:
        contract: of the model.
        openers: runtime → function that opens the model with it, in order of preference; the first is the reference.
    """
    names = list(openers)
    if len(names) == 1 or os.environ.get(SWITCH) == "0":
        return openers[names[0]]()
    key = _key(contract, names)
    known = _remembered().get(key)
    if known is not None and known.chosen in openers:
        return openers[known.chosen]()
    encoders, refused = _open_all(openers)
    choice = measure(contract.name, encoders, refused)
    _remember(key, choice)
    return encoders[choice.chosen]


def measure(model: str, encoders: Mapping[str, Encoder], refused: Mapping[str, str] | None = None) -> RuntimeChoice:
    """Compare runtimes of one model: a second or two for a small one.

    Args:
        model: its name.
        encoders: runtime → encoder; the first is the reference.
        refused: runtimes that could not be opened, and why.
    """
    texts = probe_texts()
    found = [unit(encoder.encode(texts).vectors) for encoder in encoders.values()]
    cosines = [float((vectors * found[0]).sum(axis=1).min()) for vectors in found]
    bulk = texts_a_second(list(encoders.values()), texts)
    asked = [_asking(encoder) for encoder in encoders.values()]
    waits = latencies(asked, texts[:SHORT])
    rows = [RuntimeSpeed(speed, wait.p50, cosine) for speed, wait, cosine in zip(bulk, waits, cosines, strict=True)]
    measured = dict(zip(encoders, rows, strict=True))
    return RuntimeChoice(model, _best(measured), measured, dict(refused or {}))


def remembered_choices() -> list[RuntimeChoice]:
    """What was measured on this machine so far, for all models."""
    here = _machine_key()
    return [choice for key, choice in _remembered().items() if key.startswith(here)]


def probe_texts() -> list[str]:
    """Texts of many lengths, different from each other, shortest first."""
    stream = (SENTENCE * 10).split()
    return [" ".join(stream[n : n + words]) for n, words in enumerate(WORDS)]


def _best(measured: Mapping[str, RuntimeSpeed]) -> str:
    names = list(measured)
    first = measured[names[0]]
    others = [name for name in names[1:] if measured[name].agrees and measured[name].advantage(first) >= ADVANTAGE]
    return max(others, key=lambda name: measured[name].advantage(first), default=names[0])


def _open_all(openers: Mapping[str, Opener]) -> tuple[dict[str, Encoder], dict[str, str]]:
    """All encoders that open; the first must."""
    names = list(openers)
    found, refused = {names[0]: openers[names[0]]()}, {}
    for name in names[1:]:
        try:
            found[name] = openers[name]()
        except (SemtuneError, RuntimeError) as error:  # a graph with an operator that this library lacks
            refused[name] = str(error).splitlines()[0]
    return found, refused


def _asking(encoder: Encoder) -> Callable[[str], object]:
    return lambda text: encoder.encode([text], "query")


def _machine_key() -> str:
    return sha256_json([cpu_name(), sorted(cpu_flags()), usable_cpus(), sorted(versions(*LIBRARIES).items())])[:16]


def _key(contract: Contract, names: Sequence[str]) -> str:
    graphs = {name: export.sha256 for name, export in sorted(contract.exports.items())}
    return f"{_machine_key()}-{sha256_json([contract.fingerprint, graphs, list(names)])[:16]}"


def _remembered() -> dict[str, RuntimeChoice]:
    try:
        return {key: _parsed(value) for key, value in read_json(_file()).items()}
    except (OSError, SemtuneError, ValueError, TypeError, AttributeError, KeyError):
        return {}  # nothing yet, or damaged: it is measured again


def _parsed(value: Mapping[str, object]) -> RuntimeChoice:
    measured = {name: RuntimeSpeed(**speed) for name, speed in value["measured"].items()}  # type: ignore[attr-defined]
    return RuntimeChoice(str(value["model"]), str(value["chosen"]), measured, dict(value["refused"]))  # type: ignore[call-overload]


def _remember(key: str, choice: RuntimeChoice) -> None:
    """Add a choice to the file; where it cannot be written, the next process measures again."""
    if not all(np.isfinite(speed.query_ms) for speed in choice.measured.values()):
        return
    with contextlib.suppress(OSError, StorageError):
        write_json(_file(), {name: asdict(known) for name, known in {**_remembered(), key: choice}.items()})


def _file() -> Path:
    return user_cache() / FILE
