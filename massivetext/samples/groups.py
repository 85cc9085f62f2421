"""Documents that answer for one another: copies, near copies, shared passages, copies of evaluation items.

Every function returns pairs of a subset and an item; `number` tells the variants of one kind apart.
Copies lie in MassiveWeb, Books, C4 and News; what lies elsewhere says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from massivetext.samples.draw import Draw
from massivetext.samples.items import Item
from massivetext.samples.planted import as_paragraphs, vary
from massivetext.samples.prose import Writer

Planted = list[tuple[str, Item]]
WEB, BOOKS, C4, NEWS, WIKIPEDIA = "massiveweb", "books", "c4", "news", "wikipedia"


def _copy(text: str, title: str, rule: str, group: str, note: str) -> Item:
    return Item(paragraphs=as_paragraphs(text), title=title, outcome="one_kept", rule=rule, group=group, note=note)


def exact_copies(draw: Draw, number: int) -> Planted:
    """Groups of two and three documents with one text, inside a subset and across two."""
    planted: Planted = []
    for kind, subsets in {
        "web": (WEB, WEB),
        "c4": (C4, C4),
        "c4-news": (C4, NEWS),
        "news": (NEWS, NEWS, NEWS),
    }.items():
        writer = Writer(Draw("exact", draw.below(4096), kind, number))
        item = _copy(
            writer.exactly(260),
            writer.title(),
            "exact_duplicate",
            f"exact-{kind}-{number}",
            "one text, several records",
        )
        planted += [(subset, replace(item, note=f"{item.note}, {place}")) for place, subset in enumerate(subsets)]
    return planted


def near_copies(draw: Draw, number: int) -> Planted:
    """Groups of documents that differ by one word in 300, far enough from its ends: Jaccard 0.91 or 0.83."""
    planted: Planted = []
    groups = {"web": (WEB, WEB, WEB), "c4-news": (C4, NEWS), "web-c4": (WEB, C4), "web-news": (WEB, NEWS)}
    for kind, subsets in groups.items():
        writer = Writer(Draw("near", draw.below(4096), kind, number))
        text, title = writer.exactly(300), writer.title()
        for place, subset in enumerate(subsets):
            changed = vary(text, [60 + 70 * place])
            note = "one word of 300 differs"
            planted.append((subset, _copy(changed, title, "near_duplicate", f"near-{kind}-{number}", note)))
    return planted


def at_the_bound(draw: Draw, number: int) -> Planted:
    """A pair with Jaccard 104/130 = 0.8, which are no near-duplicates, and a pair with 105/131, which are.

    Both halves of the first pair's text repeat, so one of the two falls in the end, but to the cut.
    """
    planted: Planted = []
    for words, rule, subsets in ((129, "cut_away", (C4, NEWS)), (130, "near_duplicate", (NEWS, C4))):
        writer = Writer(Draw("bound", draw.below(4096), words, number))
        text, title = writer.exactly(words), writer.title()
        for subset, changed in zip(subsets, (text, vary(text, [64])), strict=True):
            note = f"Jaccard {words - 25}/{words + 1}, the bound being 0.8"
            planted.append((subset, _copy(changed, title, rule, f"bound-{words}-{number}", note)))
    return planted


def near_copies_elsewhere(draw: Draw, number: int) -> Planted:
    """Near copies in Wikipedia, which is not searched for them."""
    writer = Writer(Draw("elsewhere", draw.below(4096), number))
    text, title = writer.exactly(280), writer.title()
    item = Item(paragraphs=as_paragraphs(text), title=title, group=f"near-wikipedia-{number}", note="near copies stay")
    varied = replace(item, paragraphs=as_paragraphs(vary(text, [90])), title=f"{title}, a second look")
    return [(WIKIPEDIA, item), (WIKIPEDIA, varied)]


def same_story(draw: Draw, number: int, words: int) -> Planted:
    """A book as text and as EPUB in another edition, and a short book that is there twice."""
    writer = Writer(Draw("story", draw.below(4096), number), cast=8)
    edition = writer.paragraphs(words)
    again = tuple(text if place % 5 else vary(text, [len(text.split()) // 2]) for place, text in enumerate(edition))
    item = Item(paragraphs=edition, title=writer.title(), outcome="one_kept", rule="near_duplicate")
    item = replace(item, group=f"near-books-{number}", note="two editions of a book")
    short = replace(item, paragraphs=writer.paragraphs(words // 2), rule="exact_duplicate", title=writer.title())
    short = replace(short, group=f"exact-books-{number}", note="one book in two files")
    return [
        (BOOKS, item),
        (BOOKS, replace(item, paragraphs=again, form="epub")),
        (BOOKS, short),
        (BOOKS, short),
    ]


def same_record(draw: Draw, number: int) -> Planted:
    """A page whose very record, and a line of C4 that, stands in two files."""
    planted: Planted = []
    for subset in (WEB, C4):
        writer = Writer(Draw("twice", draw.below(4096), subset, number))
        item = Item(
            paragraphs=writer.paragraphs(220), title=writer.title(), outcome="one_kept", rule="same_record",
            group=f"record-{subset}-{number}", note="one record in two files", form="twice",
        )  # fmt: skip
        planted.append((subset, item))
    return planted


def shared_passage(draw: Draw, number: int) -> Planted:
    """Documents of their own that share a passage of 90 words, and nothing else."""
    passage = Writer(Draw("passage", draw.below(4096), number)).exactly(90)
    planted: Planted = []
    for place, subset in enumerate((WEB, WEB, C4, NEWS, BOOKS)):
        writer = Writer(Draw("host", draw.below(4096), number, place))
        before, after = writer.paragraphs(180 + 60 * place), writer.paragraphs(240)
        note = "holds a passage that stands elsewhere"
        item = Item(paragraphs=(*before, passage, *after), title=writer.title(), passage=passage, note=note)
        planted.append((subset, item))
    return planted


def test_items(seed: int, count: int) -> list[str]:
    """The texts of the evaluation set."""
    return [Writer(Draw("test item", seed, number)).exactly(160) for number in range(count)]


def leaked(draw: Draw, items: Sequence[str]) -> Planted:
    """Documents that are an evaluation item but for one word, a subset each in turn."""
    planted: Planted = []
    for number, text in enumerate(items):
        paragraphs = as_paragraphs(vary(text, [70 + draw.below(20)]))
        item = Item(
            paragraphs=paragraphs,
            outcome="dropped",
            rule="test_set",
            note="an evaluation item but for one word",
        )
        subset = (WEB, C4, NEWS, WIKIPEDIA)[number % 4]
        # An infobox and headings would add enough shingles of their own to hide the copy.
        planted.append((subset, replace(item, title=f"Passage {number}", form="bare")))
    return planted


def test_articles(seed: int, count: int) -> list[tuple[str, tuple[str, ...]]]:
    """(title, paragraphs) of the evaluation set's encyclopedia articles."""
    articles = []
    for number in range(count):
        writer = Writer(Draw("test article", seed, number))
        articles.append((writer.title(), writer.paragraphs(200)))
    return articles


def known_titles(draw: Draw, articles: Sequence[tuple[str, Sequence[str]]]) -> Planted:
    """Wikipedia pages with the title, but not the text, of an evaluation article."""
    planted: Planted = []
    for number, (title, _) in enumerate(articles):
        paragraphs = Writer(Draw("known title", draw.below(4096), number)).paragraphs(260)
        item = Item(paragraphs=paragraphs, title=title, outcome="dropped", rule="test_set_title")
        planted.append((WIKIPEDIA, replace(item, note="the title of an evaluation article")))
    return planted
