"""Parquet tables, one document per row: `text`, and `url`, `timestamp`, `id`, `title` if they are there."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.files import open_read
from pipelines.sources.encoding import decode
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Unreadable, digest, locate

_ROWS = 256  # read at a time
_FIELDS = ("url", "timestamp", "id", "title")
_ERRORS = (pa.ArrowException, OSError, ValueError)


def read(path: str) -> Iterator[Item]:
    """The rows of a table. A row group that cannot be read loses its own rows, each counted."""
    with open_read(path) as raw:
        try:
            table = pq.ParquetFile(raw, page_checksum_verification=True)
            _check_text(table.schema_arrow)
        except _ERRORS as error:
            yield Unreadable(0, 0, f"no readable Parquet file of documents: {error}")
            return
        columns = ["text", *(name for name in _FIELDS if name in table.schema_arrow.names)]
        row = 0
        for group in range(table.metadata.num_row_groups):
            rows = table.metadata.row_group(group).num_rows
            yield from _group(table, group, row, rows, columns)
            row += rows


def _check_text(schema: pa.Schema) -> None:
    if "text" not in schema.names:
        raise ValueError(f'there is no column "text"; there are {", ".join(schema.names)}')
    kind = schema.field("text").type
    if not _is_text(kind):
        raise ValueError(f'the column "text" has type {kind}, string or binary is expected')


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    ) or pa.types.is_large_binary(kind)


def _group(table: pq.ParquetFile, group: int, first: int, rows: int, columns: list[str]) -> Iterator[Item]:
    position = table.metadata.row_group(group).column(0).data_page_offset
    row = first
    try:
        for batch in table.iter_batches(_ROWS, row_groups=[group], columns=columns, use_threads=False):
            fields = {name: _values(batch.column(name)) for name in columns}
            for at in range(batch.num_rows):
                yield _item(row, position, {name: values[at] for name, values in fields.items()})
                row += 1
    except _ERRORS as error:
        for lost in range(row, first + rows):
            yield Unreadable(lost, position, f"row group {group} cannot be read: {error}")


def _values(column: pa.Array) -> list[Any]:
    """The values; strings as bytes, for they may hold what is no UTF-8."""
    return (pc.cast(column, pa.large_binary()) if _is_text(column.type) else column).to_pylist()


def _item(row: int, position: int, fields: dict[str, Any]) -> Item:
    data = fields["text"]
    if data is None:
        return Unreadable(row, position, "the text is null")
    if len(data) > RECORD_LIMIT:
        return Unreadable(row, position, f"the text is larger than {RECORD_LIMIT} bytes")
    text, replaced = decode(data, "utf-8")
    url, timestamp, name, title = (_string(fields.get(key)) for key in _FIELDS)
    parts = (data, *((value or "").encode() for value in (url, timestamp, name, title)))
    row_digest = digest(b"".join(len(part).to_bytes(8, "little") + part for part in parts))
    locator = locate(url, timestamp, name, row_digest)
    return Record(row, locator, row_digest, text, None, url, timestamp, title, "utf-8", replaced)


def _string(value: object) -> str | None:
    if isinstance(value, bytes):
        return decode(value, "utf-8")[0] or None
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else None
