"""HTML to the main text of a page, by trafilatura or by an extractor of our own.

The paper takes "coherent blocks of salient text" by an extractor it does not publish; `gopher` finds them in its way,
among groups of elements at the same level of the page's tree.
"""

from __future__ import annotations

import difflib
import itertools
import logging
import re
from collections.abc import Iterable

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring
from trafilatura import extract as trafilatura_extract
from trafilatura.meta import reset_caches

from pipelines.html import page as gopher
from pipelines.sources.encoding import choose, declared_in_html, decode, is_utf8, known

EXTRACTORS = ("trafilatura", "gopher")
# Bytes of HTML that trafilatura looks at: its time is not linear. The rest of a larger page is left off.
PAGE_LIMIT = 4 << 20
_PAGES_PER_CACHE = 1000  # trafilatura's caches are emptied so often, to keep memory flat
_MARKUP = re.compile(rb"<!--|<(?:!doctype|/?[a-z][a-z0-9]*)\b[^<>]*>", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_HTML_SPACES = re.compile(r"[ \t\r\n\f]{2,}|[\t\r\n\f]")
_SPACES = re.compile(r"\s+")
_pages = itertools.count(1)

# One line per page without text would fill a build's log; such pages are counted as documents without text.
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
logging.getLogger("htmldate").setLevel(logging.CRITICAL)


def extract(
    html: bytes, encoding: str | None, url: str | None, extractor: str = "trafilatura"
) -> tuple[str, str | None]:
    """Main text, empty if there is none, and title of a page. A body without markup is its own text.

    The result depends on the arguments alone, not on the pages seen before.

    Raises:
        ValueError: there is no such extractor.
    """
    if extractor not in EXTRACTORS:
        near = difflib.get_close_matches(extractor, EXTRACTORS, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no extractor {extractor!r}{meant} Known: {', '.join(EXTRACTORS)}")
    return _by_gopher(html, encoding) if extractor == "gopher" else _by_trafilatura(html[:PAGE_LIMIT], encoding, url)


def warm_up(extractors: Iterable[str]) -> None:
    """Compile or load what these extractors need, before the first page."""
    if "gopher" in extractors:
        gopher.warm_up()


def _by_gopher(page: bytes, encoding: str | None) -> tuple[str, str | None]:
    name = known(encoding) or choose(page, [declared_in_html(page)])
    utf8 = page if name == "utf-8" and is_utf8(page) else decode(page, name)[0].encode()
    return gopher.main_text(utf8) if _MARKUP.search(utf8) else (_plain(utf8.decode()), None)


def _plain(source: str) -> str:
    return _CONTROLS.sub(" ", source.removeprefix("\ufeff")).strip()


def _by_trafilatura(page: bytes, encoding: str | None, url: str | None) -> tuple[str, str | None]:
    source, _ = decode(page, known(encoding) or choose(page, [declared_in_html(page)]))
    if not _MARKUP.search(source.encode()):
        return _plain(source), None
    tree = _parse(_CONTROLS.sub(" ", source.removeprefix("\ufeff")))
    if tree is None:
        return "", None
    title = _title(tree)
    _collapse_spaces(tree)
    return _main_text(tree, url), title


def _parse(source: str) -> HtmlElement | None:
    parser = HTMLParser(
        encoding="utf-8", collect_ids=False, default_doctype=False, remove_comments=True, remove_pis=True
    )
    try:
        return document_fromstring(source.encode("utf-8"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError):
        return None


def _title(tree: HtmlElement) -> str | None:
    node = next(tree.iter("title"), None)
    return _SPACES.sub(" ", node.text_content()).strip() or None if node is not None else None


def _collapse_spaces(tree: HtmlElement) -> None:
    """Each run of white space becomes one space, as a browser shows it: a line end in HTML is no line."""
    verbatim: HtmlElement | None = None
    for event, node in etree.iterwalk(tree, events=("start", "end")):
        if event == "start":
            if verbatim is None and node.tag in ("pre", "textarea", "script", "style"):
                verbatim = node
            if verbatim is None and node.text:
                node.text = _HTML_SPACES.sub(" ", node.text)
            continue
        if verbatim is node:
            verbatim = None
        if verbatim is None and node.tail:
            node.tail = _HTML_SPACES.sub(" ", node.tail)


def _main_text(tree: HtmlElement, url: str | None) -> str:
    if next(_pages) % _PAGES_PER_CACHE == 0:
        reset_caches()
    text = trafilatura_extract(tree, url=url, include_comments=False, include_tables=True, deduplicate=False)
    return (text or "").strip()
