"""A MediaWiki dump: articles in wikitext, redirects, and pages of other namespaces."""

from __future__ import annotations

import bz2
from collections.abc import Sequence
from html import escape
from pathlib import Path

from massivetext.samples import warc
from massivetext.samples.draw import Draw
from massivetext.samples.items import Answers, Item
from massivetext.samples.prose import Writer

SUBSET = "wikipedia"
SOURCE = "wikipedia/samplewiki-pages-articles.xml.bz2"
_NAMESPACES = {-1: "Special", 0: "", 1: "Talk", 2: "User", 10: "Template", 14: "Category"}


def write(folder: Path, seed: int, items: Sequence[Item], answers: Answers) -> None:
    """Write the items as one dump; every seventh article is followed by a redirect or a talk page."""
    (folder / SUBSET).mkdir(parents=True, exist_ok=True)
    pages: list[str] = []
    for number, item in enumerate(items):
        answers.add(SUBSET, SOURCE, len(pages), item)
        pages.append(_page(len(pages), 0, item.title, wikitext(Draw("wiki", seed, number), item)))
        if number % 7 == 0:
            answers.skip(SUBSET, SOURCE, len(pages), "redirect", "redirect page")
            pages.append(_page(len(pages), 0, item.title.upper(), f"#REDIRECT [[{item.title}]]", target=item.title))
        if number % 7 == 3:
            answers.skip(SUBSET, SOURCE, len(pages), "namespace", "talk page")
            talk = "== Sources ==\nWhere does the second paragraph come from? ~~~~"
            pages.append(_page(len(pages), 1, f"Talk:{item.title}", talk))
    (folder / SOURCE).write_bytes(bz2.compress((_head() + "".join(pages) + "</mediawiki>\n").encode(), 9))


def wikitext(draw: Draw, item: Item) -> str:
    """The item as an article with an infobox, references, a table and categories; of form "bare", without."""
    if item.form == "bare":
        return "\n\n".join(_marked_up(draw, paragraph) for paragraph in item.paragraphs)
    writer = Writer(draw)
    first, *rest = item.paragraphs
    year, people = draw.between(1702, 1998), draw.between(300, 90_000)
    parts = [
        f"{{{{Infobox settlement\n| name = {item.title}\n| founded = {year}\n| population = {people}\n}}}}\n"
        f"{_marked_up(draw, first)}<ref>{{{{cite book|title={writer.title()}|year={year}}}}}</ref>"
    ]
    for number, paragraph in enumerate(rest):
        if number % 2 == 0:
            parts.append(f"== {writer.title()} ==")
        parts.append(_marked_up(draw, paragraph))
    rows = "".join(f"|-\n| {year + step} || {draw.between(100, 999)}\n" for step in range(3))
    parts.append(f'{{| class="wikitable"\n! Year !! Number\n{rows}|}}')
    parts.append(f"[[Category:{writer.towns[0]}]]")
    return "\n\n".join(parts)


def _marked_up(draw: Draw, paragraph: str) -> str:
    """The paragraph with a word in bold and some words linked: the plain text stays the same."""
    found = paragraph.split()
    for place, word in enumerate(found):
        if word.isalpha() and draw.chance(6):
            found[place] = f"[[{word}]]" if draw.chance(50) else f"[[{word.capitalize()} (topic)|{word}]]"
    if found[0].isalpha():
        found[0] = f"'''{found[0]}'''"
    return " ".join(found)


def _head() -> str:
    spaces = "".join(
        f'      <namespace key="{key}" case="first-letter">{name}</namespace>\n' for key, name in _NAMESPACES.items()
    )
    return (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">\n'
        "  <siteinfo>\n    <sitename>Sample</sitename>\n    <dbname>samplewiki</dbname>\n"
        "    <base>http://wiki.example/wiki/Main_Page</base>\n    <case>first-letter</case>\n"
        f"    <namespaces>\n{spaces}    </namespaces>\n  </siteinfo>\n"
    )


def _page(number: int, namespace: int, title: str, text: str, target: str | None = None) -> str:
    redirect = f'    <redirect title="{escape(target)}" />\n' if target else ""
    return (
        f"  <page>\n    <title>{escape(title, quote=False)}</title>\n    <ns>{namespace}</ns>\n"
        f"    <id>{number + 1}</id>\n{redirect}    <revision>\n      <id>{1000 + number}</id>\n"
        f"      <timestamp>{warc.date(number)}</timestamp>\n      <model>wikitext</model>\n"
        f"      <format>text/x-wiki</format>\n"
        f'      <text bytes="{len(text.encode())}" xml:space="preserve">{escape(text, quote=False)}</text>\n'
        "    </revision>\n  </page>\n"
    )
