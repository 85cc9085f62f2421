"""EPUB 2 and 3: the book in the order of its spine, without cover, contents, navigation and licence."""

from __future__ import annotations

import html.entities
import posixpath
import re
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from typing import BinaryIO
from urllib.parse import unquote

from lxml import etree

from pipelines.files import open_read
from pipelines.sources.books import opened, without_pictures
from pipelines.sources.compression import BROKEN_ZIP
from pipelines.sources.encoding import choose, decode
from pipelines.sources.how import PLAIN, How
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Unreadable, digest

_CHUNK = 1 << 20
_ASIDE_TYPES = ("cover", "cover-image", "toc", "copyright-page", "landmarks", "page-list")
_GUIDE_ASIDES = ("cover", "toc", "copyright-page", "colophon", "loi", "lot")
_BREAKING_NAMES = """
    address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr main ol p pre section table ul
"""
_BREAKING = frozenset(_BREAKING_NAMES.split())
_LINE_BREAKING = frozenset(("br", "li", "tr"))
_LEFT_OUT = frozenset(
    ("head", "script", "style", "nav", "svg", "math", "img", "audio", "video", "object", "iframe", "template")
)
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,31});")
_KEPT_ENTITIES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_SPACES = re.compile("  +")
_BLANK_LINES = re.compile(r"\n\n\n+")
_FACTS = ("creator", "language", "date", "publisher", "rights")
_TYPE = "{http://www.idpf.org/2007/ops}type"


class EpubError(Exception):
    """An EPUB that cannot be read."""


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """One record, the whole book."""
    with open_read(path) as raw:
        try:
            yield _book(raw)
        except EpubError as error:
            yield Unreadable(0, 0, str(error))


def _book(raw: BinaryIO) -> Record:
    book_digest = digest(iter(lambda: raw.read(_CHUNK), b""))
    raw.seek(0)
    try:
        with zipfile.ZipFile(raw) as archive:
            package = _Package(archive)
            chapters, replaced, size = [], 0, 0
            for name in package.spine():
                data = package.member(name)
                size += len(data)
                if size > RECORD_LIMIT:
                    raise EpubError(f"the chapters are larger than {RECORD_LIMIT} bytes")
                source, wrong = decode(data, choose(data))
                chapters.append(chapter_text(source))
                replaced += wrong
    except BROKEN_ZIP as error:
        raise EpubError(f"no readable EPUB: {error}") from error
    book = opened("\n\n".join(chapter for chapter in chapters if chapter))
    text = _BLANK_LINES.sub("\n\n", without_pictures(book.text)).strip("\n")
    return Record(
        0,
        book_digest.hex(),
        book_digest,
        text,
        title=package.title,
        replaced=replaced,
        metadata={**package.facts, **(book.aside() or {})},
    )


class _Package:
    """The package document: what belongs to the book, and in which order."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        container = _xml(self.member("META-INF/container.xml"))
        root = next(iter(container.iter("{*}rootfile")), None)
        path = root.get("full-path") if root is not None else None
        if not path:
            raise EpubError("META-INF/container.xml names no package document")
        self._folder = posixpath.dirname(path)
        self._document = _xml(self.member(path))
        title = next(iter(self._document.iter("{http://purl.org/dc/elements/1.1/}title")), None)
        self.title = " ".join("".join(title.itertext()).split()) or None if title is not None else None
        self.facts = {name: fact for name in _FACTS if (fact := self._fact(name))}

    def _fact(self, name: str) -> str:
        """What the package says of the book: creators, language, rights."""
        found = self._document.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}")
        return "; ".join(" ".join("".join(node.itertext()).split()) for node in found)

    def member(self, name: str) -> bytes:
        try:
            with self._archive.open(name) as file:
                data = file.read(RECORD_LIMIT + 1)
        except KeyError as error:
            raise EpubError(f"{name} is missing in the archive") from error
        if len(data) > RECORD_LIMIT:
            raise EpubError(f"{name} is larger than {RECORD_LIMIT} bytes")
        return data

    def spine(self) -> list[str]:
        """Names of the chapters in reading order."""
        items = {item.get("id"): item for item in self._document.iter("{*}item")}
        asides = {
            self._name(reference.get("href", ""))
            for reference in self._document.iter("{*}reference")
            if reference.get("type") in _GUIDE_ASIDES
        }
        names = []
        for reference in self._document.iter("{*}itemref"):
            item = items.get(reference.get("idref"))
            if item is None:
                raise EpubError(f"the spine names {reference.get('idref')!r}, which the manifest lacks")
            name = self._name(item.get("href", ""))
            is_aside = "nav" in item.get("properties", "").split() or reference.get("linear") == "no"
            if not is_aside and name not in asides and "html" in item.get("media-type", "html"):
                names.append(name)
        return names

    def _name(self, href: str) -> str:
        return posixpath.normpath(posixpath.join(self._folder, unquote(href.split("#")[0])))


def chapter_text(source: str) -> str:
    """The text of an XHTML file: a blank line between blocks, a line for each list item and table row."""
    writer = _Writer()
    hidden: etree._Element | None = None
    for event, node in etree.iterwalk(_xhtml(source), events=("start", "end", "comment", "pi")):
        name = _local_name(node.tag) if isinstance(node.tag, str) else ""
        if event == "start" and name and hidden is None:
            hidden = node if _is_left_out(node, name) else None
            if hidden is None:
                writer.start(name)
                writer.add(node.text)
        elif event != "start":
            if hidden is None and name:
                writer.end(name)
            hidden = None if hidden is node else hidden
            if hidden is None:
                writer.add(node.tail)
    return writer.text()


@lru_cache(1024)
def _local_name(tag: str) -> str:
    return etree.QName(tag).localname.lower()


def _is_left_out(node: etree._Element, name: str) -> bool:
    attributes = dict(node.items())
    if name in _LEFT_OUT or not attributes:
        return name in _LEFT_OUT
    kinds, classes = attributes.get(_TYPE, "").split(), attributes.get("class", "").split()
    is_page_number = "pagebreak" in kinds or "pagenum" in classes
    is_licence = attributes.get("id") in ("pg-header", "pg-footer") or "pg-boilerplate" in classes
    is_aside = any(kind in _ASIDE_TYPES for kind in kinds)
    return is_page_number or is_licence or is_aside or "hidden" in attributes


class _Writer:
    """Text put together from inline runs and the breaks between them."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._break = 0  # line ends owed before the next run
        self._verbatim = 0

    def start(self, name: str) -> None:
        if name in _BREAKING:
            self._break = 2
        elif name in _LINE_BREAKING:
            self._break = max(self._break, 1)
        elif name in ("td", "th") and self._parts and not self._break:
            self.add(" ")
        self._verbatim += name == "pre"

    def end(self, name: str) -> None:
        if name in _BREAKING:
            self._break = 2
        elif name in ("li", "tr"):
            self._break = max(self._break, 1)
        self._verbatim -= name == "pre"

    def add(self, run: str | None) -> None:
        if not run:
            return
        if not self._verbatim:
            run = _SPACES.sub(" ", run.replace("\n", " ").replace("\t", " ").replace("\r", " "))
            if self._break or not self._parts or self._parts[-1].endswith(" "):
                run = run.lstrip(" ")
        if not run:
            return
        if self._break and self._parts:
            self._parts.append("\n" * self._break)
        self._break = 0
        self._parts.append(run)

    def text(self) -> str:
        *lines, last = "".join(self._parts).split("\n")
        return "\n".join([*(line.rstrip(" \t") for line in lines), last]).strip("\n ")


def _xhtml(source: str) -> etree._Element:
    """The tree; read as HTML where it is no XML."""
    source = _ENTITY.sub(_character, source)
    data = re.sub(r"^\s*<\?xml[^>]*\?>", "", source).encode("utf-8")
    try:
        return _xml(data)
    except EpubError:
        tree = etree.fromstring(data, etree.HTMLParser(encoding="utf-8", no_network=True))
        if tree is None:
            return etree.Element("html")
        return tree


def _character(found: re.Match[str]) -> str:
    name = found.group(1)
    return found.group() if name in _KEPT_ENTITIES else html.entities.html5.get(f"{name};", found.group())


def _xml(data: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise EpubError(f"broken XML: {error}") from error
