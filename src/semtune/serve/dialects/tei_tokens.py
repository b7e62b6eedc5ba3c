"""TEI's `/tokenize`, `/decode` and `/info`."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter

from semtune import __version__
from semtune.encoders.checked import Tokenizes
from semtune.encoders.tokenizer import Tokenizer
from semtune.errors import ModelError
from semtune.machine import usable_cpus
from semtune.serve.catalogue import Served
from semtune.serve.dialects.reranking import judge_of
from semtune.serve.dialects.shared import Shared, without_reranker
from semtune.serve.dialects.tei import NAMED, asked_for
from semtune.serve.dialects.tei_schemas import DecodeRequest, InfoResponse, SimpleToken, TokenizeRequest
from semtune.serve.embedding import listed
from semtune.serve.errors import ApiError
from semtune.types import Role

NO_LIMIT_TOKENS = 2**31 - 1
TOKENS_AT_ONCE = 16_384  # about what one piece of work holds


def router(shared: Shared) -> APIRouter:
    """What TEI's clients ask beside embeddings."""
    routes = APIRouter(tags=["Text Embeddings Inference"])

    @routes.post(NAMED + "/tokenize")
    @routes.post("/tokenize")
    async def tokenize(request: TokenizeRequest, name: str | None = None) -> list[list[SimpleToken]]:
        """Split texts into tokens as the model reads them, with its prompt and without its limit."""
        asked = asked_for(shared, name or request.model, request.prompt_name, request.model_extra)
        role = asked.role or "document"
        tokenizer = tokenizer_of(asked.served, role)
        texts = [request.inputs] if isinstance(request.inputs, str) else request.inputs
        shared.check_count(len(texts), "inputs")
        special = request.add_special_tokens is not False
        prompt = asked.served.encoder.contract.part(role).prompt(role)
        with shared.workers.admit():
            return await shared.workers.run(
                lambda: [_tokens(tokenizer, prompt, text, role, special) for text in texts], "bulk"
            )

    @routes.post(NAMED + "/decode")
    @routes.post("/decode")
    async def decode(request: DecodeRequest, name: str | None = None) -> list[str]:
        """Turn the model's token ids into texts."""
        asked = asked_for(shared, name or request.model, None, request.model_extra)
        tokenizer = tokenizer_of(asked.served, asked.role or "document")
        rows = listed(request.ids)
        shared.check_count(len(rows), "ids")
        skip = request.skip_special_tokens is not False
        with shared.workers.admit():
            return await shared.workers.run(partial(_decoded, tokenizer, rows, skip), "bulk")

    @routes.get(NAMED + "/info")
    @routes.get("/info")
    async def info(name: str | None = None) -> InfoResponse:
        """What is served and its limits; of a name that ends with :reranker, the cross-encoder."""
        plain = without_reranker(name)
        return _info(shared.asked(plain).served, shared, reranker=plain != name)

    return routes


def tokenizer_of(served: Served, role: Role) -> Tokenizer:
    """A model's tokenizer.

    Raises:
        ApiError: 424, its runtime has none.
    """
    encoder = served.encoder
    if not isinstance(encoder, Tokenizes):
        raise ApiError(424, f"The runtime {encoder.runtime} of the model {served.name!r} lends no tokenizer.")
    return encoder.tokenizer(role)


def _tokens(tokenizer: Tokenizer, prompt: str, text: str, role: Role, special: bool) -> list[SimpleToken]:
    whole = prompt + text
    bytes_to = [0]
    for letter in whole:
        bytes_to.append(bytes_to[-1] + len(letter.encode()))
    found = []
    for token in tokenizer.pieces(text, role, special):
        start, stop = token.offsets
        if token.special:
            found.append(SimpleToken(id=token.id, text=token.text, special=True, start=None, stop=None))
            continue
        found.append(
            SimpleToken(id=token.id, text=whole[start:stop], special=False, start=bytes_to[start], stop=bytes_to[stop])
        )
    return found


def _decoded(tokenizer: Tokenizer, rows: list[list[int]], skip: bool) -> list[str]:
    try:
        return [tokenizer.decode(ids, skip) for ids in rows]
    except ModelError as error:
        raise ApiError(422, str(error), param="ids", code="token_ids") from None


def _info(served: Served, shared: Shared, reranker: bool) -> InfoResponse:
    contract = served.encoder.contract
    by = judge_of(served)
    embedding = {"embedding": {"pooling": contract.pooling}}
    label = {"reranker": {"id2label": {"0": "relevant"}, "label2id": {"relevant": 0}}}
    return InfoResponse(
        model_id=served.name,
        model_sha=contract.fingerprint,
        model_dtype=served.encoder.runtime.rpartition("-")[2],
        model_type=label if reranker else embedding,
        max_concurrent_requests=shared.max_requests,
        max_input_length=min(contract.max_length, NO_LIMIT_TOKENS),
        max_batch_tokens=TOKENS_AT_ONCE,
        max_client_batch_size=shared.max_inputs,
        tokenization_workers=usable_cpus(),
        version=__version__,
        reranker=by,
    )
