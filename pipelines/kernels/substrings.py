"""Rolling hashes of token windows and the anchors that stand for them.

A window is `length` consecutive tokens of one document, a gram `length // 2` of them. A window's anchor is
the least hash among its grams, the rightmost of the window where several are equal: it depends on the
window's tokens alone, so equal windows have equal anchors at the same place inside them. All arrays are flat
over many documents: document d holds tokens[offsets[d]:offsets[d + 1]].
"""

from __future__ import annotations

import numpy as np
from numba import njit, uint64

# Odd multipliers of the two rolling hashes; a window's 128 bits are both together.
FIRST = np.uint64(0x9FB21C651E98DF25)
SECOND = np.uint64(0xD1342543DE82EF95)
_A = np.uint64(0xBF58476D1CE4E5B9)
_B = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)


@njit(cache=True)
def mix(value: np.uint64) -> np.uint64:
    """A bijection of 64-bit integers whose every output bit hangs on every input bit."""
    value = (value ^ (value >> uint64(30))) * _A
    value = (value ^ (value >> uint64(27))) * _B
    return value ^ (value >> uint64(31))


@njit(cache=True)
def _symbol(token: int, multiplier: np.uint64) -> np.uint64:
    return mix((uint64(token) + _ONE) * multiplier)


@njit(nogil=True, cache=True)
def roll(tokens: np.ndarray, begin: int, end: int, width: int, multiplier: np.uint64, hashes: np.ndarray) -> int:
    """Fill hashes[i] with the hash of tokens[begin + i : begin + i + width]; how many there are."""
    count = end - begin - width + 1
    if count <= 0:
        return 0
    leaving = _ONE
    rolling = uint64(0)
    for i in range(begin, begin + width):
        rolling = rolling * multiplier + _symbol(tokens[i], multiplier)
        leaving = leaving * multiplier
    hashes[0] = mix(rolling)
    for i in range(1, count):
        gone = _symbol(tokens[begin + i - 1], multiplier) * leaving
        rolling = rolling * multiplier + _symbol(tokens[begin + i + width - 1], multiplier) - gone
        hashes[i] = mix(rolling)
    return count


@njit(nogil=True, cache=True)
def least_of_each(hashes: np.ndarray, count: int, span: int, places: np.ndarray) -> int:
    """Fill places[i] with the place of the least of hashes[i : i + span]; how many there are.

    Among equals the rightmost of the span. A running pick that stays with the previous one would lose
    repeats.
    """
    windows = count - span + 1
    if windows <= 0:
        return 0
    least = -1
    for i in range(windows):
        newest = i + span - 1
        if least < i:
            least = i
            for j in range(i + 1, newest + 1):
                if hashes[j] <= hashes[least]:
                    least = j
        elif hashes[newest] <= hashes[least]:
            least = newest
        places[i] = least
    return windows


@njit(nogil=True, cache=True)
def _longest(offsets: np.ndarray) -> int:
    longest = 0
    for d in range(offsets.shape[0] - 1):
        longest = max(longest, offsets[d + 1] - offsets[d])
    return longest


@njit(nogil=True, cache=True)
def anchors(tokens: np.ndarray, offsets: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct anchors of all windows: (document uint32, place in the document int32, hash uint64)."""
    width = length // 2
    longest = _longest(offsets)
    hashes = np.empty(longest, np.uint64)
    places = np.empty(longest, np.int64)
    total = 0
    for d in range(offsets.shape[0] - 1):
        total += max(0, offsets[d + 1] - offsets[d] - length + 1)
    documents = np.empty(total, np.uint32)
    positions = np.empty(total, np.int32)
    keys = np.empty(total, np.uint64)
    kept = 0
    for d in range(offsets.shape[0] - 1):
        grams = roll(tokens, offsets[d], offsets[d + 1], width, FIRST, hashes)
        last = -1
        for i in range(least_of_each(hashes, grams, length - width + 1, places)):
            if places[i] != last:
                last = places[i]
                documents[kept] = d
                positions[kept] = last
                # Least hashes crowd at zero; the exchange wants keys spread evenly.
                keys[kept] = mix(hashes[last] ^ SECOND)
                kept += 1
    return documents[:kept].copy(), positions[:kept].copy(), keys[:kept].copy()


@njit(nogil=True, cache=True)
def live_windows(
    tokens: np.ndarray, offsets: np.ndarray, length: int, live: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The windows whose own anchor is live: (document uint32, place int32, two hashes uint64).

    `live` bool [tokens]: whether the gram that begins at the token is a live anchor.
    """
    width = length // 2
    longest = _longest(offsets)
    hashes = np.empty(longest, np.uint64)
    others = np.empty(longest, np.uint64)
    places = np.empty(longest, np.int64)
    chosen = np.zeros(tokens.shape[0], np.bool_)
    kept = 0
    for d in range(offsets.shape[0] - 1):
        grams = roll(tokens, offsets[d], offsets[d + 1], width, FIRST, hashes)
        for i in range(least_of_each(hashes, grams, length - width + 1, places)):
            if live[offsets[d] + places[i]]:
                chosen[offsets[d] + i] = True
                kept += 1
    documents = np.empty(kept, np.uint32)
    positions = np.empty(kept, np.int32)
    keys = np.empty(kept, np.uint64)
    lows = np.empty(kept, np.uint64)
    row = 0
    for d in range(offsets.shape[0] - 1):
        windows = roll(tokens, offsets[d], offsets[d + 1], length, FIRST, hashes)
        roll(tokens, offsets[d], offsets[d + 1], length, SECOND, others)
        for i in range(windows):
            if chosen[offsets[d] + i]:
                documents[row] = d
                positions[row] = i
                keys[row] = hashes[i]
                lows[row] = others[i]
                row += 1
    return documents, positions, keys, lows


@njit(nogil=True, cache=True)
def covered(begins: np.ndarray, length: int, total: int) -> np.ndarray:
    """bool [total]: whether a token lies in a window of `length` tokens begun at one of `begins` (sorted)."""
    inside = np.zeros(total, np.bool_)
    done = 0
    for begin in begins:
        for i in range(max(done, begin), begin + length):
            inside[i] = True
        done = begin + length
    return inside


def warm_up() -> None:
    """Compile every kernel for the token types in use, or load it from the cache."""
    for kind in (np.uint16, np.uint32):
        tokens, offsets = np.zeros(4, kind), np.array([0, 4], np.int64)
        tokens.flags.writeable = False
        anchors(tokens, offsets, 2)
        live_windows(tokens, offsets, 2, np.ones(4, np.bool_))
    covered(np.zeros(1, np.int64), 2, 4)
