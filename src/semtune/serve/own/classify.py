"""Classes of texts over HTTP: `/classify`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
from fastapi import APIRouter

from semtune.errors import InputError
from semtune.search.threshold import minimum_score
from semtune.serve.catalogue import Catalogue, Served, UnknownModelError
from semtune.serve.embedding import Embedded, embed, lane_of, listed
from semtune.serve.errors import ApiError
from semtune.serve.own.classify_schemas import ClassifyRequest, ClassifyResponse, PredictionResponse
from semtune.serve.uses import ServedClassifier
from semtune.serve.workers import Workers
from semtune.tasks.classify.classes import Classes, from_rows
from semtune.tasks.classify.prediction import Prediction
from semtune.tasks.classify.zero_shot import NamedClasses, classify_by_names


def router(catalogue: Catalogue, workers: Workers, max_inputs: int) -> APIRouter:
    """`/classify`; `max_inputs` is the most texts of a request."""
    routes = APIRouter(tags=["Uses"])

    @routes.post("/classify", response_model_exclude_unset=True)
    async def classify(request: ClassifyRequest) -> ClassifyResponse:
        """Give texts classes: by the classes' names, or with a classifier that was made of examples."""
        began = time.perf_counter()
        texts = checked_texts(listed(request.inputs), max_inputs)
        with workers.admit(lane_of(texts)):
            if request.labels is not None:
                name, made, said = None, *await _by_names(catalogue, workers, texts, request)
            else:
                name, served = _classifier(catalogue, request.classifier)
                made, said = await _by_examples(served, workers, texts, request)
        return ClassifyResponse(
            predictions=[PredictionResponse(**each.as_dict()) for each in said],
            classifier=name,
            truncated=made.truncated,
            took_ms=round((time.perf_counter() - began) * 1000, 2),
        )

    return routes


async def _by_names(
    catalogue: Catalogue, workers: Workers, texts: Sequence[str], asked: ClassifyRequest
) -> tuple[Embedded, list[Prediction]]:
    served, classes = _model(catalogue, asked.model), _classes(asked)
    encoder = served.encoder
    floor = _known(partial(minimum_score, asked.min_score, encoder.contract), "min_score") if asked.min_score else None
    words, owners = classes.words()
    described = await embed(workers, encoder, words, "query", "labels")
    made = await embed(workers, encoder, texts, "document", "inputs")
    named = NamedClasses(classes.names, described.vectors, np.array(owners))
    work = partial(classify_by_names, named, made.vectors, floor, asked.several)
    return made, await workers.run(work, lane_of(texts))


async def _by_examples(
    served: ServedClassifier, workers: Workers, texts: Sequence[str], asked: ClassifyRequest
) -> tuple[Embedded, list[Prediction]]:
    classifier = served.classifier
    threshold = _known(partial(classifier.threshold, asked.threshold), "threshold")
    floor = _known(partial(classifier.floor, asked.novel), "novel")
    made = await embed(workers, served.encoder, texts, "query", "inputs")
    work = partial(classifier.classify, made.vectors, threshold, floor, asked.explain)
    return made, await workers.run(work, lane_of(texts))


def _known(asked: partial[float], field: str) -> float:
    try:
        return asked()
    except InputError as error:
        raise ApiError(422, str(error), param=field) from None


def _classes(asked: ClassifyRequest) -> Classes:
    labels = asked.labels
    rows = [(name, "") for name in labels] if isinstance(labels, list) else [
        (name, each) for name, words in (labels or {}).items() for each in words
    ]  # fmt: skip
    try:
        return from_rows([(name.strip(), words.strip()) for name, words in rows])
    except InputError as error:
        raise ApiError(422, str(error), param="labels") from None


def _model(catalogue: Catalogue, name: str | None) -> Served:
    try:
        return catalogue.find(name).served
    except UnknownModelError as error:
        raise ApiError(404, str(error), param="model") from None


def _classifier(catalogue: Catalogue, name: str | None) -> tuple[str, ServedClassifier]:
    known = catalogue.uses.classifiers
    if not known:
        raise ApiError(
            404,
            "No classifier is served here. Give 'labels' (the classes' names), or start the server with "
            "`semtune serve ... --classifier FOLDER`.",
            param="classifier",
        )
    name = name if name is not None else next(iter(known))
    if name not in known:
        raise ApiError(
            404, f"There is no classifier {name!r} here. Served are: {', '.join(known)}.", param="classifier"
        )
    return name, known[name]


def checked_texts(texts: list[str], most: int) -> list[str]:
    """The texts of a request.

    Raises:
        ApiError: 413 or 422; they are too many, or one is empty.
    """
    if len(texts) > most:
        raise ApiError(413, f"'inputs' has {len(texts):,} texts; this server takes at most {most:,} in a request.")
    for at, text in enumerate(texts):
        if not text.strip():
            raise ApiError(422, f"inputs[{at}] is empty. Give at least one word.", param="inputs")
    return texts
