from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kernels.near import Threshold, near_mates
from pipelines.kernels.sets import greatest_size, least_overlap, least_size
from pipelines.kernels.shingles import mixed


def search(buckets, kept, threshold="0.8", batch_bytes=64 << 20):
    """Mates of the rows of `buckets` (lists of sets of integers), `kept` being flags in the same order."""
    rows = [np.sort(np.array([mixed(member) for member in row], np.uint64)) for bucket in buckets for row in bucket]
    sizes = np.array([len(row) for row in rows], np.int64)
    starts = np.cumsum([0, *(len(bucket) for bucket in buckets)])

    def fetch(wanted):
        chosen = [rows[row] for row in wanted]
        return np.concatenate(chosen), np.cumsum([0, *(len(row) for row in chosen)])

    documents = np.arange(len(rows))
    return near_mates(starts, documents, sizes, np.array(kept, bool), fetch, Threshold.of(threshold), batch_bytes)


def expected(buckets, kept, threshold):
    """(mate, shared, waits) of every row by comparing all pairs."""
    answers, before = [], 0
    for bucket in buckets:
        for x, row in enumerate(bucket):
            near = [y for y in range(x) if Fraction(len(row & bucket[y]), len(row | bucket[y])) > threshold]
            first = next((y for y in near if kept[before + y]), None)
            if kept[before + x] or not near:
                answers.append((-1, 0, False))
            elif first is None:
                answers.append((-1, 0, True))
            else:
                answers.append((before + first, len(row & bucket[first]), False))
        before += len(bucket)
    return answers


def rows_of(mates):
    return list(zip(mates.mate.tolist(), mates.shared.tolist(), mates.waits.tolist(), strict=True))


@st.composite
def corpora(draw):
    """Buckets of sets made from a few templates by taking members out and putting others in, and kept flags."""
    buckets = []
    for _ in range(draw(st.integers(1, 3))):
        templates = [set(range(k * 1000, k * 1000 + draw(st.integers(1, 60)))) for k in range(draw(st.integers(1, 3)))]
        bucket = []
        for _ in range(draw(st.integers(1, 45))):
            row = set(draw(st.sampled_from(templates)))
            gone = draw(st.integers(0, min(8, len(row) - 1)))
            start = draw(st.integers(0, 60))
            row -= set(sorted(row)[start : start + gone])
            bucket.append(row | set(range(100, 100 + draw(st.integers(0, 6)))) | {10**6 * draw(st.integers(1, 40))})
        buckets.append(bucket)
    count = sum(map(len, buckets))
    return buckets, draw(st.lists(st.booleans(), min_size=count, max_size=count))


@given(corpora(), st.sampled_from(["0.8", "0.5", "0.95"]), st.sampled_from([1, 3000, 64 << 20]))
@settings(deadline=None, max_examples=100)
def test_small_and_big_buckets_give_what_comparing_all_pairs_gives(corpus, threshold, batch_bytes):
    buckets, kept = corpus
    got = rows_of(search(buckets, kept, threshold, batch_bytes))
    assert got == expected(buckets, kept, Fraction(threshold))


@given(st.integers(1, 400), st.integers(1, 400), st.fractions(Fraction(1, 20), Fraction(19, 20), max_denominator=50))
def test_integer_bounds_are_those_of_the_fraction(n, m, threshold):
    p, q = threshold.numerator, threshold.denominator
    least = least_overlap(n, m, p, q)
    assert all((Fraction(c, n + m - c) > threshold) == (c >= least) for c in range(min(n, m) + 1))
    assert (least <= min(n, m)) == (least_size(n, p, q) <= m <= greatest_size(n, p, q))


def near_copies(count, size):
    """Sets that share all but two of `size` members."""
    return [set(range(size - 2)) | {10**6 + 2 * row, 10**6 + 2 * row + 1} for row in range(count)]


def template_pages(count, size, own):
    """Sets of one template's members and about `own` members each of their own: 43 beside 200 give a Jaccard of 0.7."""
    own += np.arange(count) % 7
    return [set(range(size)) | set(range(10**6 + 1000 * r, 10**6 + 1000 * r + int(own[r]))) for r in range(count)]


@pytest.mark.parametrize("first_kept", [False, True])
def test_near_copies_find_a_mate_at_the_first_look(first_kept):
    count = 3000
    mates = search([near_copies(count, 200)], [first_kept] + [False] * (count - 1), batch_bytes=1 << 20)
    assert mates.verified.sum() < 2 * count
    assert (mates.mate[1:] == 0).all() if first_kept else mates.waits[1:].all()


def test_template_pages_below_the_threshold_are_not_compared_pairwise():
    count = 3000
    mates = search([template_pages(count, 200, 43)], [False] * count, batch_bytes=1 << 20)
    assert mates.verified.sum() < count
    assert not mates.waits.any()
    assert (mates.mate < 0).all()


@pytest.mark.parametrize("text", ["0", "1", "1.5", "-0.2", "0.12345678901"])
def test_a_threshold_outside_its_range_is_refused(text):
    with pytest.raises(ValueError, match="expected a decimal between 0 and 1"):
        Threshold.of(text)
