"""One screen about one text: its name and verdict, why, every signal against its bound, and the text with its marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from massivetext.explain import body
from massivetext.explain.explained import (
    DROPPED,
    FAILS,
    KEPT,
    PASSES,
    CutSpan,
    Explained,
    Other,
    Signal,
    Skip,
    place_of,
)
from massivetext.explain.ink import Ink, cells, clip, columns
from massivetext.explain.reasons import REASONS

WIDTH, HEIGHT = 100, 50
LEAST_TEXT = 8
# So many failing rules are spelt out, each with so many of the things found, while there is one screen.
RULES_SHOWN, FOUND_SHOWN, PLACES_SHOWN = 3, 3, 4


def screen(
    explained: Explained, ink: Ink, width: int = WIDTH, height: int = HEIGHT, full: bool = False, mark: str = ""
) -> str:
    """The explanation in `width` columns and `height` rows, or all of it. `mark`: a rule whose marks the text shows."""
    lines = [*_head(explained, ink, width), *_why(explained, ink, width, full)]
    lines += ["", *_table(explained.signals, ink)] if explained.signals else []
    if explained.signals or explained.text:
        lines += ["", *_text(explained, ink, width, None if full else height - len(lines) - 3, mark)]
    return "\n".join(line.rstrip() for line in lines)


def _head(explained: Explained, ink: Ink, width: int) -> Iterator[str]:
    document, skip, word = explained.document, explained.skip, explained.outcome.upper()
    rule = explained.drop.rule if explained.drop else next((s.rule for s in explained.failed), "")
    rule = skip.reason if skip and skip.reason != explained.outcome else rule
    word = f"{word}: {rule}" if explained.outcome not in (KEPT, PASSES) and rule else word
    named = document or skip
    name = clip(named.name if named else explained.asked, width - len(word) - 2)
    kind = "good" if explained.outcome in (KEPT, PASSES) else "bad"
    yield f"{ink.paint(name, 'bold')}{' ' * (width - cells(name) - len(word))}{ink.paint(word, kind)}"
    if document:
        yield f"  {clip(place_of(document), width - 2)}"
        names = f"id {document.id}, docid {document.docid}, subset {document.subset}, split {document.split}"
        yield f"  {clip(names, width - 2)}"
        told = [("title", document.title), ("captured", document.timestamp), ("locator", document.locator)]
        # JSON lines have the URL and the time as their locator.
        extra = "; ".join(
            f"{key} {value}" for key, value in told if value and not value.startswith(document.url or "\0")
        )
        if extra:
            yield f"  {clip(extra, width - 2)}"
    if skip:
        yield from (f"  {clip(line, width - 2)}" for line in _skipped(skip))
    if explained.stages:
        yield f"  stages: {', '.join(_stage(name, state, ink) for name, state in explained.stages.items())}"


def _skipped(skip: Skip) -> Iterator[str]:
    """A record that is no document, and why."""
    yield place_of(skip)
    locator = f", locator {skip.locator}" if skip.locator and skip.locator != skip.url else ""
    yield f"docid {skip.docid}, subset {skip.subset}{locator}"
    byte = "" if skip.position is None else f", byte {skip.position:,}"
    told = f"{REASONS.get(skip.reason, 'no document, says its reader')}{byte}"
    yield f"{skip.reason}: {told}{f': {skip.detail}' if skip.detail else ''}"


def _stage(name: str, state: str, ink: Ink) -> str:
    if state == DROPPED:
        return ink.paint(f"{name} DROPPED", "bad")
    return f"{name} {'ok' if state == 'passed' else state}"


def _why(explained: Explained, ink: Ink, width: int, full: bool) -> Iterator[str]:
    yield from (f"  {clip(line, width - 2)}" for line in _dropped(explained))
    yield from (f"  {clip(line, width - 2)}" for line in _cut(explained, full))
    for place in explained.occurrences:
        records = (
            f"record {place.first_record:,}"
            if place.first_record == place.last_record
            else f"records {place.first_record:,} to {place.last_record:,}"
        )
        yield f"  in train/{place.shard}, {records}: {place.tokens:,} tokens from {place.first_token:,} on, " + (
            "validation" if place.split == "valid" else f"epoch {place.epoch}"
        )
    for note in explained.notes:
        yield f"  {clip(note, width - 2)}"
    failed, said = explained.failed, [("", 0)]
    for signal in failed if full else failed[:RULES_SHOWN]:
        yield from _found(signal, ink, width, 0 if signal.shows == said else len(signal.shows) if full else FOUND_SHOWN)
        said = signal.shows
    if len(failed) > RULES_SHOWN and not full:
        yield f"  {clip('also beyond its bound: ' + ', '.join(s.rule for s in failed[RULES_SHOWN:]), width - 2)}"


def _dropped(explained: Explained) -> Iterator[str]:
    drop, partner = explained.drop, explained.partner
    if drop is None:
        if item := explained.test_item:
            yield f"holds {item.containment:.2%} of the test item {item.holds}: reported, not dropped"
        return
    if drop.rule == "near_duplicate":
        yield f"Jaccard {drop.value:.4f} of 13-word shingles, above {drop.bound:g}, with the document that stays:"
    elif drop.rule == "exact_duplicate":
        yield "its whole text equals that of the document that stays:"
    elif drop.rule == "same_record":
        yield "the same record, byte for byte, stands before it; it counts as skipped:"
    elif drop.rule == "cut_away":
        yield f"fewer than {drop.bound:.0f} tokens are left, {drop.value:.0f}, without the passages that stand first in"
    elif drop.rule == "test_set_title":
        yield "its title is that of an article of a test set"
    elif item := explained.test_item:
        yield f"Jaccard {item.jaccard:.4f} of 13-word shingles, above {drop.bound:g}, with the test item {item.item}"
    elif not explained.signals and drop.value is not None:
        yield f"{drop.rule} was {drop.value:.6g}, its bound {drop.bound:.6g}"
    if partner:
        build = "" if partner.earlier is None else f"earlier build {partner.earlier}, "
        yield f"  {partner.name}"
        yield f"  {build}{_place(partner)}{f'id {partner.id}; ' if partner.id else ''}{partner.fate}"
    if "test_set_title" in drop.also:
        yield "and its title is that of an article of a test set"


def _place(other: Other) -> str:
    return f"{place_of(other)}, " if other.source else ""


def _cut(explained: Explained, full: bool) -> Iterator[str]:
    if explained.cut is None:
        return
    cut = explained.cut
    yield f"{cut.tokens_before - cut.tokens_after:,} of {cut.tokens_before:,} tokens cut:"
    shown = cut.spans if full else cut.spans[:PLACES_SHOWN]
    for span in shown:
        yield f"  characters {span.start:,} to {span.end:,}{_first(span)}"
    if len(cut.spans) > len(shown):
        yield f"  and {len(cut.spans) - len(shown):,} passages more"


def _first(span: CutSpan) -> str:
    if span.first is None:
        return ""
    if span.first_start is None or span.first_end is None:
        return f": stand first in {span.first.name}"
    whole = span.first_end - span.first_start >= span.end - span.start
    what = "stand first" if whole else f"the first {span.first_end - span.first_start:,} stand first"
    return f": {what} at {span.first_start:,} to {span.first_end:,} of {span.first.name}"


def _found(signal: Signal, ink: Ink, width: int, shown: int) -> Iterator[str]:
    """A failing rule in words, and what was found."""
    unit = f"({signal.unit})" if signal.unit[:1].isdigit() else signal.unit
    told = f" {unit}, {_bounds(signal, words=True)}"
    if signal.part is not None and signal.whole is not None and signal.among != "text":
        counts = f"{signal.part:,} {signal.counted} in {signal.whole:,} {signal.among}"
        told = f", {_bounds(signal, words=True)}: {counts}"
    line = f"{signal.rule}: {_value(signal)}{told}"
    yield f"{ink.paint('x', 'bad')} {clip(line, width - 2)}"
    for text, count in signal.shows[:shown]:
        yield f"  {count:>6,} x {clip(text, width - 11)}"


def _table(signals: Sequence[Signal], ink: Ink) -> list[str]:
    """All rules in two columns, in their order from top to bottom."""
    half = -(-len(signals) // 2) if len(signals) > 4 else len(signals)
    left, right = ([*zip(columns(map(_cells, some)), some, strict=True)] for some in (signals[:half], signals[half:]))
    lines = []
    for place, (cell, signal) in enumerate(left):
        line = _painted(cell, signal, ink)
        if place < len(right):
            line += " " * (len(cell) - len(cell.rstrip()) + 2) + _painted(*right[place], ink)
        lines.append(line)
    return lines


def _painted(cell: str, signal: Signal, ink: Ink) -> str:
    return cell.rstrip() if signal.keep else ink.paint(cell.rstrip(), "bad")


def _cells(signal: Signal) -> tuple[str, str, str, str]:
    return " " if signal.keep else "x", signal.rule, _value(signal), _bounds(signal)


def _value(signal: Signal) -> str:
    value = signal.value
    if value is None:
        return "-"
    shown = f"{int(value):,}" if value.is_integer() else f"{value:.4f}"
    # A value that fails must not look like its bound.
    return shown if signal.keep or float(shown.replace(",", "")) not in (signal.low, signal.high) else repr(value)


def _bounds(signal: Signal, words: bool = False) -> str:
    low, high = (None if bound is None else f"{bound:,g}" for bound in (signal.low, signal.high))
    if signal.high is not None and signal.high >= 1e6:
        high = f"{signal.high:,.0f}"
    if low is None and high is None:
        return "any"
    if low is None:
        return f"at most {high}" if words else f"<= {high}"
    if high is None:
        return f"at least {low}" if words else f">= {low}"
    return f"{low} to {high}" if words else f"{low}..{high}"


def _text(explained: Explained, ink: Ink, width: int, height: int | None, mark: str) -> list[str]:
    if explained.differences and not mark:
        title = "lines that differ: - here, + in the document that stays"
        rows = body.difference_rows(explained.differences, width)
    else:
        text, spans, label = _focus(explained, mark)
        lines = sum(bool(line.strip()) for line in text.splitlines())
        title = (
            f"text: {len(text):,} characters, {len(text.split()):,} words, {lines:,} line{'' if lines == 1 else 's'}"
        )
        title += f"; language {explained.language}" if explained.language.strip() else ""
        title += f"; marked: {label}" if label else ""
        rows = body.text_rows(text, spans, width)
    budget = len(rows) if height is None else max(LEAST_TEXT, height)
    return [ink.paint(clip(title, width), "bold"), *body.drawn(rows, budget, ink)]


def _focus(explained: Explained, mark: str) -> tuple[str, list[tuple[int, int]], str]:
    """The text to show, the spans to mark in it, and what they are."""
    by_rule = {signal.rule: signal for signal in explained.signals}
    if mark in by_rule:
        return explained.text, by_rule[mark].spans, mark
    if explained.cut:
        return explained.cut.text, [(span.start, span.end) for span in explained.cut.spans], "what was cut"
    if explained.test_item and explained.test_item.spans:
        return explained.text, explained.test_item.spans, "words shared with the test item"
    for signal in explained.failed if explained.outcome in (DROPPED, FAILS) else ():
        if signal.spans:
            return explained.text, signal.spans, signal.rule
    return explained.text, [], ""
