"""The record order is exact, a permutation per round, and a function of the position alone."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from massivetext.trainer.order import RecordOrder, interleaved, permuted, whole_weights

counts_of_subsets = st.lists(st.integers(1, 60), min_size=1, max_size=6)


@given(size=st.integers(1, 300), keys=st.tuples(*[st.integers(0, 2**64 - 1)] * 6))
def test_a_permutation_holds_every_number_once(size: int, keys: tuple[int, ...]) -> None:
    assert sorted(permuted(index, size, keys) for index in range(size)) == list(range(size))


def test_every_place_of_a_small_permutation_is_about_equally_likely() -> None:
    order = [RecordOrder({"books": 5}, seed) for seed in range(2000)]
    first = Counter(each[0][1] for each in order)
    assert sorted(first) == list(range(5))
    assert all(330 < seen < 470 for seen in first.values())  # 400 expected, standard deviation 18


@given(counts=counts_of_subsets)
def test_a_round_takes_each_record_of_each_subset_once(counts: list[int]) -> None:
    picks = [interleaved(position, tuple(counts)) for position in range(sum(counts))]
    assert sorted(picks) == [(subset, i) for subset, count in enumerate(counts) for i in range(count)]


def test_every_prefix_keeps_the_proportions_of_subsets_whose_counts_have_no_common_factor() -> None:
    counts = (4793, 2711, 1007, 991, 301, 199)
    seen, worst = [0] * len(counts), 0.0
    for position in range(sum(counts)):
        subset, before = interleaved(position, counts)
        assert before == seen[subset]
        seen[subset] += 1
        worst = max(worst, *(abs(n - (position + 1) * c / sum(counts)) for n, c in zip(seen, counts, strict=True)))
    assert worst < 3


@given(counts=counts_of_subsets, seed=st.integers(0, 2**32))
def test_each_epoch_is_a_permutation_of_all_records(counts: list[int], seed: int) -> None:
    order = RecordOrder({f"subset {i}": count for i, count in enumerate(counts)}, seed)
    for epoch in range(2):
        picks = [order[epoch * order.round + i] for i in range(order.round)]
        assert len(set(picks)) == order.round


def test_epochs_and_seeds_and_subsets_are_ordered_differently() -> None:
    order, other = RecordOrder({"a": 50, "b": 50}, 0), RecordOrder({"a": 50, "b": 50}, 1)
    first, second = [order[i] for i in range(100)], [order[i] for i in range(100, 200)]
    reseeded = [other[i] for i in range(100)]
    assert len({tuple(first), tuple(second), tuple(reseeded)}) == 3
    assert [record for subset, record in first if subset == 0] != [record for subset, record in first if subset == 1]


def test_the_order_is_the_same_on_every_machine() -> None:
    order = RecordOrder({"books": 5, "web": 11}, 7)
    # Written down from the first version: with another order no old run could go on.
    assert [order[i] for i in range(8)] == [(1, 5), (1, 10), (1, 9), (0, 2), (1, 0), (1, 1), (0, 0), (1, 3)]


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    weights=st.lists(st.integers(1, 9), min_size=4, max_size=4),
)
def test_with_weights_each_round_is_exact_and_each_subset_is_read_through_before_it_begins_again(
    counts: list[int], weights: list[int]
) -> None:
    given_weights = dict(zip(map(str, range(len(counts))), weights, strict=False))
    order = RecordOrder({name: counts[int(name)] for name in given_weights}, 0, given_weights)
    picks = [order[i] for i in range(order.round * max(counts))]
    for subset, count in enumerate(counts):
        per_round = [
            [r for s, r in picks[i : i + order.round] if s == subset] for i in range(0, len(picks), order.round)
        ]
        assert {len(taken) for taken in per_round} == {weights[subset]}
        taken = [record for records in per_round for record in records]
        for start in range(0, len(taken) - count + 1, count):
            assert sorted(taken[start : start + count]) == list(range(count))


def test_weights_become_the_smallest_whole_numbers() -> None:
    weights = {"a": Fraction("0.48"), "b": Fraction("0.27"), "c": Fraction(1, 4)}
    assert whole_weights(weights) == {"a": 48, "b": 27, "c": 25}
    assert whole_weights({"a": Fraction(30), "b": Fraction(10)}) == {"a": 3, "b": 1}


def test_a_subset_without_records_is_refused() -> None:
    with pytest.raises(ValueError, match="every subset needs a record"):
        RecordOrder({"books": 0}, 0)
