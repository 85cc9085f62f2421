"""MediaWiki XML dumps (pages-articles): one document per article, as plain text under its title.

Pages are framed by their `<page>` tags, which cannot stand inside a dump's escaped text, and parsed one by
one: memory is bounded by a page, and a broken page loses itself alone. A bzip2 dump of many streams ("multistream")
is split at streams that begin with a page.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from lxml import etree

from pipelines import files
from pipelines.sources.compression import DamageError, Stream, open_stream
from pipelines.sources.disambiguation import is_disambiguation
from pipelines.sources.encoding import decode, known
from pipelines.sources.how import AVOIDED, PLAIN, How
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Skipped, Unreadable, digest
from pipelines.sources.wikitext import plain_text

_CHUNK = 1 << 18
_REDIRECT = re.compile(r"\s*#redirect\b", re.IGNORECASE)
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)")
_PAGE = re.compile(rb"\s*<page>")
_HEAD_LIMIT = 1 << 20  # bytes of a dump in which its head ends
_BETWEEN = re.compile(r"\s*(?:<logitem>.*?</logitem>\s*)*(?:</mediawiki>\s*)?", re.DOTALL)
_BOMS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF8, "utf-8"))
_UTF16_SIGNS = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_URL_SAFE = "/:(),!'*"
_LINKS_WITHOUT_TEXT = ("-2", "6", "14")  # the namespaces Media, File, Category


@dataclass(frozen=True, slots=True)
class Site:
    """What the head of a dump tells about its wiki."""

    name: str
    address: str | None  # of an article, without its title
    left_out: frozenset[str]  # lower-case names of the namespaces whose links are no text


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """The pages of a dump or split; after damage from the next stream on that begins with a page."""
    row = 0
    with open_stream(path) as stream:
        if how.end is not None:
            stream.stop_at(how.end, _PAGE)
        head = None
        if how.start:
            head = _head(stream)
            if not stream.find_beginning(how.start, how.end or files.size(path), _PAGE):
                return
        while True:
            dump = _Dump(stream, head)
            try:
                for item in _items(dump, row, how):
                    yield item
                    row += 1
                return
            except DamageError as damage:
                yield Unreadable(row, damage.position, damage.cause)
            row, head = row + 1, dump.head
            if head is None or not stream.pass_damage(_PAGE) or how.is_past(stream.member):
                return


def _items(dump: _Dump, row: int, how: How) -> Iterator[Item]:
    site = _site("")
    for piece in dump.pieces():
        if piece.kind == "head":
            dump.head = piece.data()
            site = _site(decode(dump.head, dump.encoding)[0])
        elif row in how.avoid and piece.kind == "page":
            yield Unreadable(row, piece.position, AVOIDED)
            row += 1
        elif (item := _item(row, piece, dump.encoding, site)) is not None:
            yield item
            row += 1


def _head(stream: Stream) -> bytes:
    """The head of a dump that is read from further on."""
    try:
        data = stream.read(_HEAD_LIMIT)
        while len(data) < _HEAD_LIMIT and b"</siteinfo>" not in data and (more := stream.read(_CHUNK)):
            data += more
    except DamageError:
        return b"<mediawiki>"
    return data[: data.find(b"</siteinfo>")] if b"</siteinfo>" in data else b"<mediawiki>"


class _Piece:
    """A run of the dump's bytes: the head, a page, a page without an end, or what stands between pages."""

    def __init__(self, kind: str, position: int) -> None:
        self.kind = kind
        self.position = position
        self.size = 0
        self._parts: list[bytes] = []

    def add(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > RECORD_LIMIT:
            self._parts.clear()
        else:
            self._parts.append(data)

    def data(self) -> bytes:
        return b"".join(self._parts)


class _Dump:
    """The dump's bytes, cut at its page tags."""

    def __init__(self, stream: Stream, head: bytes | None = None) -> None:
        self._stream = stream
        self.head = head  # given where the stream begins further on, else known once it is read
        self._past = 0  # decompressed bytes before the buffer
        self.encoding = "utf-8"

    def pieces(self) -> Iterator[_Piece]:
        """The dump from its head to its end.

        Raises:
            DamageError: the dump cannot be read on, ends too early, or is none.
        """
        buffer = self._stream.read(_CHUNK)
        if not buffer:
            return
        self.encoding, mark = _encoding(buffer)
        buffer, self._past = buffer[mark:], mark
        start, end = "<page>".encode(self.encoding), "</page>".encode(self.encoding)
        tags = re.compile(re.escape(start) + b"|" + re.escape(end))
        unit = len(start) // len("<page>")
        piece = _Piece("head", 0)
        if self.head is not None:
            piece.add(self.head)
            yield self._checked(piece)
            piece = _Piece("between", 0)
        while buffer:
            at = 0
            for found in tags.finditer(buffer):
                is_start, is_aligned = found.group() == start, found.start() % unit == 0
                if not is_aligned or not (is_start or piece.kind == "page without an end"):
                    continue
                piece.add(buffer[at : found.start() if is_start else found.end()])
                piece.kind = piece.kind if is_start else "page"
                yield self._checked(piece)
                at = found.end()
                kind = "page without an end" if is_start else "between"
                piece = _Piece(kind, self._position(found.start() if is_start else at))
                piece.add(start if is_start else b"")
            more = self._stream.read(_CHUNK)
            cut = max(at, (len(buffer) - len(end)) // unit * unit) if more else len(buffer)
            piece.add(buffer[at:cut])
            buffer, self._past = buffer[cut:] + (more or b""), self._past + cut
        yield self._checked(piece)
        if self._stream.is_stopped:
            return
        if piece.kind in ("head", "between") and not decode(piece.data(), self.encoding)[0].endswith(
            ("</mediawiki>", "</mediawiki>\n", "</mediawiki>\r\n")
        ):
            raise DamageError(self._position(0), "the dump is cut: no </mediawiki> ends it")

    def _checked(self, piece: _Piece) -> _Piece:
        if piece.kind == "head" and "<mediawiki".encode(self.encoding) not in piece.data():
            raise DamageError(0, "no MediaWiki dump: <mediawiki> is missing at its head")
        return piece

    def _position(self, offset: int) -> int:
        return self._past + offset if self._stream.codec is None else self._stream.position


def _encoding(head: bytes) -> tuple[str, int]:
    """The dump's encoding, and the bytes of its byte order mark."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name, len(mark)
    for sign, name in _UTF16_SIGNS:
        if head.startswith(sign):
            return name, 0
    declared = _DECLARED.match(head)
    return (known(declared.group(1).decode("ascii")) if declared else None) or "utf-8", 0


def _site(head: str) -> Site:
    def find(pattern: str) -> str | None:
        found = re.search(pattern, head)
        return found.group(1).strip() if found else None

    names = (find(r"<dbname>([^<]+)"), find(r"<sitename>([^<]+)"), find(r"xml:lang=\"([^\"]+)"))
    base = find(r"<base>([^<]+)")
    spaces = {
        space.lower()
        for key, space in re.findall(r"<namespace key=\"(-?\d+)\"[^>]*>([^<]*)</namespace>", head)
        if key in _LINKS_WITHOUT_TEXT
    }
    address = base.rsplit("/", 1)[0] + "/" if base and "/wiki/" in base else None
    return Site(next(filter(None, names), "mediawiki"), address, frozenset(spaces))


def _item(row: int, piece: _Piece, encoding: str, site: Site) -> Item | None:
    if piece.size > RECORD_LIMIT:
        return Unreadable(row, piece.position, f"the page is larger than {RECORD_LIMIT} bytes")
    source, replaced = decode(piece.data(), encoding)
    if piece.kind == "between":
        if _BETWEEN.fullmatch(source):
            return None
        return Unreadable(row, piece.position, "what stands here is no page")
    if piece.kind != "page":
        return Unreadable(row, piece.position, "the page does not end")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        page = etree.fromstring(source.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        return Unreadable(row, piece.position, f"broken XML: {error}")
    return _page(row, page, site, digest(piece.data()), encoding, replaced)


def _page(row: int, page: etree._Element, site: Site, page_digest: bytes, encoding: str, replaced: int) -> Item:
    title = page.findtext("title", "").strip()
    url = site.address + quote(title.replace(" ", "_"), safe=_URL_SAFE) if site.address and title else None
    if page.findtext("ns", "0").strip() != "0":
        return Skipped(row, "namespace", title or None, url)
    revisions = page.findall("revision")
    last = revisions[-1] if revisions else etree.Element("revision")
    wikitext = last.findtext("text") or ""
    if page.find("redirect") is not None or _REDIRECT.match(wikitext):
        return Skipped(row, "redirect", title or None, url)
    if last.findtext("model", "wikitext") != "wikitext":
        return Skipped(row, "not_text", title or None, url)
    if is_disambiguation(page.findtext("title", ""), wikitext):
        return Skipped(row, "disambiguation", title or None, url)
    text = plain_text(wikitext, site.left_out)
    return Record(
        row,
        f"{site.name}:{page.findtext('id', '')}:{last.findtext('id', '')}",
        page_digest,
        f"{title}\n\n{text}" if text else "",
        url=url,
        timestamp=last.findtext("timestamp") or None,
        title=title or None,
        encoding=encoding,
        replaced=replaced,
    )
