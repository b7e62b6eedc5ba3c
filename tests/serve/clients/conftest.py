"""A served model of real files, with prompts of its own for queries and documents."""

import pytest
from client_kit import Served, share_of_words
from fastapi.testclient import TestClient

from semtune.encoders.load import load_encoder
from semtune.serve import catalogue
from semtune.serve.app import create_app


@pytest.fixture(scope="session")
def prompted_encoder(exported):
    """A real exported model of 24 dimensions that reads 64 tokens."""
    return load_encoder(str(exported("dense").folder))


@pytest.fixture(scope="session")
def model_app(prompted_encoder):
    return create_app(catalogue.Catalogue([catalogue.Served("kettles", prompted_encoder)]))


@pytest.fixture(scope="session")
def served(model_app, prompted_encoder):
    """The model alone, named "kettles"."""
    with TestClient(model_app, follow_redirects=False) as http:
        yield Served(http, prompted_encoder)


@pytest.fixture(scope="session")
def with_reranker(prompted_encoder):
    """The same with a cross-encoder."""
    each = catalogue.Served("kettles", prompted_encoder, reranker=share_of_words)
    with TestClient(create_app(catalogue.Catalogue([each])), follow_redirects=False) as http:
        yield Served(http, prompted_encoder)
