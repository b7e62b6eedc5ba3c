"""One thread: toy matrices gain nothing from more, and sums come in one order."""

import pytest
import torch
from train_parts import SETTINGS, fit, retrieval_set


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tuned(toy_model, tmp_path_factory):
    """The uninterrupted training that others are compared with: its folder, and what it made."""
    place = tmp_path_factory.mktemp("train") / "tuned"
    return place, fit(retrieval_set(), toy_model, place, SETTINGS)
