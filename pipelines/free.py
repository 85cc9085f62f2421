"""free: the texts of dropped documents go, everything else about them stays.

In: `documents/` and the sidecars. Out: the same files of `documents/`, the text of a dropped document empty.
Counts: documents.
Failure: none; run again, a file that is done already is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import documents
from pipelines.documents import SCHEMA
from pipelines.stage import Result


@dataclass(frozen=True)
class FreeDropped:
    """A shard of `folder` without the texts of what the sidecars in `drops` (folders) drop."""

    folder: str
    drops: tuple[str, ...]

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        gone = documents.dropped(self.drops, shard)
        path = documents.shard_file(self.folder, shard)
        documents.write_batches(path, SCHEMA, _without(documents.read_batches(path), gone))
        return Result([], {"documents": len(gone)})


def _without(batches: Iterator[pa.RecordBatch], gone: np.ndarray) -> Iterator[pa.RecordBatch]:
    """The batches, the texts of the documents in `gone` (docids) empty."""
    for batch in batches:
        dropped = np.isin(batch.column("docid").to_numpy(), gone)
        at = batch.schema.get_field_index("text")
        text = pc.if_else(pa.array(dropped), pa.scalar("", pa.large_string()), batch.column("text"))
        yield batch.set_column(at, batch.schema.field(at), text)
