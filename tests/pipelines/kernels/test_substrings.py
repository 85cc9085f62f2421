"""Window hashes and anchors against their definitions, and the property that makes anchors exact."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.kernels.substrings import FIRST, SECOND, anchors, equals, live_windows, mix, paint, roll

LENGTH = 50
GRAM = LENGTH // 2


def planted(seed: int, size: int) -> np.ndarray:
    """Zipf tokens with repeats of 30 to 120 tokens, and one stretch of period 3."""
    rng = np.random.default_rng(seed)
    tokens = np.minimum(rng.zipf(1.3, size), 31_999).astype(np.uint16)
    for _ in range(size // 400):
        length, source, target = rng.integers(30, 120), *rng.integers(0, size - 120, 2)
        tokens[target : target + length] = tokens[source : source + length].copy()
    tokens[100:300] = np.resize(tokens[100:103], 200)
    return tokens


def rolled(tokens: np.ndarray, width: int, multiplier: np.uint64 = FIRST) -> np.ndarray:
    hashes = np.zeros(len(tokens) + 1, np.uint64)
    return hashes[: roll(tokens, 0, len(tokens), width, multiplier, hashes)]


def anchor_of(hashes: np.ndarray, window: int, length: int) -> int:
    span = length - length // 2 + 1
    grams = hashes[window : window + span].tolist()
    return max(place for place, value in enumerate(grams) if value == min(grams)) + window


@pytest.mark.parametrize("multiplier", [FIRST, SECOND])
def test_windows_have_equal_hashes_exactly_where_their_tokens_are_equal(multiplier: np.uint64) -> None:
    tokens = planted(0, 20_000)
    by_tokens, by_hash = defaultdict(list), defaultdict(list)
    for place, value in enumerate(rolled(tokens, LENGTH, multiplier).tolist()):
        by_tokens[tokens[place : place + LENGTH].tobytes()].append(place)
        by_hash[value].append(place)
    assert sorted(by_tokens.values()) == sorted(by_hash.values())
    assert max(map(len, by_tokens.values())) > 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), max_size=120), st.integers(2, 20))
def test_anchors_are_the_rightmost_least_grams_of_all_windows(tokens: list[int], length: int) -> None:
    array = np.array(tokens, np.uint16)
    hashes = rolled(array, length // 2)
    windows = max(0, len(tokens) - length + 1)
    wanted = sorted({anchor_of(hashes, window, length) for window in range(windows)})
    document, place, key = anchors(array, np.array([0, len(tokens)]), length)
    assert place.tolist() == wanted
    assert key.tolist() == [mix(hashes[at] ^ SECOND) for at in wanted]
    assert not document.any()


def test_equal_windows_hold_the_same_anchor_at_the_same_place() -> None:
    tokens = planted(2, 20_000)
    _, places, keys = anchors(tokens, np.array([0, len(tokens)]), LENGTH)
    key_at = dict(zip(places.tolist(), keys.tolist(), strict=True))
    hashes = rolled(tokens, GRAM)
    seen: dict[bytes, tuple[int, int]] = {}
    repeated = 0
    for window in range(len(tokens) - LENGTH + 1):
        at = anchor_of(hashes, window, LENGTH)
        mark = (at - window, key_at[at])
        content = tokens[window : window + LENGTH].tobytes()
        repeated += content in seen
        assert seen.setdefault(content, mark) == mark
    assert repeated > 500


def test_documents_of_a_batch_do_not_see_each_other() -> None:
    tokens = planted(3, 3_000)
    cuts = np.array([0, 0, 49, 99, 100, 700, 700, 3_000])
    document, place, key = anchors(tokens, cuts, LENGTH)
    apart = []
    for d in range(len(cuts) - 1):
        part = tokens[cuts[d] : cuts[d + 1]].copy()
        _, places, keys = anchors(part, np.array([0, len(part)]), LENGTH)
        apart += [(d, p, k) for p, k in zip(places.tolist(), keys.tolist(), strict=True)]
    assert list(zip(document.tolist(), place.tolist(), key.tolist(), strict=True)) == apart
    assert set(document.tolist()) == {2, 4, 6}


def test_keys_of_anchors_spread_evenly_although_least_hashes_crowd_at_zero() -> None:
    tokens = np.random.default_rng(4).integers(0, 32_000, 100_000).astype(np.uint16)
    _, _, keys = anchors(tokens, np.array([0, len(tokens)]), LENGTH)
    shares = np.bincount((keys >> np.uint64(60)).astype(int), minlength=16) / len(keys)
    assert shares.min() > 0.05
    assert shares.max() < 0.075
    assert 12.5 < len(tokens) / len(keys) < 14.5


def test_only_windows_with_a_live_anchor_are_given() -> None:
    tokens = planted(5, 4_000)
    offsets = np.array([0, 1_500, 4_000])
    live = np.random.default_rng(5).random(len(tokens)) < 0.3
    document, place, key, low = live_windows(tokens, offsets, LENGTH, np.flatnonzero(live))
    wanted = []
    for d in range(2):
        part = tokens[offsets[d] : offsets[d + 1]].copy()
        grams, high, lower = rolled(part, GRAM), rolled(part, LENGTH), rolled(part, LENGTH, SECOND)
        for window in range(len(high)):
            if live[offsets[d] + anchor_of(grams, window, LENGTH)]:
                wanted.append((d, window, int(high[window]), int(lower[window])))
    got = zip(document.tolist(), place.tolist(), key.tolist(), low.tolist(), strict=True)
    assert list(got) == wanted


@pytest.mark.parametrize("size", [0, 1, 24, 25, 49])
def test_a_document_shorter_than_a_window_has_no_anchor(size: int) -> None:
    tokens, offsets = np.arange(size, dtype=np.uint16), np.array([0, size])
    assert len(anchors(tokens, offsets, LENGTH)[0]) == 0
    assert len(live_windows(tokens, offsets, LENGTH, np.arange(size))[0]) == 0


def test_large_vocabularies_hash_like_small_ones() -> None:
    tokens = planted(6, 500)
    narrow = anchors(tokens, np.array([0, 500]), LENGTH)
    wide = anchors(tokens.astype(np.uint32), np.array([0, 500]), LENGTH)
    assert all((a == b).all() for a, b in zip(narrow, wide, strict=True))


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 80)), st.integers(1, 20))
def test_painted_tokens_are_those_of_the_windows(begins: set[int], length: int) -> None:
    wanted = {begin + i for begin in begins for i in range(length)}
    for value in (True, False):
        inside = np.full(100, not value)
        paint(np.array(sorted(begins), np.int64), length, value, inside)
        assert np.flatnonzero(inside == value).tolist() == sorted(wanted)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), max_size=40))
def test_equals_are_those_of_a_dictionary_also_where_the_tops_of_the_keys_collide(
    pairs: list[tuple[int, int, int]],
) -> None:
    """Keys of a few tops, their lower bits apart as the low hashes are: equal tops of unequal pairs are frequent."""
    keys = np.array([top << 60 | low for top, low, _ in pairs], np.uint64)
    lows = np.array([low << 8 | more for _, low, more in pairs], np.uint64)
    places = defaultdict(list)
    for index, (top, low, more) in enumerate(pairs):
        places[top, low, more].append(index)
    wanted = sorted((index, found[0]) for found in places.values() if len(found) > 1 for index in found)
    index, first = equals(keys, lows)
    assert list(zip(index.tolist(), first.tolist(), strict=True)) == wanted


def robust(hashes: np.ndarray, span: int) -> list[int]:
    """Robust winnowing: of equal hashes the one picked before stays."""
    picked: list[int] = []
    for window in range(len(hashes) - span + 1):
        grams = hashes[window : window + span].tolist()
        equal = [window + place for place, value in enumerate(grams) if value == min(grams)]
        picked.append(picked[-1] if picked and picked[-1] in equal else equal[-1])
    return picked


def lost(picked: list[int], windows: dict[bytes, list[int]]) -> int:
    """Windows that stand twice and whose anchors stand at different places in them."""
    return sum(len({picked[at] - at for at in places}) > 1 for places in windows.values())


def test_keeping_the_previous_pick_would_lose_repeats() -> None:
    """A window of period 3 after other text and after itself: a robust pick hangs on what went before."""
    tokens = np.concatenate(
        [np.arange(100, 140), np.resize([7, 8, 9], 60), np.arange(200, 240), np.resize([7, 8, 9], 90)]
    )
    tokens = tokens.astype(np.uint16)
    hashes = rolled(tokens, GRAM)
    windows = defaultdict(list)
    for window in range(len(tokens) - LENGTH + 1):
        windows[tokens[window : window + LENGTH].tobytes()].append(window)
    span = LENGTH - GRAM + 1
    assert lost(robust(hashes, span), windows) > 0
    assert lost([anchor_of(hashes, window, LENGTH) for window in range(len(tokens) - LENGTH + 1)], windows) == 0
