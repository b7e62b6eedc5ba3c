import numpy as np
import pytest
from datasets import Dataset as Table
from hypothesis import given, settings
from hypothesis import strategies as st

from semtune.train.data.sampler import SORTED_BATCHES, LengthBatchSampler, length_batches


def batches_of(keys, size, lengths=None, seed=0):
    frozen = [frozenset(row) for row in keys]
    return length_batches(lengths or [1] * len(keys), frozen, size, np.random.default_rng(seed))


def collisions(batches, keys):
    """Rows that share a key with a row before them in their batch."""
    count = 0
    for batch in batches:
        seen: set[int] = set()
        for row in batch:
            count += not seen.isdisjoint(keys[row])
            seen |= set(keys[row])
    return count


ROWS = st.integers(1, 400)


@settings(deadline=None)
@given(ROWS, st.integers(2, 40), st.integers(1, 200), st.integers(0, 5))
def test_every_row_comes_once_in_as_many_batches_as_promised(rows, size, texts, seed):
    rng = np.random.default_rng(seed)
    keys = [set(pair) for pair in rng.integers(0, texts, (rows, 2)).tolist()]
    batches = batches_of(keys, size, rng.integers(1, 500, rows).tolist(), seed)
    assert sorted(row for batch in batches for row in batch) == list(range(rows))
    assert len(batches) == -(-rows // size)
    assert max(map(len, batches)) <= size


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(2, 40), st.integers(0, 5))
def test_rows_that_share_a_text_do_not_meet_where_there_is_room(pairs_of_twins, size, seed):
    # Every text occurs twice, so one other batch is always enough; the last batch may be short.
    rows = 2 * pairs_of_twins
    keys = [{row // 2} for row in range(rows)]
    batches = batches_of(keys, size, seed=seed)
    assert collisions(batches, keys) == (0 if len(batches) > 1 else rows // 2)


def test_a_text_meets_itself_only_as_often_as_it_must():
    # 20 rows of one text in 10 batches: ten of them have to meet another.
    keys = [{0}] * 20 + [{row} for row in range(1, 61)]
    assert collisions(batches_of(keys, 8), keys) == 10


def test_the_same_texts_in_every_row_still_make_batches():
    keys = [{0}] * 600
    batches = batches_of(keys, 32)
    assert len(batches) == 19
    assert sorted(row for batch in batches for row in batch) == list(range(600))


def test_a_text_shared_by_anchor_and_positive_counts():
    keys = [{1, 2}, {2, 3}, {3, 4}, {4, 1}]  # a ring: only opposite rows may meet
    for seed in range(20):
        batches = batches_of(keys, 2, seed=seed)
        assert sorted(sorted(batch) for batch in batches) == [[0, 2], [1, 3]]


def test_like_lengths_meet_and_the_order_is_random():
    lengths = np.random.default_rng(0).lognormal(4, 1, 4000).astype(int).tolist()
    keys = [{row} for row in range(4000)]
    batches = batches_of(keys, 16, lengths)
    padded = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    order = np.random.default_rng(1).permutation(4000).reshape(-1, 16)
    at_random = sum(16 * max(lengths[row] for row in batch) for batch in order)
    assert padded < 0.6 * at_random
    assert padded < 1.5 * sum(lengths)
    means = np.array([np.mean([lengths[row] for row in batch]) for batch in batches])
    # Sorted all through, neighbours would be alike; shuffled, they are not.
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2
    assert len(batches) > SORTED_BATCHES


def table(rows=50, **extra):
    return Table.from_dict({
        "anchor": [f"question {i % 20}" for i in range(rows)], "positive": [f"answer {i}" for i in range(rows)], **extra
    })  # fmt: skip


LABELS = ["label", "labels", "score", "scores"]


def sampler(rows, seed=3, size=8):
    return LengthBatchSampler(rows, batch_size=size, drop_last=False, valid_label_columns=LABELS, seed=seed)


def epoch(one, number):
    one.set_epoch(number)
    return list(one)


def test_an_epoch_is_a_function_of_seed_and_number():
    one = sampler(table())
    first, second = epoch(one, 0), epoch(one, 1)
    assert first != second
    assert epoch(one, 0) == first
    assert epoch(sampler(table()), 1) == second  # what a resumed process sees
    assert epoch(sampler(table(), seed=4), 0) != first
    assert len(one) == len(first) == 7
    assert sorted(row for batch in first for row in batch) == list(range(50))


def test_repeated_anchors_and_positives_that_are_anchors_do_not_meet():
    rows = table(positive=[f"question {(i + 7) % 20}" if i % 5 == 0 else f"answer {i}" for i in range(50)])
    texts = [set(row.values()) for row in rows]
    for number in range(20):
        assert collisions(epoch(sampler(rows), number), texts) == 0


def test_scored_pairs_may_repeat_a_sentence():
    rows = table(score=[0.5] * 50)
    batches = epoch(sampler(rows, size=25), 0)
    assert [len(batch) for batch in batches] == [25, 25]
    texts = [{row["anchor"]} for row in rows]
    assert collisions(batches, texts) > 0


@pytest.mark.parametrize("size", [2, 7, 64])
def test_its_length_is_the_number_of_batches(size):
    one = sampler(table(), size=size)
    assert len(one) == len(epoch(one, 0)) == -(-50 // size)
