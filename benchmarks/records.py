"""`python -m benchmarks.records`: tokens per second written and read back, per core, beside what the format rests on.

Written: documents into records as a build does it, digest included; the same records, ready made, by array_record with
the same options; one numpy memmap. Read back in order by the same three; then shuffled, by Grain, in one process: in
batches of 256 records (wall-clock too, since Grain may read ahead), and by the trainer, with its targets and segments.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import grain
import numpy as np
import pyarrow as pa
from array_record.python.array_record_module import ArrayRecordReader, ArrayRecordWriter

from benchmarks import web
from massivetext.trainer.data import TrainingRecords
from massivetext.trainer.manifest import read_manifest
from pipelines import files
from pipelines.packing import records
from pipelines.packing.records import Layout
from pipelines.tokenization.tokenizer import Encoder

BATCH = 256
SHUFFLED = 1 << 17  # Grain's shuffle is slow below 2^16 records, so the shard is listed as often as it takes
WANTED_TOKENS = 16_000_000


def write_ours(path: Path, documents: Iterable[np.ndarray], layout: Layout) -> None:
    local = f"{path}.local"
    records.write_records(local, documents, layout)
    files.publish(local, str(path))


def write_plain(path: Path, block: np.ndarray) -> None:
    writer = ArrayRecordWriter(str(path), records.OPTIONS)
    for record in block:
        writer.write(record.tobytes())
    writer.close()


def write_memmap(path: Path, block: np.ndarray) -> None:
    mapped = np.memmap(path, block.dtype, "w+", shape=block.shape)
    mapped[:] = block
    mapped.flush()


def read_plain(path: Path) -> int:
    reader = ArrayRecordReader(str(path))
    total = sum(int(np.frombuffer(record, "<u2")[-1]) for record in reader.read_all())
    reader.close()
    return total


def read_memmap(path: Path, length: int) -> int:
    return sum(int(np.array(record)[-1]) for record in np.memmap(path, "<u2", "r").reshape(-1, length))


def decode(raw: bytes) -> np.ndarray:
    return np.frombuffer(raw, "<u2")


def source_of(path: Path, count: int) -> grain.sources.ArrayRecordDataSource:
    return grain.sources.ArrayRecordDataSource([f"{path}[0:{count}]"] * -(-SHUFFLED // count))


def read_grain(path: Path, count: int) -> int:
    batches = grain.MapDataset.source(source_of(path, count)).shuffle(seed=1).map(decode).batch(BATCH)
    return sum(int(batches[number][-1, -1]) for number in range(count // BATCH))


def read_grain_at_once(path: Path, count: int) -> int:
    source = source_of(path, count)
    order = np.random.default_rng(1).permutation(len(source))[: count // BATCH * BATCH].reshape(-1, BATCH)
    return sum(int(decode(b"".join(source.__getitems__(numbers.tolist())))[-1]) for numbers in order)


def write_manifest(shard: Path, count: int, layout: Layout, model: bytes) -> None:
    """Make the shard's folder one that the trainer reads, with the shard in it as often as it takes."""
    times = -(-SHUFFLED // count)
    model_file = files.write_bytes(files.join(str(shard.parent), records.TOKENIZER), model)
    entry = {"path": shard.name, "records": count, "fill": 0, "provenance": {"path": ""}}
    manifest = {
        "format": records.FORMAT,
        "sequence_length": layout.sequence_length,
        "dtype": layout.dtype_name,
        "eos": layout.eos,
        "vocabulary": layout.vocabulary,
        "tokenizer": {"file": records.TOKENIZER, "sha256": model_file.sha256},
        "records": count * times,
        "subsets": {"web": {"train": [entry] * times, "valid": []}},
    }
    files.write_bytes(files.join(str(shard.parent), records.MANIFEST), records.seal(manifest))


def read_trainer(shard: Path, count: int) -> int:
    data = read_manifest(shard.parent)
    read = TrainingRecords(data, seed=1)
    starts = range(0, count // BATCH * BATCH, BATCH)
    return sum(int(read.batch(start, BATCH, data.sequence_length)["targets"][-1, -1]) for start in starts)


def show(title: str, tokens: int, works: dict[str, Callable[[], object]]) -> None:
    """A table of rates; the ratio is to the second line, the plain format."""
    print(title)
    spent = web.cpu_seconds(list(works.values()))
    for name, seconds in zip(works, spent, strict=True):
        print(f"  {name:35} {tokens / seconds / 1e6:9.1f} Mtok/s {spent[min(1, len(spent) - 1)] / seconds:7.2f}x")


def main() -> None:
    given = web.parser(__doc__ or "").parse_args()
    texts = web.read_texts(given.texts)
    model = web.model_for(texts, given.model)
    encoder = Encoder(model)
    once = encoder.encode_column(pa.array(texts, pa.large_string()))
    spans = list(itertools.pairwise(once[1].tolist()))
    documents = [once[0][start:end] for start, end in spans] * -(-WANTED_TOKENS // len(once[0]))
    layout = Layout(2048, encoder.vocabulary, encoder.eos)
    with tempfile.TemporaryDirectory() as folder:
        ours, plain, mapped = (Path(folder) / name for name in ("ours.array_record", "plain.array_record", "memmap"))
        write_ours(ours, documents, layout)
        block = np.concatenate(list(records.read_records(str(ours), layout)))
        print(
            f"{block.size / 1e6:.1f} Mtok, {len(block)} records; {ours.stat().st_size / block.nbytes:.2f} of their size"
        )
        show(
            "written, per core",
            block.size,
            {
                "massivetext, from documents": lambda: write_ours(ours, documents, layout),
                "array_record, the same options": lambda: write_plain(plain, block),
                "numpy memmap": lambda: write_memmap(mapped, block),
            },
        )
        show(
            "read back in order, per core",
            block.size,
            {
                "massivetext": lambda: sum(1 for _ in records.read_records(str(ours), layout)),
                "array_record": lambda: read_plain(plain),
                "numpy memmap": lambda: read_memmap(mapped, layout.sequence_length),
            },
        )
        write_manifest(ours, len(block), layout, model)
        show(
            "read shuffled through Grain, one process, CPU",
            block.size,
            {
                "Grain, batches of 256": lambda: read_grain(ours, len(block)),
                "Grain's source, 256 records at once": lambda: read_grain_at_once(ours, len(block)),
                "the trainer's batches": lambda: read_trainer(ours, len(block)),
            },
        )
        started = time.monotonic()
        read_grain_at_once(ours, len(block))
        print(f"  {'at once, wall-clock':35} {block.size / (time.monotonic() - started) / 1e6:9.1f} Mtok/s")


if __name__ == "__main__":
    main()
