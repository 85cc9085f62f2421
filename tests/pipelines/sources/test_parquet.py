from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.sources import Record, Unreadable, parquet, read


def items_of(folder: Path, table: pa.Table, **options: object) -> list[Record | Unreadable]:
    pq.write_table(table, folder / "a.parquet", **options)
    return list(read(str(folder / "a.parquet")))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_rows_give_text_url_timestamp_and_title(tmp_path: Path, kind: pa.DataType) -> None:
    time = datetime.datetime(2020, 1, 2, 3, 4, 5)
    table = pa.table(
        {
            "text": pa.array(["a", "é"], pa.string()).cast(kind),
            "url": ["http://x", None],
            "timestamp": [time, None],
            "id": [1, 2],
            "other": [[1], [2]],
        }
    )
    first, second = items_of(tmp_path, table)
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.text, first.locator) == ("a", "http://x 2020-01-02T03:04:05")
    assert (second.text, second.locator, second.row) == ("é", "2", 1)


def test_the_digest_tells_rows_apart_and_not_where_they_stand(tmp_path: Path) -> None:
    table = pa.table({"text": ["a", "b", "a"], "url": ["", "a", ""]})
    items = items_of(tmp_path, table, row_group_size=1)
    digests = [item.digest for item in items if isinstance(item, Record)]
    assert digests[0] == digests[2] != digests[1]


def test_null_and_wrong_and_large_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "RECORD_LIMIT", 1000)
    table = pa.table({"text": pa.array([None, b"a\xff", b"x" * 2000, b""], pa.binary())})
    items = items_of(tmp_path, table)
    assert isinstance(items[0], Unreadable)
    assert isinstance(items[2], Unreadable)
    assert isinstance(items[1], Record)
    assert (items[1].text, items[1].replaced) == ("a\ufffd", 1)
    assert isinstance(items[3], Record)


def test_a_table_without_text_or_no_table_at_all_is_unreadable(tmp_path: Path) -> None:
    for table, cause in ((pa.table({"body": ["a"]}), "no field"), (pa.table({"text": [1]}), "type int64")):
        (item,) = items_of(tmp_path, table)
        assert isinstance(item, Unreadable)
        assert cause in item.cause
    for data in (b"", b"PAR1", b"PAR1 rubbish PAR1"):
        (tmp_path / "b.parquet").write_bytes(data)
        (item,) = read(str(tmp_path / "b.parquet"))
        assert isinstance(item, Unreadable)


def test_a_damaged_row_group_loses_its_own_rows_each_counted(tmp_path: Path) -> None:
    texts = [f"text number {n} " * 50 for n in range(30)]
    options = {"row_group_size": 10, "write_statistics": False, "write_page_checksum": True}
    options["use_dictionary"] = False
    items_of(tmp_path, pa.table({"text": texts}), **options)
    path = tmp_path / "a.parquet"
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start, size = column.data_page_offset, column.total_compressed_size
    data[start + size // 2 : start + size // 2 + 30] = bytes(30)
    path.write_bytes(data)
    items = list(read(str(path)))
    assert [item.row for item in items] == list(range(30))
    assert [isinstance(item, Unreadable) for item in items] == [10 <= n < 20 for n in range(30)]
    assert all(item.position == start for item in items if isinstance(item, Unreadable))
