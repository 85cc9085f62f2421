"""The changed documents of a cut shard, laid over the encoded ones while these are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from pipelines import documents

CHANGED = ".cut.parquet"
SPAN = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("partner", pa.int64())])


def overlay_schema(dtype: np.dtype) -> pa.Schema:
    """Columns of changed documents. `spans`: code points of the text before, docid of the first copy."""
    fields = [
        ("docid", pa.int64()),
        ("text", pa.large_string()),
        ("tokens", pa.large_list(pa.from_numpy_dtype(dtype))),
        ("spans", pa.list_(SPAN)),
    ]
    return pa.schema(fields, metadata={"massivetext.cut": str(documents.FORMAT)})


def replaced(batches: Iterable[pa.RecordBatch], path: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """The batches with `text` and `tokens` of changed documents as in `path`; both in order of docid."""
    changing = [name for name in columns if name in ("text", "tokens")]
    if not changing:
        yield from batches
        return
    changed = documents.read_batches(path, ["docid", *changing])
    ahead: list[pa.RecordBatch] = []
    for batch in batches:
        if not len(batch):
            continue
        first, last = batch.column("docid")[0].as_py(), batch.column("docid")[-1].as_py()
        ahead = _covering(ahead, changed, first, last)
        yield _put(batch, pa.Table.from_batches(ahead).combine_chunks(), changing) if ahead else batch


def _covering(
    ahead: list[pa.RecordBatch], following: Iterator[pa.RecordBatch], first: int, last: int
) -> list[pa.RecordBatch]:
    """The batches of changed documents from docid `first` on, read on until one reaches `last`."""
    found = [batch for batch in ahead if _last_docid(batch) >= first]
    while not found or _last_docid(found[-1]) < last:
        batch = next(following, None)
        if batch is None:
            break
        if _last_docid(batch) >= first:
            found.append(batch)
    return found


def _last_docid(batch: pa.RecordBatch) -> int:
    return int(batch.column("docid")[-1].as_py())


def _put(batch: pa.RecordBatch, new: pa.Table, columns: list[str]) -> pa.RecordBatch:
    docids, new_docids = batch.column("docid").to_numpy(), new.column("docid").to_numpy()
    place = np.minimum(np.searchsorted(new_docids, docids), len(new_docids) - 1)
    found = new_docids[place] == docids
    if not found.any():
        return batch
    rows = pa.array(np.where(found, len(docids) + place, np.arange(len(docids))))
    for name in columns:
        both = pa.concat_arrays([batch.column(name), *new.column(name).chunks])
        index = batch.schema.get_field_index(name)
        batch = batch.set_column(index, batch.schema.field(name), both.take(rows))
    return batch
