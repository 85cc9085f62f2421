from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipelines.sources import Item, Record, Skipped, Unreadable, read

HEAD = (
    b"filedesc://a.arc 0.0.0.0 20050614070159 text/plain 77\n1 0 InternetArchive\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n"
)
HEAD = HEAD.replace(b" 77\n", b" %d\n" % (len(HEAD) - HEAD.index(b"\n") - 2))


def arc(body: bytes, url: str = "http://example.org/a", length: str = "", more: str = "") -> bytes:
    return f"{url} 10.0.0.1 20050614070159 text/html {more}{length or len(body)}\n".encode() + body + b"\n"


def sent(page: bytes, status: bytes = b"200 OK", kind: bytes = b"text/html") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\n\r\n" + page


def items_of(folder: Path, data: bytes, name: str = "a.arc") -> list[Item]:
    (folder / name).write_bytes(data)
    return list(read(str(folder / name)))


@pytest.mark.parametrize("more", ["", "200 - - 1234 a.arc.gz "])  # version 1, version 2
def test_a_page_has_its_url_and_its_time(tmp_path: Path, more: str) -> None:
    head, page = items_of(tmp_path, HEAD + arc(sent(b"<p>x</p>"), more=more))
    assert head == Skipped(0, "not_a_response")
    assert isinstance(page, Record)
    assert (page.html, page.url, page.timestamp) == (b"<p>x</p>", "http://example.org/a", "2005-06-14T07:01:59Z")
    assert page.locator == page.digest.hex()


def test_what_is_no_page_is_skipped_with_its_reason(tmp_path: Path) -> None:
    data = arc(sent(b"x", b"404 Not Found")) + arc(sent(b"x", kind=b"image/png")) + arc(b"20050614", "dns:example.org")
    reasons = [item.reason for item in items_of(tmp_path, data) if isinstance(item, Skipped)]
    assert reasons == ["not_success", "not_text", "not_a_response"]


@pytest.mark.parametrize("bad", [arc(sent(b"<p>b"), length="99999"), arc(sent(b"<p>b"), length="3"), b"no line\nx\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_broken_record_loses_itself_alone(tmp_path: Path, bad: bytes, packed: bool) -> None:
    parts = [arc(sent(b"<p>0")), bad, arc(sent(b"<p>2"))]
    data = b"".join(map(gzip.compress, parts)) if packed else b"".join(parts)
    items = items_of(tmp_path, data, "a.arc.gz" if packed else "a.arc")
    assert [type(item) for item in items] == [Record, Unreadable, Record]
    assert [item.html for item in items if isinstance(item, Record)] == [b"<p>0", b"<p>2"]


def test_a_damaged_member_loses_its_record_alone_and_a_cut_is_noticed(tmp_path: Path) -> None:
    packed = [gzip.compress(arc(sent(b"<p>%d" % n * 200)), mtime=0) for n in range(3)]
    for at in range(10, len(packed[1])):
        broken = bytearray(packed[1])
        broken[at] ^= 0xFF
        items = items_of(tmp_path, packed[0] + bytes(broken) + packed[2], "a.arc.gz")
        assert [type(item) for item in items] == [Record, Unreadable, Record], at
    items = items_of(tmp_path, b"".join(packed)[:-9], "a.arc.gz")
    assert [type(item) for item in items] == [Record, Record, Unreadable]
