"""Large files in parts: every record is read exactly once, whatever the size of the parts and wherever damage is."""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import inputs
from pipelines.sources import How, Item, Record, Skipped, Unreadable, can_split, read

Outcome = tuple[str, object]


def warc(number: int, size: int) -> bytes:
    noise = random.Random(number).randbytes(size).hex().encode()
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>%d %s</p>" % (number, noise)
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <{number}>\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + b"\r\n\r\n"


def arc(number: int, size: int) -> bytes:
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + random.Random(number).randbytes(size).hex().encode()
    return b"http://a.org/%d 1.2.3.4 20010203040506 text/plain %d\n%s\n" % (number, len(body), body)


def page(number: int, size: int) -> str:
    text = random.Random(number).randbytes(size).hex()
    return (
        f"  <page><title>T{number}</title><ns>0</ns><id>{number}</id><revision><id>1</id><text>{text}</text>"
        "</revision></page>\n"
    )


HEAD, END = "<mediawiki><siteinfo><dbname>xwiki</dbname></siteinfo>\n", "</mediawiki>\n"


def multistream(count: int) -> bytes:
    streams = ["".join(page(n, 300) for n in range(at, at + 3)) for at in range(0, count, 3)]
    return b"".join(bz2.compress(part.encode()) for part in (HEAD, *streams, END))


def lines(count: int) -> bytes:
    return b"".join(
        json.dumps({"text": f"{n} " + "x" * (n * 37 % 300), "id": n}).encode() + b"\n" for n in range(count)
    )


def table(folder: Path) -> bytes:
    pq.write_table(pa.table({"text": [f"{n} " * 50 for n in range(200)]}), folder / "x.parquet", row_group_size=17)
    return (folder / "x.parquet").read_bytes()


FILES = {
    "a.warc.gz": lambda _: b"".join(gzip.compress(warc(n, 50 + n * 97 % 900), mtime=0) for n in range(40)),
    "a.warc.zst": lambda _: b"".join(zstandard.compress(warc(n, 400)) for n in range(30)),
    "whole.warc.gz": lambda _: gzip.compress(b"".join(warc(n, 300) for n in range(20)), mtime=0),
    "a.arc.gz": lambda _: b"".join(gzip.compress(arc(n, 300), mtime=0) for n in range(30)),
    "a.jsonl": lambda _: lines(150),
    "mark.jsonl": lambda _: b"\xef\xbb\xbf" + lines(20).replace(b"\n", b"\r\n") + b'{"text": "no end"}',
    "w.xml.bz2": lambda _: multistream(45),
    "blocks.xml.bz2": lambda _: in_blocks((HEAD + "".join(page(n, 300) for n in range(40)) + END).encode(), 4000),
    "a.parquet": table,
}


def in_blocks(data: bytes, size: int) -> bytes:
    """As parallel compressors write it: streams that end anywhere."""
    return b"".join(bz2.compress(data[at : at + size]) for at in range(0, len(data), size))


def outcomes(items: list[Item]) -> list[Outcome]:
    found: list[Outcome] = []
    for item in items:
        match item:
            case Record():
                found.append(("record", (item.locator, item.digest, item.text, item.html)))
            case Skipped():
                found.append(("skipped", item.reason))
            case Unreadable():
                found.append(("unreadable", item.cause))
    return found


def in_parts(path: Path, count: int) -> list[Outcome]:
    size = path.stat().st_size
    bounds = [size * n // count for n in range(count + 1)]
    found: list[Outcome] = []
    for start, end in itertools.pairwise(bounds):
        items = list(read(str(path), how=How(start=start, end=end)))
        assert [item.row for item in items] == list(range(len(items)))
        found += outcomes(items)
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_parts_of_a_file_hold_its_records_in_order_and_each_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name](tmp_path))
    assert can_split(str(path))
    whole = outcomes(list(read(str(path))))
    assert sum(kind == "record" for kind, _ in whole) >= 20
    for count in (2, 3, 7, 40):
        assert in_parts(path, count) == whole, count


@pytest.mark.parametrize("name", ["a.warc.gz", "a.arc.gz", "w.xml.bz2", "a.jsonl"])
def test_more_than_one_part_of_a_file_in_members_has_records(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(FILES[name](tmp_path))
    size = path.stat().st_size
    half = [list(read(str(path), how=How(start=a, end=b))) for a, b in ((0, size // 2), (size // 2, size))]
    assert all(len(items) > 5 for items in half)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damage_anywhere_is_counted_once_and_costs_the_parts_no_more_than_the_whole(
    tmp_path: Path, data: st.DataObject
) -> None:
    stored = bytearray(FILES["a.warc.gz"](tmp_path))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stored) - 1))
        stored[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "d.warc.gz"
    path.write_bytes(bytes(stored))
    whole = outcomes(list(read(str(path))))
    parts = in_parts(path, data.draw(st.integers(2, 60)))
    assert [kept for kept in parts if kept[0] == "record"] == [kept for kept in whole if kept[0] == "record"]
    assert len(parts) == len(whole)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ab\n\r\ufeffé", max_size=12), max_size=30), st.integers(1, 50))
def test_any_lines_are_read_once_in_any_number_of_parts(tmp_path: Path, texts: list[str], count: int) -> None:
    path = tmp_path / "l.jsonl"
    path.write_bytes("\n".join(json.dumps({"text": t}) if len(t) % 3 else t for t in texts).encode())
    assert in_parts(path, count) == outcomes(list(read(str(path))))


def test_files_that_are_one_stream_are_not_split() -> None:
    for name in (
        "a.warc",
        "a.jsonl.gz",
        "a.jsonl.zst",
        "a.tar",
        "a.txt",
        "a.xml",
        "a.xml.gz",
        "a.epub",
        "t/",
        "a.unknown",
    ):
        assert not can_split(name), name


def test_large_files_become_shards_numbered_by_subset_path_and_split(tmp_path: Path) -> None:
    for name, size in (("b/x.jsonl", 2500), ("a/z.txt", 5000), ("a/y.jsonl", 1000), ("own/y.jsonl", 5000)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    patterns = {name: [(str(tmp_path), f"{name}/*")] for name in ("b", "a", "own")}
    shards = inputs.find(patterns, 1000, ["own"])
    assert [(s.number, s.source, s.start, s.end, s.bytes) for s in shards] == [
        (0, "a/y.jsonl", 0, None, 1000),
        (1, "a/z.txt", 0, None, 5000),
        (2, "b/x.jsonl", 0, 833, 833),
        (3, "b/x.jsonl", 833, 1666, 833),
        (4, "b/x.jsonl", 1666, 2500, 834),
        (5, "own/y.jsonl", 0, None, 5000),
    ]
    inputs.write_table(str(tmp_path / "table.json"), shards)
    assert inputs.read_table(str(tmp_path / "table.json")) == shards


def test_a_pattern_with_a_slash_at_its_end_makes_a_shard_of_each_folder(tmp_path: Path) -> None:
    for name in ("one/a.py", "one/src/b.py", "two/c.py", "loose.py", "one/.git/config"):
        (tmp_path / "r" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "r" / name).write_text(f"# {name}\n")
    (tmp_path / "r/one/away.py").symlink_to(tmp_path / "r/two/c.py")
    shards = inputs.find({"code": [(str(tmp_path), "r/*/")]})
    assert [(s.source, s.bytes) for s in shards] == [("r/one/", 26), ("r/two/", 11)]
    items = list(read(f"{tmp_path}/{shards[0].source}"))
    assert [item.locator for item in items if isinstance(item, Record)] == ["one:a.py", "one:src/b.py"]
    (tmp_path / "r/one/src/b.py").write_text("# other\n")
    again = inputs.find({"code": [(str(tmp_path), "r/*/")]})
    assert again[0].version != shards[0].version
    assert again[1] == shards[1]


def test_what_is_read_depends_on_the_shard_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(FILES["a.warc.gz"](tmp_path))
    shards = inputs.find({"web": [(str(tmp_path), "*.warc.gz")]}, 5000)
    assert len(shards) > 3
    hows = [shard.how({}, ("any",)) for shard in shards]
    forward = [outcomes(list(read(str(path), how=how))) for how in hows]
    backward = [outcomes(list(read(str(path), how=replace(how)))) for how in reversed(hows)]
    assert forward == backward[::-1]
