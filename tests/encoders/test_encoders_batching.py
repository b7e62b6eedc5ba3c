import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semtune.encoders.batching import MAX_ROWS, MAX_TOKENS, by_length, pad

LENGTHS = st.lists(st.integers(1, 600), max_size=300)


@given(LENGTHS, st.integers(1, 3000), st.integers(1, 50))
def test_every_position_comes_once_in_batches_that_fit(lengths, max_tokens, max_rows):
    batches = list(by_length(lengths, max_tokens, max_rows))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[i] for i in batch)
        assert padded <= max_tokens or len(batch) == 1
        assert 1 <= len(batch) <= max_rows


@given(LENGTHS)
def test_longest_first_so_that_like_lengths_meet(lengths):
    order = [lengths[i] for batch in by_length(lengths) for i in batch]
    assert order == sorted(lengths, reverse=True)


@given(LENGTHS, st.integers(1, 3000), st.integers(1, 50))
def test_no_batch_ends_before_it_must(lengths, max_tokens, max_rows):
    batches = list(by_length(lengths, max_tokens, max_rows))
    for batch in batches[:-1]:
        one_more = (len(batch) + 1) * lengths[batch[0]]
        assert one_more > max_tokens or len(batch) == max_rows


def test_a_worked_case():
    lengths = [3, 10, 2, 9, 1, 10]
    assert list(by_length(lengths, max_tokens=20)) == [[1, 5], [3, 0], [2, 4]]
    assert list(by_length(lengths, max_tokens=5)) == [[1], [5], [3], [0], [2, 4]]
    assert list(by_length([])) == []
    assert [len(batch) for batch in by_length([1] * 1000)] == [MAX_ROWS, MAX_ROWS, MAX_ROWS, 1000 - 3 * MAX_ROWS]
    assert [len(batch) for batch in by_length([MAX_TOKENS // 3] * 7)] == [3, 3, 1]


@given(st.lists(st.lists(st.integers(0, 30_000), min_size=1, max_size=20), min_size=1, max_size=10))
def test_padding_keeps_the_ids_and_masks_the_rest(ids):
    input_ids, mask = pad(ids)
    assert input_ids.dtype == mask.dtype == np.int64
    assert input_ids.shape == mask.shape == (len(ids), max(map(len, ids)))
    assert [row[keep == 1].tolist() for row, keep in zip(input_ids, mask, strict=True)] == ids
    assert not input_ids[mask == 0].any()
    assert (np.diff(mask, axis=1) <= 0).all()  # on the right
