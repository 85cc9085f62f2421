"""Pages that fail exactly one rule before all others, one function per rule (massivetext.md, section 4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from massivetext.samples.draw import Draw
from massivetext.samples.prose import Writer

Maker = Callable[[Draw], tuple[str, ...]]

_STOP = re.compile(r"(?<=[.?]) ")
# Two stop words are asked for; these sentences hold only "with", so that a page of them has one.
_NO_STOP_WORDS = (
    "{name} was in {town} for a week, but she was not happy there.",
    "He is from {town}, as his brother {name} is, yet neither likes it.",
    "A ship came in at night, so {name} ran down for a look at it.",
    "It is a long road from {town}, {name} said, but I like it.",
    "Her garden was full by {season}; his was still bare.",
    "I asked {name} for a boat, so he gave me his own.",
    "She sold every lamp she had in {town} before {season}.",
    "This is not what {name} meant, as you know, but it is what he said.",
    "We went on foot from {town} in {season}, five miles or more each day.",
    "In {season} {name} wrote me a letter about life in {town}.",
    "My sister lives with {name} now, in a house near {town}.",
    "No one in {town} knew why {name} left so early last {season}.",
)
_SHORT = (
    "I am in it as he is.", "We go up to it at 5 or 6.", "Is it he or is it I?",
    "It is on me to do it.", "He or I go by it.", "If it is so, do it.", "So am I, as we all do.",
    "Do we go in, or is it no go?", "It is of no use to us.", "At 8 a. m. he is up to it.",
    "As to me, I am by it.", "Oh, if we do go on as is.",
)  # fmt: skip
_LONG = (
    "responsibilities", "administrative", "understandings", "international", "transportation",
    "communications", "environmental", "representatives", "considerations", "telecommunications",
    "comprehensive", "recommendations", "infrastructure", "organisational", "characteristics",
    "constitutional", "straightforward", "interpretations", "extraordinary", "technological",
    "investigations", "circumstances", "accomplishments", "revolutionary",
)  # fmt: skip

_REFRAIN = (
    "the tide", "and tar", "of oak", "to be", "the sea", "and fog", "with us", "of salt", "we have",
    "the oar", "and we", "to land", "that is", "a boat", "the gull", "go home",
)  # fmt: skip
_VERSES = (
    "the boats go out", "we wait for them", "with one old lamp", "on the grey quay",
    "and no one talks", "of home", "as rain sets in", "the nets are wet", "my hands are cold",
    "so sing to me", "we have no bread", "but tea", "that old red sail", "is far from land",
    "come back to us", "the bell has rung", "it is not late", "be still", "and let it rain",
    "a light at last",
)  # fmt: skip


def unlike(writer: Writer, count: int) -> list[str]:
    """`count` words of prose in which no run of three words stands twice."""
    return writer.exactly(count).split()


def as_paragraphs(text: str, sentences: int = 3) -> tuple[str, ...]:
    """The text cut into paragraphs of a few sentences."""
    pieces = _STOP.split(text)
    return tuple(" ".join(pieces[start : start + sentences]) for start in range(0, len(pieces), sentences))


def vary(text: str, positions: Sequence[int], word: str = "otherwise") -> str:
    """The text with the words at some positions replaced."""
    found = text.split()
    for position in positions:
        found[position] = f"{word}{position}"
    return " ".join(found)


def _few_words(draw: Draw) -> tuple[str, ...]:
    return as_paragraphs(Writer(draw).exactly(45))


def _short_words(draw: Draw) -> tuple[str, ...]:
    sentences = [sentence for _ in range(3) for sentence in draw.sample(_SHORT, len(_SHORT))]
    return as_paragraphs(" ".join(sentences), 6)


def _long_words(draw: Draw) -> tuple[str, ...]:
    sentences = []
    for _ in range(24):
        first, second, third, fourth = draw.sample(_LONG, 4)
        sentences.append(f"The {first} {second} {third} of {fourth} {draw.pick(_LONG)}.")
    return as_paragraphs(" ".join(sentences))


def _hashes(draw: Draw) -> tuple[str, ...]:
    found = Writer(draw).exactly(240).split()
    return as_paragraphs(" ".join("#" + word if place % 7 == 3 else word for place, word in enumerate(found)))


def _ellipses(draw: Draw) -> tuple[str, ...]:
    found = Writer(draw).exactly(240).split()
    inside = [word + "..." if place % 7 == 3 and word.isalpha() else word for place, word in enumerate(found)]
    inside = [word + "..." if place % 14 == 0 and word.isalpha() else word for place, word in enumerate(inside)]
    return as_paragraphs(" ".join(inside))


def _bullets(draw: Draw) -> tuple[str, ...]:
    return tuple("• " + paragraph for paragraph in as_paragraphs(Writer(draw).exactly(220), 1))


def _broken_off(draw: Draw) -> tuple[str, ...]:
    whole = as_paragraphs(Writer(draw).exactly(420), 2)
    return tuple(
        paragraph.rstrip(".?") + "..." if place % 2 == 0 else paragraph for place, paragraph in enumerate(whole)
    )


def _numbers(draw: Draw) -> tuple[str, ...]:
    pieces = []
    for sentence in as_paragraphs(Writer(draw).exactly(200), 1):
        times = " ".join(f"{draw.between(5, 22)}:{draw.between(10, 59)}" for _ in range(5))
        pieces.append(f"{sentence[:-1]} at {times}.")
    return as_paragraphs(" ".join(pieces))


def _no_stop_words(draw: Draw) -> tuple[str, ...]:
    writer = Writer(draw, cast=12)
    sentences = [
        sentence.format(name=draw.pick(writer.people[2::3]), town=draw.pick(writer.towns), season=writer.fill("season"))
        for sentence in draw.sample(_NO_STOP_WORDS, 12)
    ]
    return as_paragraphs(" ".join(sentences))


def _same_lines(draw: Draw) -> tuple[str, ...]:
    writer = Writer(draw)
    copied = writer.exactly(11)
    return tuple(line for paragraph in as_paragraphs(writer.exactly(160), 3)[:5] for line in (paragraph, copied))


def _same_long_line(draw: Draw) -> tuple[str, ...]:
    writer = Writer(draw)
    pieces = as_paragraphs(writer.exactly(260), 1)
    longest = writer.exactly(110)
    return (*pieces[:5], longest, *pieces[5:9], longest, *pieces[9:])


def _favourite(words: str, share: float) -> Maker:
    """A page on which one phrase of `words` takes `share` of all the characters of words."""

    def make(draw: Draw) -> tuple[str, ...]:
        found = unlike(Writer(draw), 260)
        weight = sum(map(len, found))
        phrase = words.split()
        times = round(share * weight / (1 - share) / sum(map(len, phrase)))
        step = len(found) / times
        for number in reversed(range(times)):
            place = int(number * step) + 1
            found[place:place] = phrase
        return as_paragraphs(" ".join(found))

    return make


def _said_twice(share: float) -> Maker:
    """A page on which one passage stands twice, both copies taking `share` of all characters of words."""

    def make(draw: Draw) -> tuple[str, ...]:
        found = unlike(Writer(draw), 600)
        wanted = share * sum(map(len, found)) / (2 - share)
        passage = min(
            (_of_weight(found[start:], wanted) for start in range(40, 80)), key=lambda run: _miss(run, wanted)
        )
        return as_paragraphs(" ".join([*found[:400], *passage, *found[400:]]))

    return make


def _of_weight(found: list[str], wanted: float) -> list[str]:
    """The head of the list that holds `wanted` characters or a word more."""
    end = weight = 0
    while weight < wanted:
        weight += len(found[end])
        end += 1
    return found[:end]


def _miss(run: list[str], wanted: float) -> float:
    return abs(sum(map(len, run)) - wanted)


def endless(draw: Draw) -> tuple[str, ...]:
    """A page of more than 100,000 words."""
    return Writer(draw, cast=400).paragraphs(100_100)


def same_paragraphs(draw: Draw) -> tuple[str, ...]:
    """Paragraphs that are duplicates more often than their lines are: one long paragraph of many lines."""
    writer = Writer(draw)
    lines = as_paragraphs(writer.exactly(400), 1)
    copied = writer.exactly(9)
    return ("\n".join(lines), copied, writer.exactly(14), copied, copied)


def same_long_paragraph(draw: Draw) -> tuple[str, ...]:
    """Verse: over a fifth of the characters in a later copy of a paragraph, less than that in copied lines.

    Only the line ends inside the copied paragraph part the two shares, so its lines are very short.
    The verses around it have to measure from 3 * weight to 3 * weight + 27, weight being its letters.
    """
    while True:
        copied, verses = draw.sample(_REFRAIN, 10), draw.sample(_VERSES, 15)
        weight = sum(map(len, copied))
        found = " ".join([*copied, *copied, *verses]).split()
        long_enough = sum(map(len, found)) > 3 * len(found)
        if long_enough and 3 * weight <= sum(map(len, verses)) < 3 * weight + 27:
            return ("\n".join(copied), *verses[:8], "\n".join(copied), *verses[8:])


# In the order in which the rules are applied: a page passes the rules before its own. A name may have a
# variant behind a comma. The paragraph rules need blank lines, which only plain text is sure to keep.
MAKERS: dict[str, Maker] = {
    "word_count": _few_words,
    "mean_word_length": _long_words,
    "mean_word_length, low": _short_words,
    "hash_ratio": _hashes,
    "ellipsis_ratio": _ellipses,
    "bullet_line_share": _bullets,
    "ellipsis_line_share": _broken_off,
    "alphabetic_word_share": _numbers,
    "stop_word_count": _no_stop_words,
    "duplicate_line_share": _same_lines,
    "duplicate_line_character_share": _same_long_line,
    "top_2": _favourite("Weatherwick Lighthouse", 0.26),
    "top_3": _favourite("Fenwick Harbour Railway", 0.24),
    "top_4": _favourite("Fenwick Harbour Railway Company", 0.20),
    "dup_5": _said_twice(0.20),
    "dup_6": _said_twice(0.145),
    "dup_7": _said_twice(0.135),
    "dup_8": _said_twice(0.125),
    "dup_9": _said_twice(0.115),
    "dup_10": _said_twice(0.105),
}
PLAIN_MAKERS: dict[str, Maker] = {
    "duplicate_paragraph_share": same_paragraphs,
    "duplicate_paragraph_character_share": same_long_paragraph,
}
