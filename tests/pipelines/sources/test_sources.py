from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines import sources
from pipelines.sources import SUFFIXES, Record, Skipped, format_of, read
from pipelines.sources.compression import DamageError, Stream
from pipelines.sources.encoding import choose, decode, known

PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstandard.compress}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("gs://b/CC-MAIN-1.warc.gz", "warc"),
        ("CC-MAIN-1.warc.wet.gz", "warc"),
        ("c4-train.00000-of-00512.json.gz", "jsonl"),
        ("a.JSONL", "jsonl"),
        ("a.jsonl.zst", "jsonl"),
        ("pg1.txt", "book"),
        ("pg1.txt.gz", "book"),
        ("a.epub", "epub"),
        ("a.tar.gz", "archive"),
        ("a.tgz", "archive"),
        ("a.zip", "archive"),
        ("enwiki-pages-articles1.xml.bz2", "mediawiki"),
        ("a.parquet", "parquet"),
        ("a.gz", None),
        ("README", None),
    ],
)
def test_the_format_is_told_by_the_file_name(name: str, found: str | None) -> None:
    assert format_of(name) == found


def test_no_suffix_belongs_to_two_formats() -> None:
    every = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]
    assert len(every) == len(set(every))
    assert all(format_of("x" + suffix) == name for name, suffixes in SUFFIXES.items() for suffix in suffixes)


def test_an_unknown_suffix_names_the_near_and_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no reader for 'a\.jsnl'; did you mean '\.jsonl'\?.*parquet \.parquet"):
        read("folder/a.jsnl")


def my_reader(path: str) -> object:
    return iter([Skipped(0, path)])


def test_a_reader_of_the_users_own_is_named_by_its_import_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_readers.py").write_text(
        "from pipelines.sources import Skipped\n\ndef read(path):\n    yield Skipped(0, 'mine')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert list(read("a.anything", "my_readers:read")) == [Skipped(0, "mine")]
    with pytest.raises(ValueError, match=r"no function 'raed'; did you mean 'read'\?"):
        read("a", "my_readers:raed")
    with pytest.raises(ValueError, match=r"expected to have the form 'package\.module:function'"):
        read("a", "my_readers.read")
    with pytest.raises(ValueError, match="is its package installed"):
        read("a", "no_such_package.x:read")


def test_a_record_has_text_or_html_and_travels_between_processes() -> None:
    record = Record(3, "a", b"0" * 16, text="x")
    assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(ValueError, match="exactly one of text and html"):
        Record(0, "a", b"0" * 16, text="x", html=b"x")
    with pytest.raises(ValueError, match="exactly one of text and html"):
        Record(0, "a", b"0" * 16)


@pytest.mark.parametrize("codec", PACKERS)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), st.integers(1, 5000))
def test_members_one_after_another_are_one_stream(codec: str, parts: list[bytes], size: int) -> None:
    stored = b"".join(map(PACKERS[codec], parts))
    stream = Stream(io.BytesIO(stored), codec)
    found = b""
    while data := stream.read(size):
        assert len(data) <= size
        found += data
    assert found == b"".join(parts)
    assert stream.position == len(stored)


@pytest.mark.parametrize("codec", PACKERS)
def test_every_cut_of_a_compressed_file_is_noticed_at_its_end(codec: str) -> None:
    stored = PACKERS[codec](bytes(range(256)) * 20)
    for cut in range(1, len(stored)):
        stream = Stream(io.BytesIO(stored[:cut]), codec)
        with pytest.raises(DamageError) as caught:
            stream.readall()
        assert caught.value.position == (cut if cut >= 6 else caught.value.position)


@pytest.mark.parametrize("codec", PACKERS)
def test_a_small_file_that_unpacks_to_much_is_read_in_small_pieces(codec: str) -> None:
    stream = Stream(io.BytesIO(PACKERS[codec](bytes(40 << 20))), codec)
    total = 0
    while data := stream.read(1 << 16):
        total += len(data)
        assert len(stream._pending) <= 32 << 20
    assert total == 40 << 20


def test_a_mark_leads_back_to_its_place() -> None:
    text = bytes(range(256)) * 1000
    for stored, codec in ((text, None), (gzip.compress(b"first") + gzip.compress(text), "gzip")):
        stream = Stream(io.BytesIO(stored), codec)
        assert stream.next_member()
        if codec:
            assert stream.next_member()
        stream.read_member(70_000)
        mark = stream.mark()
        after = stream.read_member(100)
        stream.read_member(50_000)
        stream.seek_mark(mark)
        assert stream.read_member(100)[:50] == after[:50]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]))
def test_a_text_in_a_unicode_form_is_decoded_as_it_was(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    # The mark of UTF-16 and a NUL are also the mark of UTF-32.
    if not text.startswith({"utf-8": "\ufeff", "utf-16": "\0"}.get(encoding, "none")):
        assert decode(data, choose(data)) == (text, 0)


@given(st.binary(max_size=300), st.lists(st.sampled_from(["latin-1", "gbk", "koi8-r", "rot13", "hex", "none"])))
def test_any_bytes_are_decoded_to_a_text_that_encodes(data: bytes, declared: list[str]) -> None:
    text, replaced = decode(data, choose(data, declared))
    text.encode()
    assert 0 <= replaced <= len(data)


def test_labels_that_are_no_text_encoding_are_not_known() -> None:
    assert known("UTF8") == "utf-8"
    assert known("Latin1") == "cp1252"
    assert [known(label) for label in (None, "", "no-such", "utf-7", "a\0b")] == [None] * 5


def test_the_formats_are_readers_of_this_package() -> None:
    assert [name for name, _, _ in sources.FORMATS] == list(SUFFIXES)
