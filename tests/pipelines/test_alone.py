"""Anybody's files through a stage and back: every field, the same format, only the texts changed."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipelines import alone, cut, documents
from pipelines.engine import Engine

PASSAGE = " ".join(f"passage{i * 7919 % 1000} stands{i}" for i in range(60))


def records(name: str) -> list[dict[str, Any]]:
    own = " ".join(f"{name}{i * 31 % 97}" for i in range(40))
    return [
        {"text": f"{own}\n{PASSAGE}\nthe end of {name}", "meta": {"a": [1, 2]}, "n": 1.5},
        {"text": f"short {name} 一\u2028 é", "n": 2, "id": f"{name}-1"},
    ]


def lines(name: str) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records(name))


@dataclass(frozen=True)
class OddRows:
    """A stage that keeps every other document and shouts."""

    folder: str

    def batches(self, shard: int) -> Iterator[pa.RecordBatch]:
        for batch in documents.read_kept(self.folder, [], shard, ["docid", "text"]):
            rows = pa.array([docid % 2 == 1 for docid in batch.column("docid").to_pylist()])
            left = batch.filter(rows)
            texts = pa.array([text.upper() for text in left.column("text").to_pylist()], pa.large_string())
            yield left.set_column(left.schema.get_field_index("text"), "text", texts)


def through(given: Path, out: Path) -> Path:
    engine = Engine(spill=str(out / "spill"))
    read = alone.gather(engine, str(given), str(out))
    alone.write_back(engine, read, OddRows(read.documents), read.digests, "text")
    return out / "text"


CODECS: list[tuple[str, Callable[[bytes], bytes], Callable[[bytes], bytes]]] = [
    ("", bytes, bytes),
    (".gz", gzip.compress, gzip.decompress),
    (".bz2", bz2.compress, bz2.decompress),
    (".xz", lzma.compress, lzma.decompress),
    (".zst", zstandard.compress, lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)),
]


@pytest.mark.parametrize(("ending", "compress", "decompress"), CODECS, ids=[name or "plain" for name, _, _ in CODECS])
def test_lines_come_back_in_their_own_compression_with_all_fields(
    tmp_path: Path, ending: str, compress: Callable[[bytes], bytes], decompress: Callable[[bytes], bytes]
) -> None:
    source = tmp_path / f"in.jsonl{ending}"
    source.write_bytes(compress(b"\xef\xbb\xbf\n" + lines("a") + b"no json\n \n" + lines("b")))
    text = through(source, tmp_path / "out")
    got = [json.loads(line) for line in decompress((text / f"00000-in.jsonl{ending}").read_bytes()).splitlines()]
    rows = [*records("a"), None, *records("b")]
    wanted = [row for number, row in enumerate(rows) if row and number % 2 == 1]
    assert got == [{**row, "text": row["text"].upper()} for row in wanted]


def test_an_unchanged_line_keeps_its_bytes(tmp_path: Path) -> None:
    line = b'{"n":  1.50, "text": "\\u0041 TEXT \\u00e9".}\r\n'.replace(b".}", b"}").replace(b"\\u00e9", b"\\u00c9")
    source = tmp_path / "in.jsonl"
    source.write_bytes(b'{"text": "first"}\n' + line)
    text = through(source, tmp_path / "out")
    assert (text / "00000-in.jsonl").read_bytes() == line.replace(b"\r", b"")


def test_tables_come_back_with_their_schema(tmp_path: Path) -> None:
    table = pa.table({"n": [1, 2, 3, 4], "text": ["a", "b", None, "d"], "tags": [["x"], [], None, ["y", "z"]]})
    (tmp_path / "in").mkdir()
    pq.write_table(table, tmp_path / "in" / "t.parquet", row_group_size=2)
    got = pq.read_table(through(tmp_path / "in", tmp_path / "out") / "00000-t.parquet")
    assert got.schema.equals(table.schema)
    assert got.to_pylist() == [
        {"n": 2, "text": "B", "tags": []},
        {"n": 4, "text": "D", "tags": ["y", "z"]},
    ]


def test_files_of_a_folder_are_shards_in_order_and_a_broken_one_is_left_out(tmp_path: Path) -> None:
    given = tmp_path / "in"
    (given / "deep" / "er").mkdir(parents=True)
    (given / "b.jsonl").write_bytes(lines("b"))
    (given / "deep" / "er" / "b.jsonl").write_bytes(lines("c"))
    (given / "a.parquet").write_bytes(b"no table")
    (given / "notes.md").write_text("not read")
    text = through(given, tmp_path / "out")
    assert sorted(path.name for path in text.glob("*.jsonl")) == ["00001-b.jsonl", "00002-b.jsonl"]
    assert not list(text.glob("*.parquet"))


def test_a_cut_file_ends_where_its_damage_begins(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    whole = gzip.compress(b"".join(lines(f"text{i}") for i in range(300)))
    source.write_bytes(whole[: len(whole) // 2])
    got = gzip.decompress((through(source, tmp_path / "out") / "00000-in.jsonl.gz").read_bytes()).splitlines()
    assert len(got) > 50
    assert [json.loads(line)["text"] for line in got[:1]] == [records("text0")[1]["text"].upper()]


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no JSONL or Parquet file"):
        alone.find(str(tmp_path))


def cut_texts(out: Path, name: str) -> list[str]:
    return [json.loads(line)["text"] for line in (out / "text" / name).read_bytes().splitlines()]


def test_the_cut_alone_keeps_the_first_files_passage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = tmp_path / "in", tmp_path / "out"
    given.mkdir()
    for name in ("a", "b"):
        (given / f"{name}.jsonl").write_bytes(lines(name))
    copy = {"text": PASSAGE, "url": "http://example.org/copy"}
    pq.write_table(
        pa.Table.from_pylist([copy, {"text": "own words", "url": "http://example.org/"}]), given / "c.parquet"
    )
    options = [str(given), str(out), "--workers", "1", "--vocabulary", "340"]
    cut.main(options)
    assert "documents_cut_away                  1" in capsys.readouterr().out
    assert cut_texts(out, "00000-a.jsonl") == [record["text"] for record in records("a")]
    left, short = cut_texts(out, "00001-b.jsonl")
    assert left.startswith("b0 b31")
    assert left.endswith(" b")
    assert "stands30" not in left
    assert short == records("b")[1]["text"]
    assert pq.read_table(out / "text" / "00002-c.parquet").to_pylist() == [
        {"text": "own words", "url": "http://example.org/"}
    ]
    before = {path: path.stat().st_mtime_ns for path in (out / "text").iterdir()}
    cut.main(options)
    assert before == {path: path.stat().st_mtime_ns for path in (out / "text").iterdir()}
    cut.main([*options, "--mode", "remove_all"])
    assert "stands30" not in cut_texts(out, "00000-a.jsonl")[0]


def test_what_cannot_be_done_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"pipelines.cut: no JSONL or Parquet file"):
        cut.main([str(tmp_path), str(tmp_path / "out")])
    with pytest.raises(SystemExit, match="minimum 60"):
        cut.main([str(tmp_path), str(tmp_path / "out"), "--minimum", "60"])
