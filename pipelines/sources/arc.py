"""ARC files, the Internet Archive's format before WARC, versions 1 and 2: a line per record, then what was sent.

The line is URL, IP address, date, media type, and in version 2 status, checksum, location, offset and file name; the
length comes last. A broken record loses itself alone, as in WARC.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.sources import warc
from pipelines.sources.how import PLAIN, How
from pipelines.sources.record import Item
from pipelines.sources.window import BrokenError, Framing, Window

_LINE = rb"[a-zA-Z][a-zA-Z0-9+.-]{1,20}:[^ \r\n]+ (?:[0-9a-fA-F.:]{3,45}|-) \d{4,17} [^\r\n]*?\d{1,18}[ \t]*\r?\n"
FRAMING = Framing(re.compile(_LINE), re.compile(rb"(?<=\n)" + _LINE), re.compile(rb"\n"), (b"\n",))


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """The records of an ARC file: pages that were sent with a status of 2xx."""
    return warc.records(path, how, FRAMING, _take)


def _take(window: Window) -> warc.Raw:
    head = window.take_head()
    parts = head.decode("utf-8", "replace").split()
    if len(parts) < 5:
        raise BrokenError("the record's line has fewer than five fields")
    url, date = parts[0], parts[2]
    is_page = url.lower().startswith(("http://", "https://"))
    fields = {
        "warc-type": "response" if is_page else "metadata",
        "warc-target-uri": url,
        "warc-date": _timestamp(date),
        "content-length": parts[-1],
    }
    return warc.Raw(head, fields, window.take_body(parts[-1]))


def _timestamp(date: str) -> str:
    """2024-01-02T03:04:05Z from 20240102030405; another form as it is."""
    if len(date) != 14:
        return date
    year, rest = date[:4], [date[at : at + 2] for at in range(4, 14, 2)]
    return f"{year}-{rest[0]}-{rest[1]}T{rest[2]}:{rest[3]}:{rest[4]}Z"
