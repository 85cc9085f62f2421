"""The visible text of a page block by block, in the order of its source: what a person marks as main text or not.

It chooses nothing: every text a browser could show is in it, navigation and hidden elements included, so that marks on
it favour no extractor.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

_UNSEEN = frozenset(["head", "script", "style", "noscript", "template", "svg", "iframe", "object"])
_BLOCK_NAMES = """
address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset figcaption
figure footer form frame frameset h1 h2 h3 h4 h5 h6 header hr html img input label legend li main menu nav ol optgroup
option p pre section select summary table tbody td textarea tfoot th thead tr ul
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_SPACES = re.compile(r"\s+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def blocks(source: str) -> list[str]:
    """The texts of a page between the starts and ends of its block elements, those without a word left out."""
    return [text for text, _ in located(source)]


def located(source: str) -> list[tuple[str, HtmlElement]]:
    """Each block's text, white space as one space, and the block element that it stands in."""
    parser = HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        tree = document_fromstring(_CONTROLS.sub(" ", source).encode("utf-8"), parser=parser)
    except etree.ParserError:
        return []
    found: list[tuple[str, HtmlElement]] = []
    pieces: list[str] = []

    def close(node: HtmlElement) -> None:
        text = _SPACES.sub(" ", "".join(pieces)).strip()
        pieces.clear()
        if any(character.isalnum() for character in text):
            found.append((text, node))

    open_blocks = [tree]
    unseen: HtmlElement | None = None
    for event, node in etree.iterwalk(tree, events=("start", "end")):
        if event == "start":
            if unseen is None and node.tag in _BLOCKS:
                close(open_blocks[-1])
                open_blocks.append(node)
            unseen = node if unseen is None and node.tag in _UNSEEN else unseen
            pieces.append("" if unseen is not None else node.text or "")
            continue
        if unseen is None and node.tag in _BLOCKS:
            close(node)
            open_blocks.pop()
        unseen = None if unseen is node else unseen
        pieces.append("" if unseen is not None else node.tail or "")
    close(tree)
    return found


def numbers(ranges: str) -> list[int]:
    """The block numbers, from 0, of ranges such as `3-17,20`.

    Raises:
        ValueError: that is no list of rising ranges.
    """
    found: list[int] = []
    for part in filter(None, ranges.replace(" ", "").split(",")):
        match = _RANGE.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, -1)
        if first > last or (found and first <= found[-1]):
            raise ValueError(f"block ranges {ranges!r}: {part!r} is not one; write rising ranges such as 3-17,20")
        found += range(first, last + 1)
    return found


def marked(texts: Sequence[str], ranges: str) -> str:
    """The blocks that the ranges mark, a line each.

    Raises:
        ValueError: a range goes beyond the page.
    """
    wanted: Iterable[int] = numbers(ranges)
    try:
        return "\n".join(texts[number] for number in wanted)
    except IndexError:
        raise ValueError(f"block ranges {ranges!r} go beyond the {len(texts)} blocks of the page") from None
