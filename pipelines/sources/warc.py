"""WARC and WET files (ISO 28500), plain or compressed, read record by record.

A broken record loses itself alone. What follows is found again at the next `WARC/` line of the same
member, or at the next gzip member that begins with one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pipelines import files
from pipelines.sources import http
from pipelines.sources.compression import DamageError, Mark, open_stream
from pipelines.sources.encoding import choose, chosen, declared_in_html, decode
from pipelines.sources.how import AVOIDED, PLAIN, How
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Skipped, Unreadable, digest
from pipelines.sources.window import BrokenError, Framing, Window

HTML_TYPES = ("text/html", "application/xhtml+xml")
FRAMING = Framing(
    re.compile(rb"WARC/"),
    re.compile(rb"WARC/[01]\.\d{1,2}[ \t]{0,4}\r?\n(?=[A-Za-z])"),
    re.compile(rb"\r?\n\r?\n"),
    (b"\r\n\r\n", b"\n\n"),
)
_LOOKS_HTML = re.compile(
    rb"[\s\xef\xbb\xbf]*<(?:!doctype\s+html|html|head|body|\?xml[^>]*>\s*<!doctype\s+html)", re.IGNORECASE
)
_HEAD_OF_PAGE = 1024  # bytes; a stray NUL further on does not make a page binary


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it stands in the archive; `fields` as WARC names them."""

    head: bytes
    fields: dict[str, str]
    body: bytes | None  # None: larger than RECORD_LIMIT


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """The records of a WARC file: pages of `response` records, texts of `conversion` records (WET)."""
    return records(path, how, FRAMING, _take)


def records(path: str, how: How, framing: Framing, take: Callable[[Window], Raw]) -> Iterator[Item]:
    """The records of an archive of web pages, by the framing of its format."""
    with open_stream(path) as stream:
        window = Window(stream, framing)
        if how.start and not window.go_to_split(how.start, how.end or files.size(path)):
            return
        row = 0
        while True:
            start = window.mark()
            try:
                if not window.go_to_record():
                    return
                start = window.mark()
                if start.offset == 0 and how.is_past(start.member):
                    return
                raw = take(window)
            except (BrokenError, DamageError) as error:
                member = window.mark().member
                start = start if member == start.member else Mark(member, 0)
                yield Unreadable(row, window.stored(start), str(error))
                row += 1
                if not window.recover(start):
                    return
                continue
            position = window.stored(start)
            item = _item(row, position, raw) if row not in how.avoid else Unreadable(row, position, AVOIDED)
            yield item if isinstance(item, Record) else _named(item, raw)
            row += 1


def _take(window: Window) -> Raw:
    head = window.take_head()
    fields = http.parse_fields(head.partition(b"\n")[2])
    return Raw(head, fields, window.take_body(fields.get("content-length", "")))


def _item(row: int, position: int, raw: Raw) -> Item:
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


def _named(item: Skipped | Unreadable, raw: Raw) -> Skipped | Unreadable:
    """The item with the names of its record; a request has those of its response, which alone is asked for by them."""
    if isinstance(item, Skipped) and item.reason == "not_a_response":
        return item
    return replace(item, url=_url(raw), locator=raw.fields.get("warc-record-id") or None)


def _url(raw: Raw) -> str | None:
    return raw.fields.get("warc-target-uri", "").strip("<>") or None


def _page(row: int, raw: Raw, response: http.Response) -> Item:
    if not 200 <= response.status < 300:
        return Skipped(row, "not_success", f"HTTP status {response.status}")
    kind = http.media_type(response) or raw.fields.get("warc-identified-payload-type", "").lower()
    if kind and kind not in (*HTML_TYPES, "text/plain"):
        return Skipped(row, "not_text", kind)
    body = http.payload(response, truncated="warc-truncated" in raw.fields)
    if not kind and not _LOOKS_HTML.match(body):
        return Skipped(row, "not_text")
    if kind == "text/plain":
        return _text(row, raw, body, choose(body, [http.charset(response)]))
    encoding, is_valid = chosen(body, _declared(response, body))
    if _is_binary(body[:_HEAD_OF_PAGE], encoding):
        return Skipped(row, "not_text")  # a picture or a PDF that the server calls HTML
    return _record(row, raw, html=body, encoding=encoding, replaced=0 if is_valid else decode(body, encoding)[1])


def _declared(response: http.Response, body: bytes) -> Iterator[str | None]:
    yield http.charset(response)
    yield declared_in_html(body)


def _is_binary(data: bytes, encoding: str) -> bool:
    return data.startswith(b"%PDF-") or (b"\0" in data and not encoding.startswith(("utf-16", "utf-32")))


def _conversion(row: int, raw: Raw, body: bytes) -> Item:
    if raw.fields.get("content-type", "text/plain").split(";")[0].strip().lower() != "text/plain":
        return Skipped(row, "not_text")
    return _text(row, raw, body, choose(body))


def _text(row: int, raw: Raw, body: bytes, encoding: str) -> Item:
    if _is_binary(body, encoding):
        return Skipped(row, "not_text")
    text, replaced = decode(body, encoding)
    return _record(row, raw, text=text, encoding=encoding, replaced=replaced)


def _record(
    row: int,
    raw: Raw,
    text: str | None = None,
    html: bytes | None = None,
    encoding: str | None = None,
    replaced: int = 0,
) -> Record:
    record_digest = digest((raw.head, raw.body or b""))
    locator = raw.fields.get("warc-record-id") or record_digest.hex()
    time = raw.fields.get("warc-date") or None
    return Record(row, locator, record_digest, text, html, _url(raw), time, None, encoding, replaced)
