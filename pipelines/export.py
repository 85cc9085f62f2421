"""The curated text itself as Parquet, one file per source shard: what `--text` writes.

In: documents/ (provenance) and the final tokens (canonical text after the cut).
Out: id, subset, source, locator, url, timestamp, title, text. Counts: documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines import cut, documents
from pipelines.stage import Result

PROVENANCE = ["id", "subset", "source", "locator", "url", "timestamp", "title"]
SCHEMA = pa.schema(
    [documents.SCHEMA.field(name) for name in PROVENANCE] + [pa.field("text", pa.large_string())],
    metadata={"massivetext.text": str(documents.FORMAT)},
)


@dataclass(frozen=True)
class Export:
    documents: str
    tokens: str
    cut: str
    out: str

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        counts = {"documents": 0}
        path = documents.shard_file(self.out, shard)
        return Result([documents.write_batches(path, SCHEMA, self._batches(shard, counts))], counts)

    def _batches(self, shard: int, counts: dict[str, int]) -> Iterator[pa.RecordBatch]:
        """Both sides come in order of docid, so that one batch of each is in memory at a time."""
        told = documents.read_batches(documents.shard_file(self.documents, shard), ["docid", *PROVENANCE])
        waiting = next(told, None)
        for final in cut.read_final(self.tokens, self.cut, shard, ["text"]):
            rest = final
            while len(rest):
                assert waiting is not None, "a final document is not among the documents"
                here = np.isin(rest.column("docid").to_numpy(), waiting.column("docid").to_numpy())
                if not here.any():
                    waiting = next(told, None)
                    continue
                counts["documents"] += int(here.sum())
                yield joined(waiting, rest.filter(pa.array(here)))
                rest = rest.filter(pa.array(~here))


def joined(told: pa.RecordBatch, final: pa.RecordBatch) -> pa.RecordBatch:
    """The final texts with the provenance of their documents."""
    rows = np.searchsorted(told.column("docid").to_numpy(), final.column("docid").to_numpy())
    columns = [told.column(name).take(pa.array(rows)) for name in PROVENANCE]
    return pa.RecordBatch.from_arrays([*columns, final.column("text")], schema=SCHEMA)
