"""What fastText sees of a text: a row of its input matrix for each word, subword and n-gram of words."""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float64, int64, njit, uint64

OFFSET_BASIS, PRIME, LOW_32 = 2166136261, 16777619, 0xFFFFFFFF  # FNV-1a
NGRAM_FACTOR = 116049371
LABEL = np.frombuffer(b"__label__", np.uint8)
EMPTY = -1


class Vocabulary(NamedTuple):
    """How tokens become rows of the input matrix. Entries are words, then labels; `slots` finds one by its hash."""

    letters: np.ndarray  # uint8 [bytes of all entries]
    starts: np.ndarray  # int64 [entries + 1]
    slots: np.ndarray  # int32 [power of two], EMPTY or an entry
    kept: np.ndarray  # uint8 [buckets / 8], a bit per bucket that a quantised model kept; empty if it kept all
    pruned_keys: np.ndarray  # int32 [power of two], EMPTY or a kept bucket
    pruned_rows: np.ndarray  # int32 [power of two]
    words: int
    end_of_line: int  # the entry of </s>, or EMPTY
    shortest: int  # characters of a subword; `longest` 0: none
    longest: int
    word_ngrams: int
    buckets: int
    per_bucket: float  # 1 / buckets, since a division costs more than hashing a subword


def work_space(largest: int, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for the features of one token of a text of `largest` bytes: features, the token, the last hashes."""
    lengths = max(0, vocabulary.longest - max(1, vocabulary.shortest) + 1)
    room = 1 + (largest + 2) * lengths + vocabulary.word_ngrams
    return np.empty(room, np.int64), np.empty(largest + 2, np.uint8), np.empty(vocabulary.word_ngrams + 1, np.uint64)


@njit(nogil=True, cache=True)
def hash_of(text, start, end):
    """FNV-1a of 32 bits over signed characters, as fastText has it."""
    code = uint64(OFFSET_BASIS)
    for i in range(start, end):
        code = _hashed(code, text[i])
    return code


@njit
def _hashed(code, byte):
    signed = uint64(byte) | (uint64(0xFFFFFF00) if byte > 127 else uint64(0))
    return ((code ^ signed) * uint64(PRIME)) & uint64(LOW_32)


@njit(nogil=True, cache=True)
def fill_slots(letters, starts, slots):
    """Fill the empty hash table of a vocabulary."""
    mask = uint64(slots.shape[0] - 1)
    for entry in range(starts.shape[0] - 1):
        slot = hash_of(letters, starts[entry], starts[entry + 1]) & mask
        while slots[slot] != EMPTY:
            slot = (slot + uint64(1)) & mask
        slots[slot] = entry


@njit(nogil=True, cache=True)
def fill_pruned(kept, keys, rows, found_keys, found_rows):
    """Fill the empty bits and the empty hash table of the buckets that a quantised model kept."""
    mask = uint64(keys.shape[0] - 1)
    for i in range(found_keys.shape[0]):
        kept[found_keys[i] >> 3] |= 1 << (found_keys[i] & 7)
        slot = uint64(found_keys[i]) & mask
        while keys[slot] != EMPTY:
            slot = (slot + uint64(1)) & mask
        keys[slot], rows[slot] = found_keys[i], found_rows[i]


@njit
def _entry(vocabulary, code, text, start, end):
    """The entry that is text[start:end], or EMPTY."""
    mask = uint64(vocabulary.slots.shape[0] - 1)
    slot = code & mask
    while vocabulary.slots[slot] != EMPTY:
        entry = vocabulary.slots[slot]
        first = vocabulary.starts[entry]
        if vocabulary.starts[entry + 1] - first == end - start:
            i = 0
            while i < end - start and vocabulary.letters[first + i] == text[start + i]:
                i += 1
            if i == end - start:
                return int64(entry)
        slot = (slot + uint64(1)) & mask
    return int64(EMPTY)


@njit
def _row(vocabulary, bucket):
    """The row of a bucket, or EMPTY if it was pruned."""
    if vocabulary.kept.shape[0] == 0:
        return vocabulary.words + bucket
    if not vocabulary.kept[bucket >> 3] >> (bucket & 7) & 1:
        return int64(EMPTY)
    mask = vocabulary.pruned_keys.shape[0] - 1
    slot = bucket & mask
    while vocabulary.pruned_keys[slot] != EMPTY:
        if vocabulary.pruned_keys[slot] == bucket:
            return vocabulary.words + int64(vocabulary.pruned_rows[slot])
        slot = (slot + 1) & mask
    return int64(EMPTY)


@njit
def _bucket(vocabulary, code):
    """The remainder of a hash of 32 bits, by a product that is at most one quotient off."""
    left = int64(code) - int64(float64(code) * vocabulary.per_bucket) * vocabulary.buckets
    if left < 0:
        return left + vocabulary.buckets
    return left - vocabulary.buckets if left >= vocabulary.buckets else left


@njit
def _is_label(text, start, end):
    if end - start < LABEL.shape[0]:
        return False
    for i in range(LABEL.shape[0]):  # noqa: SIM110 (Numba has no all() of a generator)
        if text[start + i] != LABEL[i]:
            return False
    return True


@njit
def _subwords(vocabulary, text, start, end, token, features, found):
    """Append the rows of the token's subwords, which see it between < and >; how many features there are then."""
    size = end - start + 2
    token[0], token[size - 1] = 60, 62
    for i in range(size - 2):
        token[1 + i] = text[start + i]
    for i in range(size):
        if token[i] & 0xC0 == 0x80:
            continue
        code, j, length = uint64(OFFSET_BASIS), i, 0
        while j < size and length < vocabulary.longest:
            code = _hashed(code, token[j])
            j += 1
            while j < size and token[j] & 0xC0 == 0x80:
                code = _hashed(code, token[j])
                j += 1
            length += 1
            if length >= vocabulary.shortest and not (length == 1 and (i == 0 or j == size)):
                row = _row(vocabulary, _bucket(vocabulary, code))
                if row != EMPTY:
                    features[found] = row
                    found += 1
    return found


@njit
def _ngrams(vocabulary, before, seen, code, features, found):
    """Append the rows of the word n-grams that end in a token with this hash; `before` is a ring of the last hashes."""
    count = vocabulary.word_ngrams
    signed = code | (uint64(0xFFFFFFFF00000000) if code > uint64(0x7FFFFFFF) else uint64(0))
    before[seen % count] = signed
    for first in range(max(0, seen - count + 1), seen):
        mixed = before[first % count]
        for i in range(first + 1, seen + 1):
            mixed = mixed * uint64(NGRAM_FACTOR) + before[i % count]
        row = _row(vocabulary, int64(mixed % uint64(vocabulary.buckets)))
        if row != EMPTY:
            features[found] = row
            found += 1
    return found


@njit
def token_features(vocabulary, text, start, end, seen, features, token, before):
    """(features of the token text[start:end], tokens seen with it): the rows of its word, subwords and n-grams."""
    code = hash_of(text, start, end)
    entry = _entry(vocabulary, code, text, start, end)
    if entry >= vocabulary.words or (entry == EMPTY and _is_label(text, start, end)):
        return 0, seen
    found = 0
    if entry != EMPTY:
        features[0] = entry
        found = 1
    if vocabulary.longest > 0 and (entry == EMPTY or entry != vocabulary.end_of_line):
        found = _subwords(vocabulary, text, start, end, token, features, found)
    if vocabulary.word_ngrams > 1:
        found = _ngrams(vocabulary, before, seen, code, features, found)
    return found, seen + 1


@njit
def end_features(vocabulary, end_code, seen, features, before):
    """How many features the end of the text has, which counts as a token."""
    found = 0
    if vocabulary.end_of_line != EMPTY:
        features[0] = vocabulary.end_of_line
        found = 1
    if vocabulary.word_ngrams > 1:
        found = _ngrams(vocabulary, before, seen, end_code, features, found)
    return found


@njit
def next_token(text, position, end):
    """(start, end) of the next token from `position` on, between what fastText calls white space; equal for none."""
    while position < end and _is_space(text[position]):
        position += 1
    start = position
    while position < end and not _is_space(text[position]):
        position += 1
    return start, position


@njit
def _is_space(byte):
    return byte == 32 or (9 <= byte <= 13) or byte == 0


@njit
def head_end(data, begin, end, limit):
    """Where the first `limit` bytes end, at a character; the whole text for a limit below 0."""
    if limit < 0 or end - begin <= limit:
        return end
    end = begin + limit
    while end > begin and data[end] & 0xC0 == 0x80:
        end -= 1
    return end
