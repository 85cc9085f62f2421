"""WARC files: what a reader makes of each kind of record, and of files that are broken in every place."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.sources import Record, Skipped, Unreadable, http, read, warc

PAGE = b"<html><head><title>T</title></head><body><p>Some words.</p></body></html>"


def response(body: bytes = PAGE, headers: bytes = b"Content-Type: text/html\r\n", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + headers + b"\r\n" + body


def record(block: bytes, number: int = 0, kind: str = "response", extra: str = "", length: str = "") -> bytes:
    media = {"response": "application/http; msgtype=response", "conversion": "text/plain"}.get(kind, "text/x")
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:{number:08d}>\r\n"
        f"WARC-Target-URI: http://example.org/{number}\r\nWARC-Date: 2024-01-02T03:04:05Z\r\n"
        f"Content-Type: {media}\r\n{extra}Content-Length: {length or len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def write(folder: Path, data: bytes, name: str = "a.warc") -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


def one(folder: Path, data: bytes) -> Record | Skipped | Unreadable:
    (item,) = read(write(folder, data))
    return item


def ids(items: list[Record | Skipped | Unreadable]) -> list[str | int]:
    """Last digit of each record's locator; -1 for an unreadable one."""
    return [int(item.locator[-2]) if isinstance(item, Record) else -1 for item in items]


def members(count: int) -> list[bytes]:
    return [gzip.compress(record(response(PAGE + b"%d" % i * 200), i), mtime=0) for i in range(count)]


def test_a_response_gives_its_page_with_where_it_came_from(tmp_path: Path) -> None:
    item = one(tmp_path, record(response(), 7))
    assert isinstance(item, Record)
    assert item.html == PAGE
    assert item.text is None
    assert item.locator == "<urn:uuid:00000007>"
    assert item.url == "http://example.org/7"
    assert item.timestamp == "2024-01-02T03:04:05Z"
    assert (item.row, item.encoding, item.replaced, len(item.digest)) == (0, "utf-8", 0, 16)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (record(b"x", kind="warcinfo"), "not_a_response"),
        (record(b"GET / HTTP/1.1\r\n\r\n", kind="request"), "not_a_response"),
        (record(response(b""), kind="revisit"), "revisit"),
        (record(response(status=b"404 Not Found")), "not_success"),
        (record(response(status=b"301 Moved")), "not_success"),
        (record(response(headers=b"Content-Type: image/png\r\n")), "not_text"),
        (record(response(headers=b"Content-Type: application/pdf\r\n")), "not_text"),
        (record(response(b"\x89PNG\r\n", headers=b"")), "not_text"),
        (record(response(b"%PDF-1.4 x")), "not_text"),
        (record(response(b"\xff\xd8\xff\xe0\0\x10JFIF")), "not_text"),
        (record(response(b"a\0b", headers=b"Content-Type: text/plain\r\n")), "not_text"),
    ],
)
def test_a_record_that_is_no_document_is_skipped_with_its_reason(tmp_path: Path, data: bytes, reason: str) -> None:
    assert one(tmp_path, data) == Skipped(0, reason)


def test_plain_text_bodies_and_wet_records_are_text(tmp_path: Path) -> None:
    data = record(response("Grüße".encode(), b"Content-Type: text/plain\r\n"), 0)
    data += record(b"Ein Satz.\n", 1, kind="conversion")
    items = list(read(write(tmp_path, data)))
    assert [item.text for item in items if isinstance(item, Record)] == ["Grüße", "Ein Satz.\n"]


CODED = {
    "gzip": gzip.compress(PAGE),
    "deflate": zlib.compress(PAGE),
    "br": brotli.compress(PAGE),
    "zstd": zstandard.compress(PAGE),
}


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("is_stored_decoded", [False, True])
def test_a_content_coding_is_undone_only_where_it_is_there(
    tmp_path: Path, coding: str, is_stored_decoded: bool
) -> None:
    headers = b"Content-Type: text/html\r\nContent-Encoding: " + coding.encode() + b"\r\n"
    item = one(tmp_path, record(response(PAGE if is_stored_decoded else CODED[coding], headers)))
    assert isinstance(item, Record)
    assert item.html == PAGE


def test_chunks_are_joined_also_under_a_content_coding_and_a_stale_header_is_ignored(tmp_path: Path) -> None:
    coded = CODED["gzip"]
    body = b"10;x=y\r\n" + coded[:16] + b"\r\n%x\r\n" % len(coded[16:]) + coded[16:] + b"\r\n0\r\n\r\n"
    headers = b"Content-Type: text/html\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"
    for data in (body, coded, PAGE):
        item = one(tmp_path, record(response(data, headers)))
        assert isinstance(item, Record)
        assert item.html == PAGE


def test_a_broken_body_is_unreadable_unless_the_crawler_says_it_cut_it(tmp_path: Path) -> None:
    long = gzip.compress(PAGE * 200, compresslevel=0)
    headers = b"Content-Type: text/html\r\nContent-Encoding: gzip\r\n"
    cut = response(long[:-100], headers)
    item = one(tmp_path, record(cut))
    assert isinstance(item, Unreadable)
    assert "cut" in item.cause
    kept = one(tmp_path, record(cut, extra="WARC-Truncated: length\r\n"))
    assert isinstance(kept, Record)
    assert kept.html is not None
    assert len(kept.html) > 12_000


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_decompresses_beyond_the_limit_is_unreadable(
    tmp_path: Path, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "RECORD_LIMIT", 100_000)
    bomb = bytes(2_000_000)
    packed = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": brotli.compress,
        "zstd": zstandard.compress,
    }
    headers = b"Content-Type: text/html\r\nContent-Encoding: " + coding.encode() + b"\r\n"
    item = one(tmp_path, record(response(packed[coding](bomb), headers)))
    assert isinstance(item, Unreadable)
    assert "larger" in item.cause


def test_a_record_beyond_the_limit_is_unreadable_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warc, "RECORD_LIMIT", 10_000)
    big = record(response(b"<p>" + bytes(50_000)), 1)
    data = [record(response(), 0), big, record(response(), 2)]
    assert ids(list(read(write(tmp_path, b"".join(data))))) == [0, -1, 2]
    packed = b"".join(map(gzip.compress, data))
    assert ids(list(read(write(tmp_path, packed, "a.warc.gz")))) == [0, -1, 2]


BROKEN = {
    "length too long": record(response(), 1, length="999"),
    "length too short": record(response(), 1, length="20"),
    "length absurd": record(response(), 1, length="99999999999999999"),
    "length no number": record(response(), 1, length="many"),
    "version line gone": b"XXXX" + record(response(), 1)[4:],
    "header without end": b"WARC/1.0\r\nWARC-Type: response\r\nContent-Le",
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "whole.warc.gz", "a.warc.bz2"])
def test_a_record_with_broken_framing_loses_itself_alone(tmp_path: Path, kind: str, name: str) -> None:
    data = [record(response(), 0), BROKEN[kind], record(response(), 2), record(response(), 3)]
    if name == "a.warc":
        stored = b"".join(data)
    elif name == "a.warc.gz":
        stored = b"".join(map(gzip.compress, data))
    else:
        stored = (bz2 if name.endswith("bz2") else gzip).compress(b"".join(data))
    items = list(read(write(tmp_path, stored, name)))
    assert ids(items) == [0, -1, 2, 3]
    assert [item.row for item in items] == [0, 1, 2, 3]
    if name == "a.warc":
        assert isinstance(items[1], Unreadable)
        assert items[1].position == len(data[0])


def test_a_damaged_gzip_member_loses_its_record_alone_wherever_the_damage_is(tmp_path: Path) -> None:
    packed = members(4)
    for at in range(len(packed[1])):
        broken = bytearray(packed[1])
        broken[at] ^= 0xFF
        items = list(read(write(tmp_path, packed[0] + bytes(broken) + packed[2] + packed[3], "a.warc.gz")))
        found = ids(items)
        is_harmless = 4 <= at <= 9  # time, flags and system of the gzip header are no part of the data
        assert found == [0, 1, 2, 3] if is_harmless and -1 not in found else found == [0, -1, 2, 3], at


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_a_damaged_bzip2_or_xz_stream_loses_its_record_alone(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    packed = [pack(record(response(PAGE + b"%d" % i * 200), i)) for i in range(4)]
    broken = packed[1][:60] + bytes(20) + packed[1][80:]
    name = "a.warc.bz2" if pack is bz2.compress else "a.warc.xz"
    items = list(read(write(tmp_path, packed[0] + broken + packed[2] + packed[3], name)))
    assert ids(items) == [0, -1, 2, 3]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz"])
def test_a_file_cut_anywhere_keeps_whole_records_and_notices_the_cut(tmp_path: Path, name: str) -> None:
    data = [record(response(PAGE + b"%d" % i * 40), i) for i in range(3)]
    stored = [part if name == "a.warc" else gzip.compress(part, mtime=0) for part in data]
    whole = b"".join(stored)
    ends = [len(stored[0]), len(stored[0] + stored[1]), len(whole)]
    for cut in range(0, len(whole) + 1, 7):
        items = list(read(write(tmp_path, whole[:cut], name)))
        kept = sum(end <= cut for end in ends)
        # The two line ends that close a plain record are not part of it.
        close = name == "a.warc" and any(end - 4 <= cut < end for end in ends)
        at_boundary = cut == 0 or cut in ends or close
        expected = list(range(kept + close)) + ([] if at_boundary else [-1])
        assert ids(items) == expected, cut


def test_an_empty_file_has_no_records(tmp_path: Path) -> None:
    assert list(read(write(tmp_path, b""))) == []
    assert list(read(write(tmp_path, b"", "a.warc.gz"))) == []


def test_zero_bytes_after_the_last_member_are_padding_and_other_bytes_are_not(tmp_path: Path) -> None:
    packed = b"".join(members(2))
    assert ids(list(read(write(tmp_path, packed + bytes(5000), "a.warc.gz")))) == [0, 1]
    assert ids(list(read(write(tmp_path, packed + b"rubbish", "a.warc.gz")))) == [0, 1, -1]


def test_zstandard_frames_are_read(tmp_path: Path) -> None:
    stored = b"".join(zstandard.compress(record(response(), i)) for i in range(3))
    assert ids(list(read(write(tmp_path, stored, "a.warc.zst")))) == [0, 1, 2]
    assert ids(list(read(write(tmp_path, stored[:-5], "a.warc.zst")))) == [0, 1, -1]


def test_a_damaged_zstandard_frame_loses_its_record_alone(tmp_path: Path) -> None:
    frames = [zstandard.ZstdCompressor(write_checksum=True).compress(record(response(), i)) for i in range(4)]
    broken = bytearray(frames[1])
    for at in range(len(broken)):
        broken[at] ^= 0xFF
        items = list(read(write(tmp_path, frames[0] + bytes(broken) + frames[2] + frames[3], "a.warc.zst")))
        assert ids(items) == [0, -1, 2, 3], at
        broken[at] ^= 0xFF


@pytest.mark.parametrize("is_packed", [False, True])
def test_a_zstandard_file_brings_its_dictionary_in_its_first_frame(tmp_path: Path, is_packed: bool) -> None:
    records = [record(response(PAGE + b"%d" % i), i % 10) for i in range(100)]
    trained = zstandard.train_dictionary(4096, records)
    data = zstandard.compress(trained.as_bytes()) if is_packed else trained.as_bytes()
    head = b"\x5d\x2a\x4d\x18" + len(data).to_bytes(4, "little") + data
    packer = zstandard.ZstdCompressor(dict_data=trained)
    stored = head + b"".join(map(packer.compress, records[:5])) + b"\x50\x2a\x4d\x18\3\0\0\0abc"
    assert ids(list(read(write(tmp_path, stored, "a.warc.zst")))) == [0, 1, 2, 3, 4]
    assert ids(list(read(write(tmp_path, stored[:-2], "a.warc.zst")))) == [0, 1, 2, 3, 4, -1]
    wrong = b"\x5d\x2a\x4d\x18\4\0\0\0\x28\xb5\x2f\xfd" + stored[len(head) :]
    assert set(ids(list(read(write(tmp_path, wrong, "a.warc.zst"))))) == {-1}


def test_pages_of_one_payload_digest_are_one_text_so_that_they_fall_as_exact_copies(tmp_path: Path) -> None:
    digest = "WARC-Payload-Digest: sha1:ABC\r\n"
    coded = response(CODED["gzip"], b"Content-Type: text/html\r\nContent-Encoding: gzip\r\n")
    data = record(response(), 0, extra=digest) + record(coded, 1, extra=digest)
    first, second = (item for item in read(write(tmp_path, data)) if isinstance(item, Record))
    assert (first.html, first.encoding) == (second.html, second.encoding)
    assert first.digest != second.digest


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_after_a_record_are_read_or_reported(tmp_path: Path, junk: bytes, packed: bool) -> None:
    data = record(response(), 0) + junk
    items = list(read(write(tmp_path, gzip.compress(data) if packed else data, "x.warc" + ".gz" * packed)))
    assert [item.row for item in items] == list(range(len(items)))
    if junk.strip(b"\r\n"):
        assert any(isinstance(item, Unreadable) for item in items)


CHARSETS = [
    ("Grüße aus Köln", "utf-8", b"text/html; charset=iso-8859-1", "utf-8"),
    ("Grüße aus Köln", "cp1252", b"text/html; charset=ISO-8859-1", "cp1252"),
    ("Привет, мир", "koi8-r", b"text/html; charset=koi8-r", "koi8-r"),
    ("日本語の文章です", "shift_jis", b"text/html; charset=Shift_JIS", "cp932"),
    ("日本語の文章です", "iso2022_jp", b"text/html; charset=iso-2022-jp", "iso2022_jp"),
    ("plain words", "ascii", b"text/html; charset=no-such-charset", "utf-8"),
]


@pytest.mark.parametrize(("text", "stored", "header", "encoding"), CHARSETS)
def test_the_charset_is_the_one_that_fits_the_bytes(
    tmp_path: Path, text: str, stored: str, header: bytes, encoding: str
) -> None:
    body = f"<html><body><p>{text}</p></body></html>".encode(stored)
    item = one(tmp_path, record(response(body, b"Content-Type: " + header + b"\r\n")))
    assert isinstance(item, Record)
    assert item.encoding == encoding
    assert text in body.decode(item.encoding)


def test_a_meta_charset_counts_where_the_header_has_none_and_wrong_bytes_are_counted(tmp_path: Path) -> None:
    body = '<html><head><meta charset="windows-1251"></head><body>Это текст</body></html>'.encode("cp1251")
    item = one(tmp_path, record(response(body)))
    assert isinstance(item, Record)
    assert item.encoding == "cp1251"
    body = ("<html><body>" + "déjà vu " * 500 + "</body></html>").encode() + b"\xff"
    item = one(tmp_path, record(response(body)))
    assert isinstance(item, Record)
    assert (item.encoding, item.replaced) == ("utf-8", 1)


def test_the_shared_crawls_are_read_to_the_last_record(shared_data: Path) -> None:
    def counts(pattern: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for path in sorted((shared_data / "massiveweb").glob(pattern)):
            for item in read(str(path)):
                name = item.reason if isinstance(item, Skipped) else type(item).__name__
                found[name] = found.get(name, 0) + 1
        return found

    assert counts("docs-*.warc.gz") == {"Record": 2065, "not_a_response": 4}
    assert counts("open-web.warc.gz") == {"Record": 38, "not_a_response": 1}
    # 43 responses, 29 revisits, 72 requests, 72 metadata records and two warcinfo
    crawl = {"Record": 39, "not_success": 4, "revisit": 29, "not_a_response": 146}
    assert counts("data.gov.uk-*.warc.gz") == crawl
