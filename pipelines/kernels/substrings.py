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
_MOST = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(cache=True)
def mix(value: np.uint64) -> np.uint64:
    """A bijection of 64-bit integers whose every output bit hangs on every input bit."""
    value = (value ^ (value >> uint64(30))) * _A
    value = (value ^ (value >> uint64(27))) * _B
    return value ^ (value >> uint64(31))


@njit(nogil=True, cache=True)
def roll(tokens: np.ndarray, begin: int, end: int, width: int, multiplier: np.uint64, hashes: np.ndarray) -> int:
    """Fill hashes[i] with the hash of tokens[begin + i : begin + i + width]; how many there are.

    `hashes` has room for end - begin of them.
    """
    size = end - begin
    count = size - width + 1
    if count <= 0:
        return 0
    # Three loops, of which the compiler vectorises the first and the last.
    symbols = np.empty(size, np.uint64)
    part = tokens[begin:end]
    for i in range(size):
        symbols[i] = mix((uint64(part[i]) + _ONE) * multiplier)
    leaving = _ONE
    rolling = uint64(0)
    for i in range(width):
        rolling = rolling * multiplier + symbols[i]
        leaving = leaving * multiplier
    hashes[0] = rolling
    entering = symbols[width:]
    for i in range(count - 1):
        rolling = rolling * multiplier + (entering[i] - symbols[i] * leaving)
        hashes[i + 1] = rolling
    for i in range(count):
        hashes[i] = mix(hashes[i])
    return count


@njit(nogil=True, cache=True)
def picks(hashes: np.ndarray, count: int, span: int, places: np.ndarray, begins: np.ndarray) -> int:
    """Fill places[j] with the places of the least of hashes[i : i + span], each once; how many there are.

    begins[j] is the first i whose least stands there. Among equals the rightmost of the span: a pick that stays
    with the previous one would lose repeats.
    """
    windows = count - span + 1
    # In blocks of `span` every window is the end of one block and the start of the next: the least of each end is
    # found once, from behind, and no branch hangs on the hashes.
    of_end = np.empty(span, np.int64)
    found = 0
    last = -1
    for block in range(0, windows, span):
        at = block + span - 1
        least = hashes[at]
        of_end[span - 1] = at
        for i in range(span - 2, -1, -1):
            value = hashes[block + i]
            less = value < least
            at = block + i if less else at
            least = value if less else least
            of_end[i] = at
        at = of_end[0]
        least = _MOST
        for i in range(min(span, windows - block)):
            end = of_end[i]
            pick = end
            if i > 0:
                newest = block + span + i - 1
                value = hashes[newest]
                less = value <= least
                at = newest if less else at
                least = value if less else least
                pick = at if least <= hashes[end] else end
            # Written over until another pick comes.
            places[found], begins[found] = pick, block + i
            found += pick != last
            last = pick
    return found


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
    begins = np.empty(longest, np.int64)
    total = 0
    for d in range(offsets.shape[0] - 1):
        total += max(0, offsets[d + 1] - offsets[d] - length + 1)
    documents = np.empty(total, np.uint32)
    positions = np.empty(total, np.int32)
    keys = np.empty(total, np.uint64)
    kept = 0
    for d in range(offsets.shape[0] - 1):
        grams = roll(tokens, offsets[d], offsets[d + 1], width, FIRST, hashes)
        for j in range(picks(hashes, grams, length - width + 1, places, begins)):
            documents[kept] = d
            positions[kept] = places[j]
            # Least hashes crowd at zero; the exchange wants keys spread evenly.
            keys[kept] = mix(hashes[places[j]] ^ SECOND)
            kept += 1
    return documents[:kept], positions[:kept], keys[:kept]


@njit(nogil=True, cache=True)
def _stretches(offsets: np.ndarray, length: int, live: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where windows with a live anchor may begin: (document, first, last) per stretch, none touching another."""
    reach = length - length // 2
    documents = np.empty(live.shape[0], np.int64)
    firsts = np.empty(live.shape[0], np.int64)
    lasts = np.empty(live.shape[0], np.int64)
    found = 0
    d = 0
    for place in live:
        while offsets[d + 1] <= place:
            d += 1
        first = max(offsets[d], place - reach)
        last = min(offsets[d + 1] - length, place)
        if last < first:
            continue
        if found and documents[found - 1] == d and first <= lasts[found - 1] + 1:
            lasts[found - 1] = last
        else:
            documents[found], firsts[found], lasts[found] = d, first, last
            found += 1
    return documents[:found], firsts[:found], lasts[:found]


@njit(nogil=True, cache=True)
def live_windows(
    tokens: np.ndarray, offsets: np.ndarray, length: int, live: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The windows whose own anchor is live: (document uint32, place int32, two hashes uint64), in order.

    `live` int64 [anchors], sorted: the tokens at which live anchors begin. Only what stands near one is hashed.
    """
    width = length // 2
    in_document, firsts, lasts = _stretches(offsets, length, live)
    total = 0
    longest = 0
    for s in range(firsts.shape[0]):
        total += lasts[s] - firsts[s] + 1
        longest = max(longest, lasts[s] - firsts[s] + length)
    hashes = np.empty(longest, np.uint64)
    others = np.empty(longest, np.uint64)
    places = np.empty(longest, np.int64)
    begins = np.empty(longest, np.int64)
    documents = np.empty(total, np.uint32)
    positions = np.empty(total, np.int32)
    keys = np.empty(total, np.uint64)
    lows = np.empty(total, np.uint64)
    row = 0
    at = 0
    for s in range(firsts.shape[0]):
        first = firsts[s]
        end = lasts[s] + length
        grams = roll(tokens, first, end, width, FIRST, hashes)
        found = picks(hashes, grams, length - width + 1, places, begins)
        # Which picks are live, as the windows that they serve.
        chosen = 0
        for j in range(found):
            while at < live.shape[0] and live[at] < first + places[j]:
                at += 1
            if at < live.shape[0] and live[at] == first + places[j]:
                places[chosen] = begins[j]
                begins[chosen] = begins[j + 1] if j + 1 < found else end - first - length + 1
                chosen += 1
        if not chosen:
            continue
        base = places[0]
        last = first + begins[chosen - 1] - 1 + length
        roll(tokens, first + base, last, length, FIRST, hashes)
        roll(tokens, first + base, last, length, SECOND, others)
        for j in range(chosen):
            for i in range(places[j], begins[j]):
                documents[row] = in_document[s]
                positions[row] = first + i - offsets[in_document[s]]
                keys[row] = hashes[i - base]
                lows[row] = others[i - base]
                row += 1
    return documents[:row], positions[:row], keys[:row], lows[:row]


def equals(keys: np.ndarray, lows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices of pairs of hashes (uint64) that have an equal, ascending, and of each the least equal index.

    Of a key count the top bits that the index of fewer than 2^32 pairs leaves in one number: sorting numbers is
    several times faster than sorting indices, and 32 bits and a low hash of 64 are enough.
    """
    bits = max(1, len(keys) - 1).bit_length()
    low_bits = np.uint64((1 << bits) - 1)
    packed = (keys & ~low_bits) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    found = _pairs(packed, np.uint64(bits), lows)
    found.sort()
    return _unpacked(found)


@njit(nogil=True, cache=True)
def _unpacked(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    upper = np.empty(pairs.shape[0], np.int64)
    lower = np.empty(pairs.shape[0], np.int64)
    for i in range(pairs.shape[0]):
        upper[i] = pairs[i] >> uint64(32)
        lower[i] = pairs[i] & uint64(0xFFFFFFFF)
    return upper, lower


@njit(nogil=True, cache=True)
def _pairs(packed: np.ndarray, bits: np.uint64, lows: np.ndarray) -> np.ndarray:
    """index << 32 | least equal index. In `packed` indices ascend where the tops are equal, and are used up."""
    count = packed.shape[0]
    result = np.empty(count, np.uint64)
    found = 0
    low_bits = (_ONE << bits) - _ONE
    half = uint64(32)
    start = 0
    while start < count:
        end = start + 1
        top = packed[start] >> bits
        while end < count and packed[end] >> bits == top:
            end += 1
        # As a rule one round takes all; tops that are equal by chance need another.
        left = end
        while left - start > 1:
            head = packed[start] & low_bits
            before = found
            rest = start + 1
            for y in range(start + 1, left):
                other = packed[y] & low_bits
                if lows[other] == lows[head]:
                    found += 1
                    result[found] = other << half | head
                else:
                    packed[rest] = packed[y]
                    rest += 1
            if found > before:
                result[before] = head << half | head
                found += 1
            start += 1
            left = rest
        start = end
    return result[:found]


@njit(nogil=True, cache=True)
def paint(begins: np.ndarray, length: int, value: bool, inside: np.ndarray) -> None:
    """Set `inside` (bool [tokens]) to `value` in each window of `length` tokens begun at one of `begins` (sorted)."""
    done = 0
    for begin in begins:
        for i in range(max(done, begin), begin + length):
            inside[i] = value
        done = begin + length


def warm_up() -> None:
    """Compile every kernel for the token types in use, or load it from the cache."""
    for kind in (np.uint16, np.uint32):
        tokens, offsets = np.zeros(4, kind), np.array([0, 4], np.int64)
        tokens.flags.writeable = False
        anchors(tokens, offsets, 2)
        live_windows(tokens, offsets, 2, np.zeros(1, np.int64))
    paint(np.zeros(1, np.int64), 2, True, np.zeros(4, np.bool_))
    equals(np.zeros(1, np.uint64), np.zeros(1, np.uint64))
