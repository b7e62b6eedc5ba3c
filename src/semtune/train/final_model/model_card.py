"""The README.md of a model folder: what the model is, how it was made, how to use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from semtune.contract import NO_LIMIT, Contract

TAGS = {"tuned": "", "distilled": ", distilled"}
ORIGIN = {"tuned": "base model", "distilled": "teacher"}


def model_card(contract: Contract, made: Literal["tuned", "distilled"], facts: Sequence[str]) -> str:
    """The text of a model card, with the front matter that Hugging Face reads.

    Args:
        contract: of the model.
        made: how the model was made from its base.
        facts: what was done and found, a line each.
    """
    length = "texts of any length" if contract.max_length >= NO_LIMIT else f"{contract.max_length} tokens"
    lines = [
        *facts,
        f"{contract.dimension} dimensions, {length}, {contract.pooling} pooling",
        f"fingerprint: {contract.fingerprint}",
    ]
    return (
        f"---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\nbase_model: {contract.base}\n"
        f"tags: [sentence-transformers, semtune{TAGS[made]}]\n---\n\n"
        f"# {contract.name}\n\nA sentence-transformers model {made} by Semtune from {contract.base}.\n\n"
        + "".join(f"- {line}\n" for line in lines)
        + "\n```python\nfrom sentence_transformers import SentenceTransformer\n\n"
        'model = SentenceTransformer("this folder")\n'
        f"```\n\nThe licence of the {ORIGIN[made]} applies.\n"
    )
