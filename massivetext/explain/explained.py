"""What `explain` says of one text, as data: the screen is drawn from it, `--json` prints it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from filters import asked
from filters.rule import Rule, Verdict, judge
from massivetext.explain import marks
from massivetext.explain.marks import Span
from massivetext.explain.placement import Occurrence

FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{32}")
SHOWN = 8
Part = tuple[int, int]  # which split of a file, from 1, and of how many
# Outcomes: of a page alone `passes` and `fails`, of a document in a build the others.
PASSES, FAILS = "passes", "fails"
KEPT, DROPPED, SKIPPED, UNREADABLE, UNKNOWN = "kept", "dropped", "skipped", "unreadable", "unknown"


@dataclass(frozen=True)
class Signal:
    """A rule's verdict. Only for rules that fail or were asked for: `part` (of what `counted` says) in `whole` (of what
    `among` says) is the value; `spans` are where it comes from, `shows` the first of what stands there, how often each.
    """

    rule: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    keep: bool
    part: int | None = None
    whole: int | None = None
    counted: str = ""
    among: str = ""
    spans: list[Span] = field(default_factory=list)
    shows: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """A document's place in the build and in the world."""

    id: str
    docid: int
    subset: str
    source: str
    record: int
    locator: str | None
    url: str | None
    timestamp: str | None
    title: str | None
    split: str
    part: Part | None = None

    @property
    def name(self) -> str:
        return name_of(self.url, self.locator, self.source)


def place_of(of: Document | Skip | Other) -> str:
    """Where a record stands, in words: the file, its split where the file is read in several, the number."""
    split = f", split {of.part[0]} of {of.part[1]}" if of.part else ""
    return f"{of.source}{split}, record {of.record}"


def address_of(of: Document | Skip) -> str:
    """The same as it is asked for: SOURCE:RECORD, or SOURCE:SPLIT:RECORD."""
    return ":".join([of.source, *([str(of.part[0])] if of.part else []), str(of.record)])


def name_of(url: str | None, locator: str | None, source: str) -> str:
    """What a person knows a document by: its URL, else its locator, else, where that is a mere digest, its file."""
    return url or (locator if locator and not _DIGEST.fullmatch(locator) else source)


@dataclass(frozen=True)
class Skip:
    """Why a record is no document: a skip reason, or `unreadable`; `detail` is what the reader says of it. `position`
    counts bytes of an unreadable record's file.
    """

    docid: int
    subset: str
    source: str
    record: int
    reason: str
    detail: str | None
    position: int | None
    url: str | None
    locator: str | None
    part: Part | None = None

    @property
    def name(self) -> str:
        return name_of(self.url, self.locator, self.source)


@dataclass(frozen=True)
class Drop:
    """Which rule dropped a document in which stage; `also`: what else it fails."""

    stage: str
    rule: str
    value: float | None
    bound: float | None
    also: list[str]


@dataclass(frozen=True)
class Other:
    """Another document: one that is kept in this one's place, or that holds a passage first. `earlier`: the number of
    the earlier build that has it.
    """

    docid: int
    id: str | None
    name: str
    source: str | None
    record: int | None
    fate: str
    earlier: int | None = None
    part: Part | None = None


@dataclass(frozen=True)
class Difference:
    """A line of this document (`-`) or of the other (`+`) that the other one lacks; `spans`: its differing words."""

    sign: str
    line: int
    text: str
    spans: list[Span]


@dataclass(frozen=True)
class TestItem:
    """The test item that a document holds or nearly is; `spans`: the words in shingles of both."""

    item: str
    jaccard: float
    holds: str
    containment: float
    spans: list[Span]


@dataclass(frozen=True)
class CutSpan:
    """Code points `start` to `end` of the canonical text that were cut, and where of that stands first in `first`."""

    start: int
    end: int
    first: Other | None
    first_start: int | None
    first_end: int | None


@dataclass(frozen=True)
class Cut:
    """What was cut out of a document: its tokens before and after, and the canonical text before, with spans in it."""

    tokens_before: int
    tokens_after: int
    text: str
    spans: list[CutSpan]


@dataclass(frozen=True)
class Explained:
    """All that is known of one text. `stages`: for each that drops, `passed`, `dropped`, `not run` or `removed`."""

    asked: str
    outcome: str
    text: str
    language: str
    signals: list[Signal]
    document: Document | None = None
    stages: dict[str, str] = field(default_factory=dict)
    drop: Drop | None = None
    partner: Other | None = None
    differences: list[Difference] = field(default_factory=list)
    test_item: TestItem | None = None
    cut: Cut | None = None
    occurrences: list[Occurrence] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skip: Skip | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def failed(self) -> list[Signal]:
        return [signal for signal in self.signals if not signal.keep]


def signals(
    rules: Sequence[Rule], values: Mapping[str, float | str | None], text: str | None, wanted: Sequence[str] = ()
) -> list[Signal]:
    """Every rule's verdict on a text of these values, with marks for those that fail or are `wanted`.

    Without its text nothing is marked, and what a rule measures on it by itself is not known.
    """
    if text is None:
        known = {**dict.fromkeys(rule.signal for rule in rules), **values}
        return [_signal(verdict, None, ()) for verdict in judge(rules, known)]
    table = asked.with_signals(rules, pa.table({name: [value] for name, value in values.items()}), pa.array([text]))
    return [_signal(verdict, text, wanted) for verdict in judge(rules, table.to_pylist()[0])]


def _signal(verdict: Verdict, text: str | None, wanted: Sequence[str]) -> Signal:
    rule = verdict.rule
    made = Signal(rule.name, verdict.value, rule.unit, rule.low, rule.high, verdict.keep)
    asked_for = not verdict.keep or rule.name in wanted
    found = marks.mark(rule.signal, text) if text is not None and asked_for else None
    return made if found is None else replace(made, **{**vars(found), "shows": found.shows[:SHOWN]})
