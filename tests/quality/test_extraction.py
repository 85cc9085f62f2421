"""Main text of gold pages: floors below which no extractor may fall, and a gold that is what it says it is.

The own pages are there everywhere, those of the shared pack where the pack is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import pytest

from benchmarks.extraction.blocks import numbers
from benchmarks.extraction.gold import MARKS, OWN_PAGES, Page, folder, marks, shared
from benchmarks.extraction.measure import f1, found, words
from pipelines.extract import EXTRACTORS, extract


@dataclass(frozen=True)
class Floor:
    """Mean F1 and share of kept snippets at least, share of leaked snippets at most."""

    f1: float
    kept: float
    leaked: float


# Each a little below what the extractor reached on 2026-11-21; benchmarks/README.md has the table. A floor only rises.
FLOORS = {
    ("gopher", "own pages"): Floor(0.955, 0.97, 0.14),
    ("gopher", "shared gold"): Floor(0.95, 0.94, 0.04),
    ("gopher", "marked pages"): Floor(0.96, 0.98, 0.13),
    ("trafilatura", "own pages"): Floor(0.92, 0.94, 0.20),
    ("trafilatura", "shared gold"): Floor(0.92, 0.93, 0.06),
    ("trafilatura", "marked pages"): Floor(0.92, 0.90, 0.06),
}
# Below this on a kind of page, the extractor does not know how such pages are built.
KIND_FLOOR = 0.70


@pytest.fixture(scope="module")
def own() -> list[Page]:
    return folder(OWN_PAGES, "own pages")


def reached(pages: Sequence[Page], extractor: str) -> tuple[Floor, dict[str, list[float]]]:
    """What the extractor reaches on the pages, and the F1 of each page by kind."""
    texts = [extract(page.html, page.encoding, page.url, extractor)[0] for page in pages]
    kinds: dict[str, list[float]] = {}
    for page, text in zip(pages, texts, strict=True):
        if page.text:
            kinds.setdefault(page.kind, []).append(f1(text, page.text))
    kept = [found(snippet, text) for page, text in zip(pages, texts, strict=True) for snippet in page.kept]
    leaked = [found(snippet, text) for page, text in zip(pages, texts, strict=True) for snippet in page.left_out]
    return Floor(mean(one for each in kinds.values() for one in each), mean(kept), mean(leaked)), kinds


def check(pages: Sequence[Page], extractor: str, gold: str) -> dict[str, list[float]]:
    floor = FLOORS[extractor, gold]
    result, kinds = reached(pages, extractor)
    assert result.f1 >= floor.f1
    assert result.kept >= floor.kept
    assert result.leaked <= floor.leaked
    return kinds


def extractors() -> list[str]:
    return sorted({extractor for extractor, _ in FLOORS})


def test_every_extractor_has_a_floor_on_every_gold() -> None:
    assert set(FLOORS) == {(each, gold) for each in EXTRACTORS for gold in ("own pages", "shared gold", "marked pages")}


@pytest.mark.parametrize("extractor", extractors())
def test_main_text_of_the_own_pages_is_above_the_floor_on_each_kind(own: list[Page], extractor: str) -> None:
    kinds = check(own, extractor, "own pages")
    assert {kind: mean(scores) for kind, scores in kinds.items() if mean(scores) < KIND_FLOOR} == {}


@pytest.mark.parametrize("extractor", extractors())
def test_main_text_of_the_shared_gold_is_above_the_floor(shared_data: Path, extractor: str) -> None:
    check(shared(shared_data / "massiveweb"), extractor, "shared gold")


@pytest.mark.parametrize("extractor", extractors())
def test_main_text_of_the_marked_pages_is_above_the_floor(shared_data: Path, extractor: str) -> None:
    check(marks(shared_data / "massiveweb"), extractor, "marked pages")


def test_the_own_pages_are_of_many_kinds_and_scripts_and_each_has_its_line(own: list[Page]) -> None:
    assert {page.name for page in own} == {path.name for path in OWN_PAGES.glob("*.html")}
    assert len(own) >= 20
    kinds = {"forum", "shop", "recipe", "right to left", "Chinese, Japanese, Korean", "tables", "code blog"}
    assert kinds | {"documentation", "encyclopedia"} <= {page.kind for page in own}
    assert {"ar", "he", "fa", "ja", "zh", "ko", "hi", "th"} <= {page.language for page in own}


def test_gold_snippets_stand_on_their_page_on_the_side_they_are_said_to_be(own: list[Page]) -> None:
    for page in own:
        assert page.text is not None
        assert [each for each in page.kept if not found(each, page.text)] == [], page.name
        assert [each for each in page.left_out if found(each, page.text)] == [], page.name


def test_the_marked_pages_are_many_and_hold_their_snippets(shared_data: Path) -> None:
    pages = marks(shared_data / "massiveweb")
    assert len(pages) >= 40
    assert len({page.language for page in pages}) >= 8
    for page in pages:
        assert page.text is not None
        assert [each for each in page.kept if not found(each, page.text)] == [], page.url
        assert [each for each in page.left_out if found(each, page.text)] == [], page.url


def test_the_marks_hold_numbers_and_short_snippets_and_no_text_of_the_pages() -> None:
    lines = [json.loads(line) for line in MARKS.read_text("utf-8").splitlines()]
    assert len({line["digest"] for line in lines}) == len(lines)
    for line in lines:
        assert set(line) == {"url", "warc", "record", "digest", "kind", "language", "lines", "words", "with", "without"}
        assert numbers(line["lines"])
        for snippet in line["with"] + line["without"]:
            assert len(snippet.split()) <= 10
            assert len(words(snippet)) <= 20
