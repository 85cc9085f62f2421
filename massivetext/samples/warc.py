"""WARC records as a crawler writes them, one gzip member each, with the same bytes on every run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import uuid
from collections.abc import Sequence

from massivetext.samples.draw import digest

DATE = "2021-03-{day:02d}T{hour:02d}:{minute:02d}:00Z"
HTML = (("Content-Type", "text/html; charset=utf-8"),)


def record_id(*name: object) -> str:
    """A urn:uuid made from a name."""
    return f"<urn:uuid:{uuid.UUID(bytes=digest('warc-record', *name, size=16), version=4)}>"


def date(number: int) -> str:
    """The time of the number-th record, a minute after the one before."""
    return DATE.format(day=1 + number // 1440 % 28, hour=number // 60 % 24, minute=number % 60)


def record(kind: str, name: Sequence[object], block: bytes, fields: Sequence[tuple[str, str]], day: str) -> bytes:
    """One record as a gzip member."""
    head = [("WARC-Type", kind), ("WARC-Record-ID", record_id(kind, *name)), ("WARC-Date", day), *fields]
    head.append(("Content-Length", str(len(block))))
    lines = "".join(f"{field}: {value}\r\n" for field, value in head)
    return gzip.compress(f"WARC/1.0\r\n{lines}\r\n".encode() + block + b"\r\n\r\n", 6, mtime=0)


def info(filename: str) -> bytes:
    fields = (("WARC-Filename", filename), ("Content-Type", "application/warc-fields"))
    return record(
        "warcinfo",
        [filename],
        b"software: massivetext.samples\r\nformat: WARC File Format 1.0\r\n",
        fields,
        date(0),
    )


def request(url: str, day: str) -> bytes:
    host, _, path = url.removeprefix("http://").partition("/")
    block = f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: massivetext-samples\r\n\r\n".encode()
    fields = (("WARC-Target-URI", url), ("Content-Type", "application/http; msgtype=request"))
    return record("request", [url, day], block, fields, day)


def response(
    url: str, payload: bytes, day: str, *, status: str = "200 OK", headers: Sequence[tuple[str, str]] = HTML
) -> bytes:
    """A page as the server sent it; `payload` is already encoded as the headers say."""
    sent = [*headers, ("Server", "sample"), ("Content-Length", str(len(payload)))]
    if ("Transfer-Encoding", "chunked") in headers:
        sent.pop()
    head = f"HTTP/1.1 {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in sent)
    fields = (
        ("WARC-Target-URI", url),
        ("Content-Type", "application/http; msgtype=response"),
        ("WARC-Payload-Digest", "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()),
    )
    return record("response", [url, day], head.encode() + b"\r\n" + payload, fields, day)


def revisit(url: str, day: str) -> bytes:
    """A page that had not changed since it was last fetched: headers only."""
    fields = (
        ("WARC-Target-URI", url),
        ("WARC-Profile", "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"),
        ("Content-Type", "application/http; msgtype=response"),
    )
    return record("revisit", [url, day], b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", fields, day)


def metadata(url: str, day: str) -> bytes:
    fields = (("WARC-Target-URI", url), ("Content-Type", "application/warc-fields"))
    return record("metadata", [url, day], b"fetchTimeMs: 41\r\n", fields, day)


def conversion(url: str, text: str, day: str) -> bytes:
    """A page already turned into text, as WET files hold them."""
    fields = (("WARC-Target-URI", url), ("Content-Type", "text/plain"))
    return record("conversion", [url, day], text.encode(), fields, day)


def chunked(payload: bytes, size: int = 1000) -> bytes:
    """The payload in HTTP's chunked transfer coding."""
    pieces = [payload[start : start + size] for start in range(0, len(payload), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
