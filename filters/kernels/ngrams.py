"""The shares of the most frequent n-gram and of all repeated n-grams, from the words of a text.

An n-gram can repeat only where both of its (n-1)-grams do, so few positions are left after n = 2. There a filter comes
first: bytes that count, without a branch, how many 2-grams fall into one place; those alone in theirs stand nowhere
else. From n = 3 an n-gram is named exactly by the pair of the (n-1)-grams in it.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from numba import int64, njit, uint8, uint64

from filters.kernels.bits import before, below
from filters.kernels.load import load64, lowest
from filters.kernels.tables import OTHER, are_equal, cleared, hash_of, mixed, shift_to

LONGEST = 10  # words in the longest n-gram
EXACT = 16  # a code tells units below so many bytes apart; those of longer ones are hashes
LONG = EXACT << 56  # at least this is the upper half of a longer unit's code
ROOM = 8  # places of the filter per 2-gram, at most; half of it at least


@njit
def places_for(units):
    """Bytes of the filter for so many units: a power of two, of which 32 bits of a hash can reach each."""
    places = 64
    while 2 * places < ROOM * units and places < 1 << 31:
        places *= 2
    return places


@njit
def candidates(text, edges, words, code, hashed, seen, live):
    """Put the positions of 2-grams that may stand elsewhere into `live`; returns how many.

    Fills code[2w:2w + 2] of each word and hashed[w] of each 2-gram.
    """
    places = places_for(words)
    shift = shift_to(places) - uint64(32)
    seen[:places] = 0
    previous = uint64(0)
    for w in range(words):
        start, end = int64(edges[2 * w]), int64(edges[2 * w + 1])
        size = end - start
        if size < EXACT:
            low = lowest(load64(text, start), min(size, 8))
            high = load64(text, start + 8) & below(8 * max(size - 8, 0)) | uint64(size) << uint64(56)
        else:
            low = high = hash_of(text, start, end) | uint64(LONG)
        code[2 * w], code[2 * w + 1] = low, high
        own = mixed(low * uint64(OTHER) + high)
        pair = mixed(previous * uint64(OTHER) + own) >> uint64(32)
        previous = own
        if w:
            hashed[w - 1] = pair
            place = int64(pair >> shift)
            seen[place] = uint8(seen[place] << 1 | 1)  # 0, 1, 3, 7, ... 255: never back to 0
    alive = 0
    for q in range(words - 1):
        live[alive] = q
        alive += seen[int64(uint64(hashed[q]) >> shift)] > 1
    return alive


@njit
def shares(
    text, words, visible, visible_before, edges, code, hashed, number, count, live, alive, table, row
):  # fmt: skip
    """Fill in top_2..4 and dup_5..10 from the candidates for n = 2."""
    total = _before_word(visible_before, visible, edges, words)
    for n in range(2, LONGEST + 1):
        if n == 2:
            _number_words(text, edges, code, hashed, live, alive, table, number, count)
        else:
            alive = _followed(live, alive)
            _number_pairs(number, live, alive, code, table, count)
        alive = _repeated(number, count, live, alive)
        if alive == 0:
            return  # and no longer n-gram repeats either
        if n < 5:
            characters = _top(n, visible, visible_before, edges, number, count, live, alive, hashed, code)
        else:
            characters = _covered(n, visible, visible_before, edges, live, alive)
        row[n - 2] = characters / total


@njit
def _before_word(visible_before, visible, edges, word):
    """Characters of the words before `word`, which may be one more than there are."""
    position = edges[2 * word - 1] if word else 0
    return before(visible_before, visible, int64(position))


@njit
def _number_words(text, edges, code, hashed, live, alive, table, number, count):
    """The numbers of 2-grams at the live positions, by their words, with their counts."""
    mask, _ = cleared(table, alive)
    for j in range(alive):
        q = int64(live[j])
        count[q] = 0
        slot = int64(hashed[q]) & mask
        while True:
            p = int64(table[slot])
            p = q if p < 0 else p
            table[slot] = p
            different = (code[2 * p] ^ code[2 * q]) | (code[2 * p + 1] ^ code[2 * q + 1])
            different |= (code[2 * p + 2] ^ code[2 * q + 2]) | (code[2 * p + 3] ^ code[2 * q + 3])
            if different == 0 and (
                max(code[2 * q + 1], code[2 * q + 3]) < uint64(LONG) or _same_words(text, edges, code, p, q)
            ):
                break
            slot = (slot + 1) & mask
        number[q] = p
        count[p] += 1


@njit
def _same_words(text, edges, code, p, q):
    """Whether the 2-grams at p and q are the same bytes, given that their codes are equal."""
    for word in range(2):
        if code[2 * (q + word) + 1] >= uint64(LONG) and not are_equal(text, edges, p + word, q + word):
            return False
    return True


@njit
def _repeated(number, count, live, alive):
    """Keep the live positions whose n-gram stands elsewhere too; returns how many."""
    kept = 0
    for j in range(alive):
        q = live[j]
        live[kept] = q
        kept += count[number[q]] > 1
    return kept


@njit
def _followed(live, alive):
    """Keep the live positions whose successor lives, too; returns how many."""
    kept = 0
    for j in range(alive - 1):
        q = live[j]
        live[kept] = q
        kept += live[j + 1] == q + 1
    return kept


@njit
def _number_pairs(number, live, alive, code, table, count):
    """From numbers of (n-1)-grams to numbers of n-grams at the live positions, with their counts."""
    mask, shift = cleared(table, alive)
    for j in range(alive):
        q = int64(live[j])
        own = uint64(number[q]) << uint64(32) | uint64(number[q + 1])
        code[q] = own
        count[q] = 0
        slot = int64(mixed(own) * uint64(OTHER) >> shift)
        while True:
            p = int64(table[slot])
            p = q if p < 0 else p
            table[slot] = p
            if code[p] == own:
                break
            slot = (slot + 1) & mask
        number[q] = p
        count[p] += 1


@njit
def _top(n, visible, visible_before, edges, number, count, live, alive, reached, covered):
    """Most characters covered by one n-gram among those of the largest count."""
    largest, best = 0, 0
    for j in range(alive):
        largest = max(largest, count[number[live[j]]])
    for j in range(alive):
        q = live[j]
        first = number[q]
        if count[first] == largest:
            if first == q:
                reached[q], covered[q] = q, uint64(0)
            begin = max(int64(q), int64(reached[first]))
            characters = _before_word(visible_before, visible, edges, q + n)
            characters -= _before_word(visible_before, visible, edges, begin)
            covered[first] += uint64(characters)
            reached[first] = q + n
            best = max(best, int64(covered[first]))
    return best


@njit
def _covered(n, visible, visible_before, edges, live, alive):
    """Characters of the words inside the windows at the live positions, each word once."""
    characters, begin, reached = 0, 0, 0
    for j in range(alive):
        q = int64(live[j])
        if q > reached:
            characters += _before_word(visible_before, visible, edges, reached)
            characters -= _before_word(visible_before, visible, edges, begin)
            begin = q
        reached = q + n
    characters += _before_word(visible_before, visible, edges, reached)
    return characters - _before_word(visible_before, visible, edges, begin)
