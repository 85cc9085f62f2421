"""English web text to measure on, a tokenizer for it, and CPU seconds."""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from pipelines import documents, files
from pipelines.tokenization import vocabulary
from pipelines.tokens import SAMPLE_SCHEMA

PACK = Path(__file__).resolve().parents[2] / "shared" / "data"
VOCABULARY = 32_000
ROUNDS = 3


def parser(description: str) -> argparse.ArgumentParser:
    """The options that all benchmarks on text share."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument(
        "texts",
        nargs="*",
        type=Path,
        metavar="JSONL",
        default=sorted(PACK.glob("c4/*.json.gz")),
        help="files of a JSON object a line with a `text`, .gz or not (default: C4 of the shared pack)",
    )
    made.add_argument("--model", type=Path, help="a SentencePiece model (default: one is trained on the texts)")
    return made


def read_texts(paths: Sequence[Path]) -> list[str]:
    """The texts of all files, in order."""
    if not paths:
        sys.exit(f"no texts: {PACK}/c4 is not there; name JSONL files with English web text")
    found = []
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            found += [json.loads(line)["text"] for line in lines]
    return found


def model_for(texts: Sequence[str], given: Path | None) -> bytes:
    """The bytes of the given model, or of one trained on the texts as a build would train it."""
    if given:
        return given.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        ids = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        sample = files.join(folder, "sample.parquet")
        documents.write_batches(sample, SAMPLE_SCHEMA, [pa.table({"id": ids, "text": texts}, schema=SAMPLE_SCHEMA)])
        vocabulary.train([sample], files.join(folder, "model"), VOCABULARY)
        return files.read_bytes(files.join(folder, "model"))


def cpu_seconds(works: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """Median CPU seconds of each work, over interleaved rounds, so that a busy machine disturbs all alike."""
    spent: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, seconds in zip(works, spent, strict=True):
            before = time.process_time()
            work()
            seconds.append(time.process_time() - before)
    return [statistics.median(seconds) for seconds in spent]
