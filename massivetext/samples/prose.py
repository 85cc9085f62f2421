"""Varied English prose by grammar: sentences, paragraphs, chapters, all from one named stream of choices.

Real prose is scarce on a bare Python machine, so most of the sample corpus is written here. Fixed runs of
words in a pattern stay short, and a pattern has five to fifteen free places, so two texts of any size share
hardly a 13-gram.
"""

from __future__ import annotations

import re
from functools import cache

from massivetext.samples import words
from massivetext.samples.draw import Draw
from massivetext.samples.names import person, town
from massivetext.samples.patterns import CLAUSES, PARTS, SAYINGS, SENTENCES

# (False, words to write) or (True, symbol to fill), in order.
Pattern = tuple[tuple[bool, str], ...]
Grammar = dict[str, tuple[Pattern, ...]]

_PLACE = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeio]|u[nmps](?!i))")


def plural(noun: str) -> str:
    """The regular plural of a noun phrase: its last word is inflected."""
    if noun.endswith("man"):
        return noun[:-3] + "men"
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def _stem(verb: str) -> tuple[str, str]:
    head, _, tail = verb.partition(" ")
    if re.search(r"[^aeiou][aeiou]l$", head):
        head += "l"
    return head, " " + tail if tail else ""


def past(verb: str) -> str:
    """The regular past tense of a verb phrase: its first word is inflected."""
    head, tail = _stem(verb)
    if head.endswith("e"):
        return head + "d" + tail
    if head.endswith("y") and head[-2] not in "aeiou":
        return head[:-1] + "ied" + tail
    return head + "ed" + tail


def ing(verb: str) -> str:
    """The regular present participle of a verb phrase."""
    head, tail = _stem(verb)
    return (head[:-1] if head.endswith("e") and not head.endswith("ee") else head) + "ing" + tail


def _compile(pattern: str) -> Pattern:
    pieces = _PLACE.split(pattern)
    return tuple((index % 2 == 1, piece) for index, piece in enumerate(pieces) if piece)


@cache
def grammar(topic: str) -> Grammar:
    """Every symbol's alternatives for texts on one topic."""
    lists = {name: text.split("|") for name, text in (words.SHARED | words.TOPICS[topic]).items()}
    lists["adj"] = lists["quality"] * 2 + lists["fresh"]
    lists["things"] = [plural(noun) for noun in lists["thing"]]
    lists["agents"] = [plural(noun) for noun in lists["agent"]]
    lists["places"] = [plural(noun) for noun in lists["place"]]
    lists["folk"] = [plural(noun) for noun in lists["people"]]
    lists["units"] = [plural(noun) for noun in lists["unit"]]
    lists["past"] = [past(verb) for verb in lists["verb"]]
    lists["ing"] = [ing(verb) for verb in lists["verb"]]
    lists["meant"] = [past(verb) for verb in lists["base"]]
    lists |= PARTS | {"clause": CLAUSES, "sentence": SENTENCES, "saying": SAYINGS}
    return {name: tuple(_compile(pattern) for pattern in patterns) for name, patterns in lists.items()}


class Writer:
    """Writes sentences on one topic with a cast of its own: a document speaks of the same few people."""

    def __init__(self, draw: Draw, topic: str | None = None, cast: int = 4) -> None:
        self.draw = draw
        self.topic = topic or draw.pick(sorted(words.TOPICS))
        people = [person(draw) for _ in range(cast)]
        self.people = [name for first, last in people for name in (f"{first} {last}", last, first)]
        self.towns = [town(draw) for _ in range(cast)]
        self._grammar = grammar(self.topic)

    def fill(self, symbol: str) -> str:
        """One alternative of a symbol with all its places filled."""
        draw = self.draw
        if symbol == "person":
            return draw.pick(self.people)
        if symbol == "town":
            return draw.pick(self.towns)
        if symbol == "year":
            return str(draw.between(1702, 1998))
        if symbol == "number":
            return str(draw.between(3, 960))
        pattern = draw.pick(self._grammar[symbol])
        if len(pattern) == 1 and not pattern[0][0]:
            return pattern[0][1]
        return "".join([self.fill(piece) if is_place else piece for is_place, piece in pattern])

    def sentence(self, symbol: str = "sentence") -> str:
        """A sentence with a capital at its head and a stop at its end."""
        text = _ARTICLE.sub(r"\1n ", self.fill(symbol))
        head = 1 if text[0] == '"' else 0
        return text[:head] + text[head].upper() + text[head + 1 :]

    def paragraph(self, least: int = 3, most: int = 7) -> str:
        return " ".join(self.sentence() for _ in range(self.draw.between(least, most)))

    def title(self) -> str:
        """A heading of a few words, without a stop."""
        text = _ARTICLE.sub(r"\1n ", self.fill("title"))
        return text[0].upper() + text[1:]

    def paragraphs(self, least_words: int) -> tuple[str, ...]:
        """Paragraphs until they hold at least `least_words` words."""
        written: list[str] = []
        count = 0
        while count < least_words:
            written.append(self.paragraph())
            count += len(written[-1].split())
        return tuple(written)

    def exactly(self, count: int) -> str:
        """A paragraph of exactly `count` words that repeats none of its runs of three words."""
        found: list[str] = []
        while len(found) < count:
            found = _fresh(found, self.sentence().split())
        return " ".join(found[:count]).rstrip(".,;:") + "."

    def dialogue(self) -> str:
        return self.sentence("saying")


def _fresh(found: list[str], more: list[str]) -> list[str]:
    """Both lists joined, or the first alone where the second would repeat a run of three words."""
    joined = found + more
    runs = list(zip(joined, joined[1:], joined[2:], strict=False))
    return joined if len(set(runs)) == len(runs) else found
