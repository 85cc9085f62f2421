"""Files made to hurt who reads them: bombs, absurd lengths, XML entities, paths that lead out. Neighbours survive."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
import zstandard

from pipelines import sources
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Skipped

BOMB = RECORD_LIMIT + (8 << 20)  # bytes that a bomb unpacks to
TWO_GB = 2 << 30
DEAR_WINDOW = bytes.fromhex("28b52ffd") + b"\0" + bytes([(31 - 10) << 3]) + bytes([5 << 3 | 1, 0, 0]) + b"boom!"
LAUGHS = "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha" * 50}">' for n in range(12)
)  # &l11; is 10^13 characters


def outcome(item: Item) -> str:
    """`text` of a record, the reason of a skipped one, `!` and the cause of an unreadable one."""
    if isinstance(item, Record):
        return item.text if item.text is not None else (item.html or b"").decode()
    return item.reason if isinstance(item, Skipped) else f"!{item.cause}"


def read(path: Path) -> list[str]:
    """What becomes of every record, and that the records are numbered without a gap."""
    items = list(sources.read(str(path)))
    assert [item.row for item in items] == list(range(len(items)))
    return [outcome(item) for item in items]


# WARC and HTTP.


def warc(body: bytes, length: str | None = None, encoding: str = "") -> bytes:
    coded = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    http = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{coded}\r\n".encode() + body
    told = str(len(http)) if length is None else length
    head = f"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: {told}\r\n\r\n"
    return head.encode() + http + b"\r\n\r\n"


def zstd_of(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lambda data: lzma.compress(data, preset=0),
    ".zst": zstd_of,
}


@pytest.mark.parametrize("suffix", PACKED)
def test_a_record_that_unpacks_to_more_than_the_limit_is_refused_alone(tmp_path: Path, suffix: str) -> None:
    pack = PACKED[suffix]
    parts = [warc(b"one"), warc(bytes(BOMB)), warc(b"two")]
    (tmp_path / f"a.warc{suffix}").write_bytes(b"".join(map(pack, parts)))
    assert (tmp_path / f"a.warc{suffix}").stat().st_size < BOMB // 100
    assert read(tmp_path / f"a.warc{suffix}") == ["one", f"!the record is larger than {RECORD_LIMIT} bytes", "two"]


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", lambda data: brotli.compress(data, quality=1)),
        ("zstd", zstd_of),
    ],
)
def test_a_response_that_unpacks_to_more_than_the_limit_is_refused_alone(
    tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    records = [warc(b"one"), warc(pack(bytes(BOMB)), encoding=encoding), warc(b"two")]
    (tmp_path / "a.warc").write_bytes(b"".join(records))
    one, bomb, two = read(tmp_path / "a.warc")
    assert (one, two) == ("one", "two")
    assert bomb.startswith("!the body is larger than")


def test_a_bomb_inside_a_bomb_is_refused_at_the_first_layer_that_is_too_large(tmp_path: Path) -> None:
    twice = gzip.compress(gzip.compress(bytes(BOMB)))
    (tmp_path / "a.warc").write_bytes(warc(b"one") + warc(twice, encoding="gzip, gzip") + warc(b"two"))
    one, bomb, two = read(tmp_path / "a.warc")
    assert (one, two) == ("one", "two")
    assert bomb.startswith("!the body is larger than")


def test_a_zstandard_window_of_two_gigabytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(warc(b"one") + warc(DEAR_WINDOW, encoding="zstd") + warc(b"two"))
    one, dear, two = read(tmp_path / "a.warc")
    assert (one, two) == ("one", "two")
    assert dear.startswith("!broken compression")
    (tmp_path / "b.jsonl.zst").write_bytes(zstd_of(b'{"text": "one"}\n') + DEAR_WINDOW + zstd_of(b'{"text": "two"}\n'))
    one, dear, two = read(tmp_path / "b.jsonl.zst")
    assert (one, two) == ("one", "two")
    assert dear.startswith("!damaged zstd")


@pytest.mark.parametrize(
    "length", ["1000000000000000000", "9" * 30, "-1", "-99999999999", "+5", "0x10", "1e3", "5, 5", "\u0663", ""]
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_absurd_content_length_loses_its_record_alone(tmp_path: Path, length: str, suffix: str) -> None:
    pack = PACKED[suffix] if suffix else bytes
    parts = [warc(b"one"), warc(b"absurd", length), warc(b"two")]
    (tmp_path / f"a.warc{suffix}").write_bytes(b"".join(map(pack, parts)))
    one, absurd, two = read(tmp_path / f"a.warc{suffix}")
    assert (one, two) == ("one", "two")
    assert absurd.startswith("!")


def test_a_chunk_of_absurd_length_loses_its_record_alone(tmp_path: Path) -> None:
    chunked = b"3\r\nabc\r\nFFFFFFFF\r\nabc\r\n0\r\n\r\n"
    bad = warc(chunked).replace(b"Content-Type: text/plain", b"Content-Type: text/plain\r\nTransfer-Encoding: chunked")
    bad = bad.replace(b"Content-Length: " + str(_length(warc(chunked))).encode(), b"Content-Length: %d" % _length(bad))
    (tmp_path / "a.warc").write_bytes(warc(b"one") + bad + warc(b"two"))
    assert read(tmp_path / "a.warc") == ["one", "!broken chunk", "two"]


def _length(record: bytes) -> int:
    return len(record.split(b"\r\n\r\n", 1)[1]) - 4


# XML.


def dump(pages: str, doctype: str = "") -> str:
    head = "<siteinfo><dbname>w</dbname></siteinfo>"
    return f'<?xml version="1.0"?>{doctype}<mediawiki>{head}{pages}</mediawiki>'


def page(number: int, text: str) -> str:
    revision = f"<revision><id>{number}</id><text>{text}</text></revision>"
    return f"<page><title>T{number}</title><ns>0</ns><id>{number}</id>{revision}</page>"


@pytest.mark.parametrize("suffix", ["", ".bz2"])
def test_a_billion_laughs_in_a_dump_lose_their_page_alone(tmp_path: Path, suffix: str) -> None:
    doctype = f"<!DOCTYPE mediawiki [{LAUGHS}]>"
    inside = f"<!DOCTYPE page [{LAUGHS}]>"
    text = dump(page(1, "One.") + page(2, "&l11;") + page(3, f"{inside}&l11;") + page(4, "Two."), doctype)
    data = text.encode()
    (tmp_path / f"a.xml{suffix}").write_bytes(PACKED[suffix](data) if suffix else data)
    one, laughs, more, two = read(tmp_path / f"a.xml{suffix}")
    assert (one, two) == ("T1\n\nOne.", "T4\n\nTwo.")
    assert laughs.startswith("!broken XML")
    assert more.startswith("!broken XML")


def test_an_external_entity_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    doctype = f'<!DOCTYPE mediawiki [<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    (tmp_path / "a.xml").write_text(dump(page(1, "One.") + page(2, "&x;"), doctype))
    one, opened = read(tmp_path / "a.xml")
    assert one == "T1\n\nOne."
    assert opened.startswith("!broken XML")


CONTAINER = '<container><rootfiles><rootfile full-path="c.opf"/></rootfiles></container>'
PACKAGE = (
    '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>{title}</dc:title></metadata>'
    '<manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
    '<spine><itemref idref="a"/></spine></package>'
)
CHAPTER = "<html><body><p>It was {inside} night.</p></body></html>"


def epub(path: Path, container: str = CONTAINER, package: str = PACKAGE, chapter: str = CHAPTER) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("c.opf", package.format(title="Night"))
        archive.writestr("a.xhtml", chapter.format(inside="a dark"))
    return path


def test_a_billion_laughs_in_a_book_are_never_told(tmp_path: Path) -> None:
    doctype = f"<!DOCTYPE x [{LAUGHS}]>"
    assert read(epub(tmp_path / "good.epub")) == ["It was a dark night."]
    in_container = epub(tmp_path / "a.epub", container=doctype + CONTAINER.replace("c.opf", "&l11;"))
    in_package = epub(tmp_path / "b.epub", package=doctype.replace("{", "{{") + PACKAGE.replace("{title}", "&l11;"))
    in_chapter = epub(tmp_path / "c.epub", chapter=doctype + CHAPTER.replace("{inside}", "&l11;"))
    assert read(in_container)[0].startswith("!")
    for book in (in_package, in_chapter):
        (told,) = read(book)
        assert told.startswith("!") or len(told) < 1000
        assert "hahaha" * 100 not in told


# Archives.


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: dict[str, bytes | tuple[bytes, str]]) -> Path:
    """A tar; a pair of type and target is a link."""
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(data, tuple):
                info.type, info.linkname = data
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


TOO_LARGE = f"!b.py is larger than {RECORD_LIMIT} bytes"
CUT_INSIDE = "!b.py tells more bytes than follow"
GOOD = {"a.py": b"print('one')\n", "z.py": b"print('two')\n"}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_member_that_unpacks_to_more_than_the_limit_is_refused_alone(tmp_path: Path, name: str) -> None:
    members = {"a.py": GOOD["a.py"], "bomb.py": bytes(BOMB), "z.py": GOOD["z.py"]}
    path = (zipped if name.endswith("zip") else tarred)(tmp_path / name, members)  # type: ignore[operator]
    assert read(path) == ["print('one')\n", f"!bomb.py is larger than {RECORD_LIMIT} bytes", "print('two')\n"]


def test_a_zip_that_lies_about_its_sizes_is_refused_alone(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.py": GOOD["a.py"], "bomb.py": bytes(BOMB), "z.py": GOOD["z.py"]})
    data = path.read_bytes().replace(BOMB.to_bytes(4, "little"), (10).to_bytes(4, "little"))
    path.write_bytes(data)
    one, liar, two = read(path)
    assert (one, two) == ("print('one')\n", "print('two')\n")
    assert liar.startswith("!bomb.py")


@pytest.mark.parametrize("name", ["../out.py", "/etc/out.py", "a/../../out.py", "C:\\out.py", "\\\\host\\out.py"])
@pytest.mark.parametrize("archive", ["a.zip", "a.tar", "a.tar.gz"])
def test_a_path_that_leads_out_of_the_archive_is_refused_and_counted(tmp_path: Path, name: str, archive: str) -> None:
    members = {"a.py": GOOD["a.py"], name: b"print('out')\n", "z.py": GOOD["z.py"]}
    path = (zipped if archive.endswith("zip") else tarred)(tmp_path / archive, members)  # type: ignore[operator]
    assert read(path) == ["print('one')\n", "unsafe_name", "print('two')\n"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar_lead_nowhere(tmp_path: Path, kind: bytes) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("print('secret')\n")
    members = {
        "a.py": GOOD["a.py"],
        "link.py": (kind, str(secret)),
        "folder": (kind, str(tmp_path)),
        "folder/secret.py": b"print('mine')\n",
        "z.py": GOOD["z.py"],
    }
    found = read(tarred(tmp_path / "a.tar", members))
    assert [text for text in found if text.startswith("print")] == [
        "print('one')\n",
        "print('mine')\n",
        "print('two')\n",
    ]
    assert secret.read_text() == "print('secret')\n"


def test_links_in_a_zip_lead_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("print('secret')\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.py", GOOD["a.py"])
        link = zipfile.ZipInfo("link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(secret))
        archive.writestr("z.py", GOOD["z.py"])
    found = read(tmp_path / "a.zip")
    assert found == ["print('one')\n", "print('two')\n"]


@pytest.mark.parametrize(
    ("size", "found"),
    [
        (b"\xff" * 12, ["print('one')\n", "", "!a tar header is broken", "print('two')\n"]),
        (b"-0000000001\0", ["print('one')\n", "", "!a tar header is broken", "print('two')\n"]),
        (b"9999999999\0\0", ["print('one')\n", "!a tar header is broken", "print('two')\n"]),
        (b"\x80" + b"\x7f" * 11, ["print('one')\n", TOO_LARGE, CUT_INSIDE, "print('two')\n"]),
        (b"77777777777\0", ["print('one')\n", TOO_LARGE, CUT_INSIDE, "print('two')\n"]),
    ],
)
def test_a_tar_header_of_absurd_size_loses_no_more_than_it_claims(
    tmp_path: Path, size: bytes, found: list[str]
) -> None:
    path = tarred(tmp_path / "a.tar", {"a.py": GOOD["a.py"], "b.py": b"print('b')\n", "z.py": GOOD["z.py"]})
    data = bytearray(path.read_bytes())
    header = data[1024:1536]
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[1024:1536] = header
    path.write_bytes(data)
    assert read(path) == found


# Lines.


def test_nested_json_and_huge_numbers_lose_their_line_alone(tmp_path: Path) -> None:
    bad = ["[" * 100_000, '{"text": ' * 5000, '{"text": ' + "9" * 100_000 + "}", '{"text": NaN}']
    lines = ['{"text": "one"}', *bad, '{"text": "two"}']
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    one, *refused, two = read(tmp_path / "a.jsonl")
    assert (one, two) == ("one", "two")
    assert len(refused) == len(bad)
    assert all(cause.startswith("!") for cause in refused)


@pytest.mark.parametrize("suffix", PACKED)
def test_a_line_that_unpacks_to_more_than_the_limit_is_refused_alone(tmp_path: Path, suffix: str) -> None:
    data = b'{"text": "one"}\n' + b" " * BOMB + b'{"text": "x"}\n' + b'{"text": "two"}\n'
    (tmp_path / f"a.jsonl{suffix}").write_bytes(PACKED[suffix](data))
    assert read(tmp_path / f"a.jsonl{suffix}") == ["one", f"!the line is longer than {RECORD_LIMIT} bytes", "two"]


READ_IN_LITTLE_MEMORY = """
import resource, sys
from pipelines import sources
for item in sources.read(sys.argv[1]):
    print(item.row, getattr(item, "text", None) or item.cause)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_line_of_two_gigabytes_is_refused_alone_and_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(json.dumps({"text": "one"}).encode() + b"\n")
        file.seek(TWO_GB, io.SEEK_CUR)
        file.write(b"\n" + json.dumps({"text": "two"}).encode() + b"\n")
    done = subprocess.run(
        [sys.executable, "-c", READ_IN_LITTLE_MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    *found, peak = done.stdout.splitlines()
    assert found == ["0 one", f"1 the line is longer than {RECORD_LIMIT} bytes", "2 two"]
    assert int(peak) * (1 if sys.platform == "darwin" else 1024) < 8 * RECORD_LIMIT + _libraries()


def _libraries() -> int:
    """Bytes of memory that a process holds which only imports the readers."""
    command = [sys.executable, "-c", "import pipelines.sources, resource as r; print(r.getrusage(0).ru_maxrss)"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(printed) * (1 if sys.platform == "darwin" else 1024)
