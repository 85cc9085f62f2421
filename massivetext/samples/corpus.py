"""The sample corpus: sizes of its two editions, what is planted in it, and the files of every subset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from massivetext.samples import (
    books,
    code,
    evaluation,
    foreign,
    groups,
    jsonlines,
    library,
    planted,
    web,
    wiki,
)
from massivetext.samples.draw import Draw, digest
from massivetext.samples.groups import BOOKS, C4, NEWS, WEB, WIKIPEDIA, Planted
from massivetext.samples.items import Answers, Item
from massivetext.samples.prose import Writer


@dataclass(frozen=True, kw_only=True)
class Edition:
    """Numbers of ordinary documents, their words, and how many variants of each planted kind there are."""

    ordinary: dict[str, tuple[int, int]]
    code_characters: int
    variants: int
    test_items: int
    labelled: int
    files: int
    whole_library: bool

    def scaled(self, scale: int) -> Edition:
        """The edition with `scale` times the documents; real prose and labelled texts stay what they are."""
        return replace(
            self,
            ordinary={subset: (count * scale, words) for subset, (count, words) in self.ordinary.items()},
            code_characters=self.code_characters * scale,
            files=self.files * scale,
        )


# Words are proportional to the weights of the `gopher` mixture, so that no subset is far scarcer than others.
EDITIONS = {
    "demo": Edition(
        ordinary={
            WEB: (1430, 690), BOOKS: (9, 62_000), C4: (590, 370), NEWS: (480, 450), WIKIPEDIA: (96, 480)
        },
        code_characters=300_000, variants=4, test_items=40, labelled=600, files=4, whole_library=True,
    ),
    "tests": Edition(
        ordinary={WEB: (100, 800), BOOKS: (3, 19_000), C4: (34, 330), NEWS: (42, 330), WIKIPEDIA: (16, 300)},
        code_characters=40_000, variants=1, test_items=4, labelled=60, files=2, whole_library=False,
    ),
}  # fmt: skip


def make(folder: str | Path, edition: str = "demo", seed: int = 0, scale: int = 1) -> Path:
    """The folder, filled with the corpus, its evaluation set, safety lists and `answers.jsonl`.

    `scale` gives so many times the ordinary documents, all of them different.
    Raises ValueError for an unknown edition, a scale below 1, or a folder that is not empty.
    """
    if edition not in EDITIONS:
        raise ValueError(f"there is no edition {edition!r}; choose one of {', '.join(EDITIONS)}")
    if scale < 1:
        raise ValueError(f"scale is {scale}; a whole number from 1 is expected")
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{str(folder)!r} is not empty; name a new folder, so that no old file is taken for a sample")
    _write(folder, EDITIONS[edition].scaled(scale), seed)
    return folder


def _write(folder: Path, sizes: Edition, seed: int) -> None:
    answers = Answers()
    items: dict[str, list[Item]] = {subset: [] for subset in sizes.ordinary}
    tests = groups.test_items(seed, sizes.test_items)
    articles = groups.test_articles(seed, max(2, sizes.test_items // 8))
    plants = [*_all_plants(sizes, seed), *groups.leaked(Draw("leaked", seed), tests)]
    plants += groups.known_titles(Draw("titles", seed), articles[1:])
    for subset, item in plants:
        items[subset].append(item)
    for subset, found in _ordinary(sizes, seed).items():
        items[subset] += found
    for subset, found in items.items():
        items[subset] = _shuffled(seed, subset, found)
    web.write(folder, seed, items[WEB], _plain(sizes, seed), sizes.files, answers)
    books.write(folder, items[BOOKS], answers)
    for subset in (C4, NEWS):
        jsonlines.write(folder, subset, seed, items[subset], sizes.files, answers)
    wiki.write(folder, seed, items[WIKIPEDIA], answers)
    code.write(folder, sizes.code_characters, answers)
    evaluation.write(folder, seed, tests, articles)
    evaluation.write_safety(folder, seed, sizes.labelled)
    lines = "".join(json.dumps(answer, ensure_ascii=False) + "\n" for answer in answers.lines())
    (folder / "answers.jsonl").write_text(lines, encoding="utf-8")


def _shuffled(seed: int, subset: str, items: list[Item]) -> list[Item]:
    order = sorted(range(len(items)), key=lambda place: digest("order", seed, subset, place))
    return [items[place] for place in order]


def _ordinary(sizes: Edition, seed: int) -> dict[str, list[Item]]:
    """Documents with nothing wrong; some of MassiveWeb and C4 carry real prose and promise nothing."""
    prose = library.prose(None if sizes.whole_library else library.talkative_modules())
    found: dict[str, list[Item]] = {}
    for subset, (count, words) in sizes.ordinary.items():
        found[subset] = []
        for number in range(count):
            draw = Draw("ordinary", seed, subset, number)
            writer = Writer(draw, cast=12 if subset == BOOKS else 4)
            # Lengths spread from half to one and a half times the mean.
            length = words // 2 + words * draw.below(1001) // 1000
            item = Item(paragraphs=_story(writer, length) if subset == BOOKS else writer.paragraphs(length))
            item = replace(item, title=writer.title(), note="ordinary", form=_form(subset, number))
            if subset in (WEB, C4) and number % 2 == 0:
                item = _with_prose(item, next(prose, ()))
            found[subset].append(item)
    return found


def _with_prose(item: Item, group: tuple[str, ...]) -> Item:
    """The item with real prose in its midst; as that depends on the Python, nothing is promised."""
    if not group:
        return item
    return replace(item, paragraphs=(item.paragraphs[0], *group, *item.paragraphs[1:]), outcome=None)


def _form(subset: str, number: int) -> str:
    if subset != WEB:
        return ""
    return {5: "latin-1", 15: "gzip", 25: "chunked"}.get(number % 30, "heading")


def _story(writer: Writer, words: int) -> tuple[str, ...]:
    """Paragraphs with talk between them."""
    paragraphs: list[str] = []
    count = 0
    while count < words:
        paragraphs.append(writer.dialogue() if writer.draw.chance(40) else writer.paragraph())
        count += len(paragraphs[-1].split())
    return tuple(paragraphs)


def _all_plants(sizes: Edition, seed: int) -> Iterator[tuple[str, Item]]:
    for number in range(sizes.variants):
        yield from _failing(seed, number)
        yield from _foreign(seed, number)
        yield from _unsafe(seed, number)
        for make_group in (
            groups.exact_copies,
            groups.near_copies,
            groups.at_the_bound,
            groups.near_copies_elsewhere,
            groups.same_record,
            groups.shared_passage,
        ):
            yield from make_group(Draw(make_group.__name__, seed, number), number)
    yield from groups.same_story(Draw("same story", seed), 0, 6000 if sizes.whole_library else 1500)
    if sizes.whole_library:
        endless = planted.endless(Draw("endless", seed))
        yield (
            WEB,
            Item(paragraphs=endless, outcome="dropped", rule="word_count", note="more than 100,000 words"),
        )


def _failing(seed: int, number: int) -> Planted:
    """One page for every rule that a page can fail first, and the two forms of emptiness."""
    pages: Planted = []
    for name, maker in planted.MAKERS.items():
        rule = name.partition(",")[0]
        paragraphs = maker(Draw("failing", seed, name, number))
        item = Item(paragraphs=paragraphs, outcome="dropped", rule=rule, note=f"fails {name} first")
        pages.append((WEB, replace(item, title="A page")))
    nothing = Item(paragraphs=(), outcome="dropped", rule="empty", form="empty", note="no text")
    return [*pages, (WEB, nothing), (C4, replace(nothing, form=""))]


def _plain(sizes: Edition, seed: int) -> list[Item]:
    """Records of plain text, whose blank lines let the paragraph rules see paragraphs."""
    items = []
    for number in range(sizes.variants):
        for rule, maker in planted.PLAIN_MAKERS.items():
            paragraphs = maker(Draw("failing", seed, rule, number))
            items.append(Item(paragraphs=paragraphs, outcome="dropped", rule=rule, note=f"fails {rule} first"))
        writer = Writer(Draw("plain", seed, number))
        items.append(Item(paragraphs=writer.paragraphs(240), note="ordinary"))
    return items


def _foreign(seed: int, number: int) -> Planted:
    places = [(WEB, "de"), (WEB, "fr"), (WEB, "es"), (C4, "de"), (NEWS, "fr"), (WIKIPEDIA, "es")]
    if number == 0:
        places.append((BOOKS, "de"))
    found: Planted = []
    for subset, language in places:
        paragraphs = foreign.paragraphs(Draw("foreign", seed, subset, language, number), language)
        title = f"{language} {number}"
        item = Item(paragraphs=paragraphs, title=title, outcome="dropped", rule="language", note=language)
        found.append((subset, item))
    return found


def _unsafe(seed: int, number: int) -> Planted:
    """Pages of listed hosts and of a subdomain of one, a page that only the classifier can tell, and one near to it."""
    found: Planted = []
    for place, host in enumerate(evaluation.UNSAFE_HOSTS):
        draw = Draw("unsafe", seed, number, place)
        paragraphs = evaluation.spam(draw) if place % 2 else Writer(draw).paragraphs(240)
        item = Item(paragraphs=paragraphs, title="A page", outcome="dropped", rule="unsafe_host", note="listed host")
        found.append((WEB, replace(item, host=f"shop.{host}" if place == 3 else host)))
    spam = evaluation.spam(Draw("spam", seed, number))
    item = Item(paragraphs=spam, title="A page", outcome="dropped", rule="unsafe_probability", note="spam")
    near = Item(paragraphs=evaluation.innocent(Draw("innocent", seed, number)), title="A page", note="near to spam")
    return [*found, (WEB, item), (WEB, near)]
