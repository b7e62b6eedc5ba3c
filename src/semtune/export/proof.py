"""What a graph must prove before it is written: torch's vectors, and the same vector whatever stands beside a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from semtune.contract import Contract
from semtune.encoders.invariance import Encode, measure_invariance, require_invariance
from semtune.encoders.tokenizer import Tokenizer
from semtune.export.parity import Parity, measure_parity, require_near_parity, require_parity
from semtune.types import Role

Maker: TypeAlias = Callable[[Role], Encode]  # role → what embeds texts of that role


def prove(
    graph: str, precision: str, reference: Maker, runner: Maker, probes: list[str], tokenizer: Tokenizer,
    contract: Contract,
) -> Parity:  # fmt: skip
    """Compare a graph with torch, and its batches with single texts, for each role whose inputs differ.

    Args:
        graph: its name, for messages.
        precision: "fp32" or "int8", which decides how near it must be.
        reference, runner: torch and the graph.
        probes: texts for the comparison with torch.
        tokenizer: the graph's.
        contract: the model's.

    Returns:
        The proof of the role that is less near to torch.

    Raises:
        GateError: the graph is not near enough, or its vectors depend on the batch.
    """
    proofs = []
    for role in contract.differing_roles:
        proof = measure_parity(reference(role), runner(role), probes)
        (require_near_parity if precision == "int8" else require_parity)(proof, f"The {graph} graph")
        proofs.append(beside_others(proof, f"The {graph} graph", precision, runner(role), tokenizer, contract, role))
    return min(proofs, key=lambda proof: proof.min_cosine)


def beside_others(
    proof: Parity, what: str, precision: str, encode: Encode, tokenizer: Tokenizer, contract: Contract,
    role: Role = "document",
) -> Parity:  # fmt: skip
    """Add to a proof what neighbours do to a text's vector.

    Raises:
        GateError: they do too much.
    """
    found = measure_invariance(encode, lambda texts: tokenizer.lengths(texts, role), contract.max_length)
    require_invariance(found, what, precision)
    return replace(proof, invariance=found)
