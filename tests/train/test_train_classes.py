"""Training on texts with classes: the loss against the paper's formula, the batches, the dev accuracy."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from train_parts import SETTINGS, fit

from semtune.dataset import Dataset
from semtune.testing.toy_corpus import toy_documents
from semtune.train.data.class_batches import TOGETHER, class_batches
from semtune.train.data.columns import row_columns
from semtune.train.data.rows import known_texts, summarize_rows
from semtune.train.losses.supervised_contrastive import supervised_contrastive
from semtune.train.planning.plan import plan
from semtune.types import LabelledText


def by_the_paper(vectors, labels, temperature):
    """Khosla et al. 2020, equation 2, term by term; anchors without another text of their class are not counted."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    losses = []
    for i in range(len(unit)):
        positives = [p for p in range(len(unit)) if p != i and labels[p] == labels[i]]
        if not positives:
            continue
        total = sum(np.exp(unit[i] @ unit[a] / temperature) for a in range(len(unit)) if a != i)
        terms = [np.log(np.exp(unit[i] @ unit[p] / temperature) / total) for p in positives]
        losses.append(-sum(terms) / len(positives))
    return np.mean(losses) if losses else 0.0


@pytest.mark.parametrize("labels", [[0, 0, 1, 1, 1, 2], [0] * 6, [0, 1, 2, 3, 4, 5], [0, 1, 0, 1, 0, 1]])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_the_loss_is_the_papers(labels, temperature):
    vectors = np.random.default_rng(3).normal(size=(6, 5))
    tensor = torch.tensor(vectors, requires_grad=True)
    loss = supervised_contrastive(tensor, torch.tensor(labels), temperature)
    assert loss.item() == pytest.approx(by_the_paper(vectors, labels, temperature), rel=1e-5)
    loss.backward()
    assert torch.isfinite(tensor.grad).all()


def test_the_loss_by_hand():
    # Three unit vectors: two of class 0 at a right angle, one of class 1 equal to the first; temperature 1.
    # Anchor 1: log(e^0 + e^1) - 0 = 1.3133; anchor 2: log(e^0 + e^0) - 0 = 0.6931; the third has no other of its class.
    vectors = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    assert float(supervised_contrastive(vectors, torch.tensor([0, 0, 1]), 1.0)) == pytest.approx(1.00320, abs=1e-5)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(2, 40), st.integers(1, 90), st.integers(0, 5))
def test_every_text_comes_once_and_meets_others_of_its_class(rows, size, classes, seed):
    labels = np.random.default_rng(seed).integers(0, classes, rows).tolist()
    batches = class_batches(labels, size, np.random.default_rng(seed))
    assert sorted(row for batch in batches for row in batch) == list(range(rows))
    assert len(batches) == -(-rows // size)
    assert max(map(len, batches)) <= size


def test_batches_hold_several_texts_of_many_classes():
    labels = [row % 20 for row in range(400)]
    batches = class_batches(labels, 32, np.random.default_rng(0))
    alone = sum(count == 1 for batch in batches for count in Counter(labels[row] for row in batch).values())
    assert alone == 0
    assert min(len({labels[row] for row in batch}) for batch in batches[:-1]) >= 32 / TOGETHER / 2
    assert class_batches(labels, 32, np.random.default_rng(1)) != batches


def classes(tag="", each=12):
    topics = ("oven heat", "bread dough", "cold storage", "metal tools")
    return [LabelledText(f"{topic} {words} {tag}{i}", topic) for topic in topics for i, words in enumerate(
        " ".join(page.split()[9:14]) for page in list(toy_documents(each).values())
    )]  # fmt: skip


def data_set():
    return Dataset(labelled_texts={"train": classes(), "dev": classes("d")})


def test_texts_with_classes_are_planned_with_the_metric_of_the_task():
    made = plan(data_set(), SETTINGS)
    assert (made.loss, made.metric, made.dev_rows, made.rows) == ("BatchAllTripletLoss", "accuracy", 48, 48)
    assert made.steps == 12  # 48 texts in batches of 8, twice: in proportion to the texts, not to their pairs
    other = Dataset(
        labelled_texts={"train": classes(), "dev": [LabelledText("x y", "new"), LabelledText("z", "newer")]}
    )
    assert plan(other, SETTINGS).metric == "map@r"
    assert known_texts(other, "dev") == []
    other.labelled_texts["dev"] += classes("d")
    assert len(known_texts(other, "dev")) == 48


def test_the_dev_loss_looks_at_all_classes_of_a_sorted_file():
    data = data_set()
    columns = row_columns(data, summarize_rows(data), "dev", 10)
    assert set(columns["label"]) == {0, 1, 2, 3}
    assert len(columns["text"]) <= 10


@pytest.mark.parametrize("loss", ["auto", pytest.param("SupervisedContrastiveLoss", marks=pytest.mark.slow)])
def test_it_learns_the_classes(loss, toy_model, tmp_path):
    trained = fit(data_set(), toy_model, tmp_path, SETTINGS.replace(loss=loss))
    measured = [row["dev_accuracy"] for row in trained.log if "dev_accuracy" in row]
    assert len(measured) >= 4
    assert measured[-1] > 0.9
