"""How near an extracted text comes to the text a person marked: word bags, snippets, and a paired bootstrap.

>>> f1("the cat sat", "the cat sat on the mat")
0.6666666666666666
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
SEED = 20260101
# Han, kana and Thai are written without spaces between words: each character is a word. Hangul has spaces.
_UNSPACED = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e01-\u0e4e\U00020000-\U0003134f"
_WORDS = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+")
# Soft hyphens, joiners, direction marks: extractors keep or drop them, and a reader sees no difference.
_UNSEEN = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF])
_UNIT = 1_000_000_000  # differences are summed as whole numbers, so that their order plays no part


@dataclass(frozen=True, slots=True)
class Score:
    """Word-bag agreement of a text with the marked text, each 0 to 1."""

    precision: float
    recall: float
    f1: float


def words(text: str) -> list[str]:
    """The words of a text: runs of letters, digits and `_`, in lower case; in unspaced scripts each character."""
    return _WORDS.findall(text.lower().translate(_UNSEEN))


def score(text: str, gold: str) -> Score:
    """Precision, recall and F1 of the bag of words, punctuation and order left out; 1 if both have no word."""
    found, wanted = Counter(words(text)), Counter(words(gold))
    common, given, marked = (found & wanted).total(), found.total(), wanted.total()
    if not given and not marked:
        return Score(1.0, 1.0, 1.0)
    return Score(common / max(1, given), common / max(1, marked), 2 * common / (given + marked))


def f1(text: str, gold: str) -> float:
    return score(text, gold).f1


def found(snippet: str, text: str) -> bool:
    """Whether the words of a snippet stand in the text one after another."""
    return f" {' '.join(words(snippet))} " in f" {' '.join(words(text))} "


def interval(ours: Sequence[float], theirs: Sequence[float], resamples: int = RESAMPLES) -> tuple[float, float, float]:
    """Mean of `ours - theirs` over the pages, and its 95 % interval under resampling of whole pages.

    The same pages give the same interval everywhere: draws are a mix of (seed, resample, place), sums are of integers.

    Raises:
        ValueError: the two are not of the same pages, or of none.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} and {len(theirs)} scores: give the scores of the same pages, one at least")
    pages = len(ours)
    differences = np.array([round((a - b) * _UNIT) for a, b in zip(ours, theirs, strict=True)], np.int64)
    sums = np.sort(np.concatenate([_sums(differences, first, last) for first, last in _parts(resamples, pages)]))
    low, high = (int(sums[round(share * (resamples - 1))]) for share in (0.025, 0.975))
    scale = _UNIT * pages
    return int(differences.sum()) / scale, low / scale, high / scale


def _parts(resamples: int, pages: int) -> list[tuple[int, int]]:
    """Ranges of resamples that have about a million draws each."""
    step = max(1, 1_000_000 // pages)
    return [(first, min(first + step, resamples)) for first in range(0, resamples, step)]


def _sums(differences: np.ndarray, first: int, last: int) -> np.ndarray:
    """The sum of each resample of a range."""
    pages = len(differences)
    places = np.arange(first * pages, last * pages, dtype=np.uint64).reshape(last - first, pages)
    return differences[_mixed(places) % np.uint64(pages)].sum(axis=1)


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """A 64-bit mix of each number and the seed (the finaliser of splitmix64)."""
    mixed = (numbers + np.uint64(SEED)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
