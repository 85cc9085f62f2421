"""Documents that `curate` writes from splits: the same as from whole files, whoever reads which split."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq

from filters import language
from pipelines import inputs
from pipelines.curate import Curate, Subset


def documents(folder: Path, out: str, split_bytes: int | None, order: int = 1) -> list[dict[str, object]]:
    """The rows of all shards by docid, read in this order of shards."""
    shards = inputs.find({"news": [(str(folder / "in"), "*.jsonl*")]}, split_bytes)
    made = folder / out
    made.mkdir()
    inputs.write_table(str(made / "shards.json"), shards)
    subset = Subset(str(folder / "in"), None, "trafilatura", 0, fields={"text": "content"})
    model = str(language.default_model())
    work = Curate(str(made), str(made / "shards.json"), {"news": subset}, 7, 0.1, model, "", "")
    for shard in shards[::order]:
        work.run(shard.number)
    return [row for path in sorted(made.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_splits_hold_the_documents_of_whole_files_under_the_same_ids(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = [
        json.dumps({"content": f"Piece {n} of news. " * (n % 7 + 1), "url": f"http://x/{n % 90}"}) for n in range(120)
    ]
    (tmp_path / "in/a.jsonl").write_text("\n".join(lines[:80]))
    (tmp_path / "in/b.jsonl.gz").write_bytes(gzip.compress("\n".join(lines[80:]).encode()))
    whole = documents(tmp_path, "whole", None)
    split = documents(tmp_path, "split", 1000)
    assert (
        len({int(str(row["docid"])) >> 32 for row in split}) > 5 > len({int(str(row["docid"])) >> 32 for row in whole})
    )
    assert len({row["docid"] for row in split}) == 120
    for row in (*whole, *split):
        del row["docid"]
    assert split == whole
    backwards = documents(tmp_path, "backwards", 1000, -1)
    assert [row["text"] for row in backwards] == [row["text"] for row in whole]
    files = [{p.name: p.read_bytes() for p in (tmp_path / name).glob("*.parquet")} for name in ("split", "backwards")]
    assert files[0] == files[1]
