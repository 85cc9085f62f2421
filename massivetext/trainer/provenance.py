"""Which documents a record holds, read from the table beside its shard."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq


class Document(NamedTuple):
    """A document by its public id, in hexadecimal, and its address in the corpus."""

    id: str
    locator: str


def documents_of(table: Path, record: int, sequence_length: int) -> list[Document]:
    """The documents with a token or their separator in a record of a shard, in the order of the shard.

    `table` is the shard's Parquet file; empty when that file is gone.
    """
    if not table.is_file():
        return []
    rows = pq.read_table(table, columns=["id", "locator", "first_token", "tokens"])
    start = record * sequence_length
    begins = pc.less(rows["first_token"], start + sequence_length)
    ends = pc.greater_equal(pc.add(rows["first_token"], rows["tokens"]), start)
    held = rows.filter(pc.and_(begins, ends)).select(["id", "locator"]).to_pylist()
    return [Document(row["id"].hex(), row["locator"]) for row in held]
