"""WARC and WET files (ISO 28500), plain or compressed, read record by record.

A broken record loses itself alone. What follows is found again at the next `WARC/` line of the same
member, or at the next gzip member that begins with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.sources import http
from pipelines.sources.compression import DamageError, Mark, Stream, open_stream
from pipelines.sources.encoding import choose, declared_in_html, decode
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Skipped, Unreadable, digest

HTML_TYPES = ("text/html", "application/xhtml+xml")
_BEGIN = b"WARC/"
_VERSION = re.compile(rb"WARC/[01]\.\d{1,2}[ \t]{0,4}\r?\n(?=[A-Za-z])")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LOOKS_HTML = re.compile(
    rb"[\s\xef\xbb\xbf]*<(?:!doctype\s+html|html|head|body|\?xml[^>]*>\s*<!doctype\s+html)", re.IGNORECASE
)
_HEAD_OF_PAGE = 1024  # bytes; a stray NUL further on does not make a page binary
_HEAD_LIMIT = 1 << 20
_KEEP = 32  # a version line fits in it
_CHUNK = 1 << 16


class _BrokenError(Exception):
    """A record whose framing does not hold."""


@dataclass(frozen=True, slots=True)
class _Raw:
    head: bytes
    fields: dict[str, str]
    body: bytes | None  # None: larger than RECORD_LIMIT


def read(path: str) -> Iterator[Item]:
    """The records of a WARC file: pages of `response` records, texts of `conversion` records (WET)."""
    with open_stream(path) as stream:
        window = _Window(stream)
        row = 0
        while True:
            start = window.mark()
            try:
                if not window.go_to_record():
                    return
                start = window.mark()
                raw = window.take_record()
            except (_BrokenError, DamageError) as error:
                yield Unreadable(row, window.stored(start), str(error))
                row += 1
                if not window.recover(start):
                    return
                continue
            yield _item(row, window.stored(start), raw)
            row += 1


class _Window:
    """The current member's next bytes, looked at through a buffer that never reaches into the next member."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._buffer = b""

    def mark(self) -> Mark:
        mark = self._stream.mark()
        return Mark(mark.member, mark.offset - len(self._buffer))

    def stored(self, mark: Mark) -> int:
        """Byte of the stored file: exact if it is plain, else where the member starts."""
        return mark.member + (mark.offset if self._stream.codec is None else 0)

    def go_to_record(self) -> bool:
        """Whether there is a record; the buffer then begins with it."""
        while not self._skip_newlines():
            if not self._stream.next_member():
                return False
        self._fill(len(_BEGIN))
        if not self._buffer.startswith(_BEGIN):
            raise _BrokenError("bytes that begin no record")
        return True

    def take_record(self) -> _Raw:
        head = self._take_head()
        fields = http.parse_fields(head.partition(b"\n")[2])
        length = fields.get("content-length", "")
        if not (length.isascii() and length.isdecimal() and len(length) < 19):
            raise _BrokenError(f"Content-Length {length!r} is no number of bytes")
        size, body = int(length), None
        if size > RECORD_LIMIT:
            self._skip(size)
        elif self._fill(size):
            body = self._take(size)
        else:
            raise _BrokenError("the record ends before its Content-Length")
        self._check_end()
        return _Raw(head, fields, body)

    def _check_end(self) -> None:
        """A record ends with two line ends, with its member, or at least where another record begins."""
        self._fill(4)
        if self._buffer.startswith((b"\r\n\r\n", b"\n\n")):
            self._skip_newlines()  # at a member's end this also checks its checksum
            return
        if self._skip_newlines() and not (self._fill(len(_BEGIN)) and self._buffer.startswith(_BEGIN)):
            raise _BrokenError("no record begins where Content-Length ends this one")

    def recover(self, start: Mark) -> bool:
        """Whether reading can go on after the broken record that began at `start`."""
        try:
            self._buffer = b""
            self._stream.seek_mark(start)
            self._skip(1)
            self._find_version()
            return True
        except (DamageError, _BrokenError):
            return self._stream.codec == "gzip" and self._find_member(start.member + 1)

    def _find_member(self, position: int) -> bool:
        while True:
            self._buffer = b""
            try:
                if not self._stream.find_member(position):
                    return False
                if self._fill(len(_BEGIN)) and self._buffer.startswith(_BEGIN):
                    return True
            except DamageError:
                pass  # magic bytes by accident, or the next broken member: search on
            position = self._stream.member + 1

    def _find_version(self) -> None:
        """The buffer begins at the next version line, or is empty at the member's end."""
        while True:
            more = self._fill(max(_CHUNK, len(self._buffer) + 1))
            if found := _VERSION.search(self._buffer):
                self._take(found.start())
                return
            self._take(len(self._buffer) - _KEEP if more else len(self._buffer))
            if not more:
                return

    def _take_head(self) -> bytes:
        more = self._fill(_CHUNK)
        while not (end := _HEAD_END.search(self._buffer)):
            if not more or len(self._buffer) > _HEAD_LIMIT:
                raise _BrokenError("the record's header does not end")
            more = self._fill(len(self._buffer) + _CHUNK)
        if _VERSION.search(self._buffer, 1, end.end()):
            raise _BrokenError("another record begins inside the record's header")
        return self._take(end.end())

    def _skip_newlines(self) -> bool:
        """Whether bytes of this member follow the line ends that stand here."""
        while self._fill(1):
            self._buffer = self._buffer.lstrip(b"\r\n")
            if self._buffer:
                return True
        return False

    def _fill(self, size: int) -> bool:
        """Whether the buffer holds `size` bytes of this member, read on if need be."""
        parts, held = [self._buffer], len(self._buffer)
        while held < size and (data := self._stream.read_member(_CHUNK)):
            parts.append(data)
            held += len(data)
        self._buffer = b"".join(parts)
        return held >= size

    def _take(self, size: int) -> bytes:
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _skip(self, size: int) -> None:
        while size:
            if not self._fill(1):
                raise _BrokenError("the record ends before its Content-Length")
            size -= len(self._take(min(size, _CHUNK)))


def _item(row: int, position: int, raw: _Raw) -> Item:
    kind = raw.fields.get("warc-type", "").lower()
    if kind not in ("response", "conversion"):
        return Skipped(row, "revisit" if kind == "revisit" else "not_a_response")
    if raw.body is None:
        return Unreadable(row, position, f"the record is larger than {RECORD_LIMIT} bytes")
    if kind == "conversion":
        return _conversion(row, raw, raw.body)
    if not raw.fields.get("content-type", "application/http").lower().startswith("application/http"):
        return Skipped(row, "not_text")  # a DNS answer, an FTP file
    try:
        return _page(row, raw, http.parse(raw.body))
    except http.HttpError as error:
        return Unreadable(row, position, str(error))


def _page(row: int, raw: _Raw, response: http.Response) -> Item:
    if not 200 <= response.status < 300:
        return Skipped(row, "not_success")
    kind = http.media_type(response) or raw.fields.get("warc-identified-payload-type", "").lower()
    if kind and kind not in (*HTML_TYPES, "text/plain"):
        return Skipped(row, "not_text")
    body = http.payload(response, truncated="warc-truncated" in raw.fields)
    if not kind and not _LOOKS_HTML.match(body):
        return Skipped(row, "not_text")
    if kind == "text/plain":
        return _text(row, raw, body, choose(body, [http.charset(response)]))
    encoding = choose(body, [http.charset(response), declared_in_html(body)])
    if _is_binary(body[:_HEAD_OF_PAGE], encoding):
        return Skipped(row, "not_text")  # a picture or a PDF that the server calls HTML
    return _record(row, raw, html=body, encoding=encoding, replaced=decode(body, encoding)[1])


def _is_binary(data: bytes, encoding: str) -> bool:
    return data.startswith(b"%PDF-") or (b"\0" in data and not encoding.startswith(("utf-16", "utf-32")))


def _conversion(row: int, raw: _Raw, body: bytes) -> Item:
    if raw.fields.get("content-type", "text/plain").split(";")[0].strip().lower() != "text/plain":
        return Skipped(row, "not_text")
    return _text(row, raw, body, choose(body))


def _text(row: int, raw: _Raw, body: bytes, encoding: str) -> Item:
    if _is_binary(body, encoding):
        return Skipped(row, "not_text")
    text, replaced = decode(body, encoding)
    return _record(row, raw, text=text, encoding=encoding, replaced=replaced)


def _record(
    row: int,
    raw: _Raw,
    text: str | None = None,
    html: bytes | None = None,
    encoding: str | None = None,
    replaced: int = 0,
) -> Record:
    record_digest = digest((raw.head, raw.body or b""))
    locator = raw.fields.get("warc-record-id") or record_digest.hex()
    url = raw.fields.get("warc-target-uri", "").strip("<>") or None
    time = raw.fields.get("warc-date") or None
    return Record(row, locator, record_digest, text, html, url, time, None, encoding, replaced)
