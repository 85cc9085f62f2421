"""Parquet tables, one document per row: `text`, and `url`, `timestamp`, `id`, `title` if they are there.

A split has the row groups that start in it.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.files import open_read
from pipelines.sources.encoding import decode
from pipelines.sources.how import FIELDS, PLAIN, How, lookup, missing
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Unreadable, digest, locate
from pipelines.sources.rows import code_of

_ROWS = 256  # read at a time
_ROLES = ("url", "timestamp", "id", "title")
_CODE_ROLES = ("path", "repository", "licence")
_ERRORS = (pa.ArrowException, OSError, ValueError)


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """The rows of a table or split. A row group that cannot be read loses its own rows, each counted."""
    with open_read(path) as raw:
        try:
            table = pq.ParquetFile(raw, page_checksum_verification=True)
            columns = _columns(table.schema_arrow, how)
        except _ERRORS as error:
            if not how.start:  # of a split file the first split says so
                yield Unreadable(0, 0, f"no readable Parquet file of documents: {error}")
            return
        row = 0
        for group in range(table.metadata.num_row_groups):
            if not how.has_begun(_position(table, group)) or how.is_past(_position(table, group)):
                continue
            rows = table.metadata.row_group(group).num_rows
            yield from _group(table, group, row, rows, columns, how)
            row += rows


def _position(table: pq.ParquetFile, group: int) -> int:
    column = table.metadata.row_group(group).column(0)
    return column.dictionary_page_offset or column.data_page_offset


def _columns(schema: pa.Schema, how: How) -> list[str]:
    """The columns that hold what is wanted; a field inside one counts as the column."""

    def column_of(name: str) -> str | None:
        return name if name in schema.names else next((c for c in schema.names if name.startswith(f"{c}.")), None)

    text = next(filter(None, map(column_of, how.names("text"))), None)
    if text is None:
        raise ValueError(missing(how.names("text"), schema.names))
    kind = schema.field(text).type
    if not (_is_text(kind) or pa.types.is_struct(kind)):
        raise ValueError(f'the column "{text}" has type {kind}, string or binary is expected')
    roles = _CODE_ROLES if "path" in how.fields else _ROLES
    others = [column for role in roles for name in how.names(role) if (column := column_of(name))]
    return list(dict.fromkeys([text, *others]))


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)
    ) or pa.types.is_large_binary(kind)


def _group(table: pq.ParquetFile, group: int, first: int, rows: int, columns: list[str], how: How) -> Iterator[Item]:
    position = _position(table, group)
    row, names = first, {role: how.names(role) for role in FIELDS}
    try:
        for batch in table.iter_batches(_ROWS, row_groups=[group], columns=columns, use_threads=False):
            for values in zip(*(_values(batch.column(name)) for name in columns), strict=True):
                yield _item(row, position, dict(zip(columns, values, strict=True)), names, how)
                row += 1
    except _ERRORS as error:
        for lost in range(row, first + rows):
            yield Unreadable(lost, position, f"row group {group} cannot be read: {error}")


def _values(column: pa.Array) -> list[Any]:
    """The values; strings as bytes, for they may hold what is no UTF-8."""
    return (pc.cast(column, pa.large_binary()) if _is_text(column.type) else column).to_pylist()


def _item(row: int, position: int, fields: dict[str, Any], names: dict[str, tuple[str, ...]], how: How) -> Item:
    data = lookup(fields, names["text"])
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    if not isinstance(data, bytes):
        return Unreadable(row, position, "the text is null")
    if len(data) > RECORD_LIMIT:
        return Unreadable(row, position, f"the text is larger than {RECORD_LIMIT} bytes")
    text, replaced = decode(data, "utf-8")
    if "path" in how.fields:
        values = {role: _text_of(lookup(fields, names[role])) for role in _CODE_ROLES}
        return code_of(row, text, digest(data), values, how)
    url, timestamp, name, title = (_string(lookup(fields, names[role])) for role in _ROLES)
    parts = (data, *((value or "").encode() for value in (url, timestamp, name, title)))
    row_digest = digest(b"".join(len(part).to_bytes(8, "little") + part for part in parts))
    locator = locate(url, timestamp, name, row_digest)
    return Record(row, locator, row_digest, text, None, url, timestamp, title, "utf-8", replaced)


def _text_of(value: Any) -> Any:
    return decode(value, "utf-8")[0] if isinstance(value, bytes) else value


def _string(value: Any) -> str | None:
    if isinstance(value, bytes):
        return decode(value, "utf-8")[0] or None
    if isinstance(value, str):
        return value or None
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else None
