"""Where in a text a signal comes from: the spans that count, and what stands there.

In plain Python, by the definitions of `filters.quality` and `filters.repetition`: `part / whole` is the signal's value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from filters.quality import BULLETS, STOP_WORDS, core
from filters.text import ELLIPSES

Span = tuple[int, int]
USUAL_LENGTH = 5
_WORD = re.compile(r"\S+")
_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Marks:
    """`part` (of what `counted` says) in `whole` (of what `among` says); `spans` in code points; `shows`: what stands
    there, and how often.
    """

    part: int
    whole: int
    counted: str
    among: str
    spans: list[Span]
    shows: list[tuple[str, int]] = field(default_factory=list)

    @property
    def value(self) -> float:
        return self.part / self.whole if self.whole else 0.0


@dataclass(frozen=True)
class Unit:
    """A word, a line or a paragraph: its text, and where it stands."""

    text: str
    start: int
    end: int


def word_units(text: str) -> list[Unit]:
    return [Unit(found.group(), *found.span()) for found in _WORD.finditer(text)]


def line_units(text: str) -> list[Unit]:
    return [unit for unit in _stripped_lines(text) if unit.text]


def paragraph_units(text: str) -> list[Unit]:
    runs: list[list[Unit]] = [[]]
    for unit in _stripped_lines(text):
        if unit.text:
            runs[-1].append(unit)
        elif runs[-1]:
            runs.append([])
    return [Unit("\n".join(u.text for u in run), run[0].start, run[-1].end) for run in runs if run]


def _stripped_lines(text: str) -> list[Unit]:
    edges = [(0, 0), *(found.span() for found in _BREAK.finditer(text)), (len(text), len(text))]
    found = []
    for (_, start), (stop, _) in pairwise(edges):
        line = text[start:stop]
        left = start + len(line) - len(line.lstrip())
        found.append(Unit(line.strip(), left, left + len(line.strip())))
    return found


def mark(signal: str, text: str) -> Marks | None:
    """The marks of one of Gopher's 21 signals, None for any other."""
    if signal in _QUALITY:
        return _QUALITY[signal](text)
    if signal.startswith("duplicate_"):
        units = line_units(text) if signal.startswith("duplicate_line") else paragraph_units(text)
        return _copies(units, "line" if signal.startswith("duplicate_line") else "paragraph", "character" in signal)
    kind, _, n = signal.partition("_")
    if kind in ("top", "dup") and n.isdigit():
        return (_top if kind == "top" else _dup)(word_units(text), int(n))
    return None


def _some_words(text: str, chosen: Callable[[str], bool], part: int, counted: str) -> Marks:
    units = word_units(text)
    picked = [unit for unit in units if chosen(unit.text)]
    return Marks(part, len(units), counted, "words", _spans(picked), _counted(picked))


def _some_lines(text: str, chosen: Callable[[str], bool], counted: str) -> Marks:
    units = line_units(text)
    picked = [unit for unit in units if chosen(unit.text)]
    return Marks(len(picked), len(units), counted, "lines", _spans(picked), _counted(picked))


def _word_count(text: str) -> Marks:
    return Marks(len(word_units(text)), 1, "words", "text", [])


def _mean_length(text: str) -> Marks:
    """Shown are the words furthest from the usual five characters."""
    units = word_units(text)
    counts = Counter(unit.text for unit in units)
    furthest = sorted(counts, key=lambda word: (-abs(len(word) - USUAL_LENGTH), word))
    return Marks(_weight(units), len(units), "characters", "words", [], [(word, counts[word]) for word in furthest])


def _alphabetic(text: str) -> Marks:
    """The value counts words with a letter; marked and shown are those without one."""
    without = _some_words(text, lambda word: not any(map(str.isalpha, word)), 0, "words with a letter")
    return replace(without, part=without.whole - len(without.spans))


def _stop_words(text: str) -> Marks:
    found = [unit for unit in word_units(text) if core(unit.text) in STOP_WORDS]
    distinct = Counter(core(unit.text) for unit in found)
    return Marks(len(distinct), 1, "stop words", "text", _spans(found), _most(distinct))


def _hashes(text: str) -> Marks:
    return _some_words(text, lambda word: "#" in word, text.count("#"), "hash signs")


def _ellipses(text: str) -> Marks:
    number = sum(text.count(sign) for sign in ELLIPSES)
    return _some_words(text, lambda word: any(sign in word for sign in ELLIPSES), number, "ellipses")


def _bullets(text: str) -> Marks:
    return _some_lines(text, lambda line: line.startswith(BULLETS), "lines with a bullet")


def _broken_off(text: str) -> Marks:
    return _some_lines(text, lambda line: line.endswith(ELLIPSES), "lines that end in an ellipsis")


_QUALITY: dict[str, Callable[[str], Marks]] = {
    "word_count": _word_count,
    "mean_word_length": _mean_length,
    "hash_ratio": _hashes,
    "ellipsis_ratio": _ellipses,
    "bullet_line_share": _bullets,
    "ellipsis_line_share": _broken_off,
    "alphabetic_word_share": _alphabetic,
    "stop_word_count": _stop_words,
}


def _copies(units: Sequence[Unit], kind: str, by_character: bool) -> Marks:
    """Later copies of lines or paragraphs; shown with how often each stands in all."""
    counts, seen, later = Counter(unit.text for unit in units), set(), []
    for unit in units:
        if unit.text in seen:
            later.append(unit)
        seen.add(unit.text)
    shows = [(text, count) for text, count in counts.most_common() if count > 1]
    if not by_character:
        return Marks(len(later), len(units), "later copies", f"{kind}s", _spans(later), shows)
    counted = "characters of later copies"
    return Marks(_weight(later), _weight(units), counted, f"characters of {kind}s", _spans(later), shows)


def _windows(words: Sequence[Unit], n: int) -> dict[tuple[str, ...], list[int]]:
    positions: dict[tuple[str, ...], list[int]] = {}
    texts = [word.text for word in words]
    for start in range(len(texts) - n + 1):
        positions.setdefault(tuple(texts[start : start + n]), []).append(start)
    return positions


def _top(words: Sequence[Unit], n: int) -> Marks:
    """The most frequent n-gram; of several the one that takes most characters."""
    positions = _windows(words, n)
    largest = max(map(len, positions.values()), default=0)
    best: tuple[int, tuple[str, ...], set[int]] = (0, (), set())
    for gram, starts in positions.items():
        if len(starts) == largest and largest > 1:
            inside = _inside(starts, n)
            weight = sum(len(words[position].text) for position in inside)
            best = max(best, (weight, gram, inside), key=lambda found: found[0])
    weight, gram, inside = best
    shows = [(" ".join(gram), largest)] if gram else []
    return Marks(weight, _weight(words), "characters", "characters of words", _runs(words, inside), shows)


def _dup(words: Sequence[Unit], n: int) -> Marks:
    """All words inside an n-gram that stands twice; shown are the passages that they form."""
    repeated = [start for starts in _windows(words, n).values() if len(starts) > 1 for start in starts]
    inside = _inside(repeated, n)
    passages = Counter(" ".join(words[p].text for p in run) for run in _consecutive(inside))
    weight = sum(len(words[position].text) for position in inside)
    shows = sorted(passages.items(), key=lambda found: -len(found[0]) * found[1])
    return Marks(weight, _weight(words), "characters", "characters of words", _runs(words, inside), shows)


def _inside(starts: Iterable[int], n: int) -> set[int]:
    return {position for start in starts for position in range(start, start + n)}


def _weight(words: Iterable[Unit]) -> int:
    return sum(len(word.text) for word in words)


def _consecutive(positions: Iterable[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for position in sorted(positions):
        if runs and runs[-1][-1] == position - 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return runs


def _runs(words: Sequence[Unit], inside: Iterable[int]) -> list[Span]:
    return [(words[run[0]].start, words[run[-1]].end) for run in _consecutive(inside)]


def _spans(units: Iterable[Unit]) -> list[Span]:
    return [(unit.start, unit.end) for unit in units]


def _counted(units: Iterable[Unit]) -> list[tuple[str, int]]:
    return _most(Counter(unit.text for unit in units))


def _most(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda found: (-found[1], found[0]))
