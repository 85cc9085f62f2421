"""`python -m benchmarks.substrings`: repeated passages of 50 tokens, per core, beside suffix arrays of the same text.

Four tables: CPU time on real text, code included; bytes that the exchanges move; growth of CPU time with distinct
text; peak memory of the stages that find repeats, which read and write files. Tokenization is counted on no side.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pydivsufsort

from benchmarks import web
from pipelines import documents, sources, tokens
from pipelines.engine import Engine
from pipelines.kernels.substrings import anchors, equals, live_windows, warm_up
from pipelines.stage import Stage
from pipelines.substrings import windows
from pipelines.substrings.repeats import repeated_spans
from pipelines.tokenization.tokenizer import Encoder

LENGTH = 50
BYTES = 20_000_000
SUBSETS = ("github", "news", "wikipedia", "c4")
SHARD_TOKENS, DOCUMENT_TOKENS = 1_000_000, 1_000
TIMES = (1, 2, 4, 8)


def read_texts(paths: list[Path]) -> list[str]:
    """Texts of the files in order, until there are 20 MB."""
    found: list[str] = []
    size = 0
    for path in paths:
        for record in sources.read(str(path)):
            if isinstance(record, sources.Record) and record.text and size < BYTES:
                found.append(record.text)
                size += len(record.text.encode())
    if not found:
        sys.exit(f"no texts: {web.PACK} is not there; name files that the build's readers know, code among them")
    return found


def suffix_array(text: np.ndarray) -> np.ndarray:
    """The LCP of neighbours in the suffix array, uint8 or wider text."""
    return pydivsufsort.kasai(text, pydivsufsort.divsufsort(text))


def compare(texts: list[str], ids: list[np.ndarray]) -> None:
    raw = np.frombuffer(b"\0".join(text.encode() for text in texts), np.uint8).copy()
    flat = np.concatenate(ids)
    repeated_spans(ids[:2])
    byte, token, ours = web.cpu_seconds(
        [lambda: suffix_array(raw), lambda: suffix_array(flat), lambda: repeated_spans(ids)]
    )
    cut = repeated_spans(ids)
    share = (cut["end"] - cut["start"]).sum() / len(flat)
    print(f"{len(texts)} texts, {len(raw) / 1e6:.1f} MB, {len(flat) / 1e6:.2f} Mtok; {share:.1%} of the tokens are cut")
    for name, seconds in (
        ("byte suffix array, LCP", byte),
        ("token suffix array, LCP", token),
        ("repeated_spans", ours),
    ):
        rate = f"{len(raw) / seconds / 1e6:8.1f} MB/s {len(flat) / seconds / 1e6:8.2f} Mtok/s"
        print(f"{name:30} {rate} {byte / seconds:6.1f}x {token / seconds:6.1f}x")


def shuffled(flat: np.ndarray, times: int, seed: int = 0) -> np.ndarray:
    """Distinct text: the tokens in random order, `times` as many."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(flat) for _ in range(times)])


def planted(flat: np.ndarray, share: float) -> np.ndarray:
    """Distinct text of which passages of 200 tokens stand again elsewhere: so many of its tokens are copies."""
    text = shuffled(flat, 1)
    blocks = text[: len(text) // 200 * 200].reshape(-1, 200)
    copies = int(len(blocks) * share)
    # Each passage stands three times: once where it was, and twice more.
    blocks[-copies or len(blocks) :] = blocks[np.arange(copies) // 2]
    return text


def exchanged(flat: np.ndarray) -> None:
    """Bytes of anchor and window rows against rows of all windows."""
    print(f"\n{'copied':>8} {'anchors':>10} {'windows':>10} {'B a token':>10} {'every window':>13}")
    for share in (0.0, 0.1, 0.5):
        text = planted(flat, share)
        offsets = np.append(np.arange(0, len(text), DOCUMENT_TOKENS), len(text))
        document, place, key = anchors(text, offsets, LENGTH)
        twice, _ = equals(key, key)
        sent = live_windows(text, offsets, LENGTH, offsets[document[twice]] + place[twice])[0]
        moved = len(key) * windows.ANCHOR.itemsize + len(sent) * windows.WINDOW.itemsize
        every = np.maximum(np.diff(offsets) - LENGTH + 1, 0).sum() * windows.WINDOW.itemsize
        rows = f"1 in {len(text) / len(key):5.1f} {len(sent) / len(text):10.1%}"
        print(f"{share:8.0%} {rows} {moved / len(text):10.2f} {every / moved:12.1f}x")


def growth(flat: np.ndarray) -> None:
    """CPU time on distinct text, 1 to 8 times as much."""
    print(f"\n{'distinct text':>14} {'Mtok':>8} {'CPU s':>8} {'ns a token':>11} {'growth':>8}")
    texts = [np.array_split(shuffled(flat, times), times * len(flat) // DOCUMENT_TOKENS) for times in TIMES]
    seconds = web.cpu_seconds([lambda text=text: repeated_spans(text) for text in texts])
    for times, spent in zip(TIMES, seconds, strict=True):
        rate = f"{times * len(flat) / 1e6:8.1f} {spent:8.2f} {spent / times / len(flat) * 1e9:11.1f}"
        print(f"{times:13}x {rate} {spent / seconds[0]:7.2f}x")


def memory(flat: np.ndarray) -> None:
    """Peak memory of the stages in a process of their own, with 1 to 8 times as many shards."""
    print(f"\n{'distinct text':>14} {'shards':>8} {'CPU s':>8} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for times in TIMES:
            for shard in range(2 * times):
                write_shard(f"{folder}/{times}/tokens", shard, flat)
            command = [sys.executable, "-m", __spec__.name, "--stages", f"{folder}/{times}", str(2 * times)]
            run = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(run.stdout.splitlines()[-1])
            print(f"{times:13}x {2 * times:8} {found['cpu']:8.2f} {found['peak'] / 1e6:8.0f}")


def write_shard(folder: str, shard: int, flat: np.ndarray) -> None:
    schema = tokens.schema(np.dtype(np.uint16))
    text = np.random.default_rng(shard).choice(flat, SHARD_TOKENS)

    def batches() -> Iterator[pa.Table]:
        for ids in np.array_split(text, 10):
            docs = np.array_split(ids, len(ids) // DOCUMENT_TOKENS)
            rows = np.arange(len(docs)) + batches_done[0]
            batches_done[0] += len(docs)
            columns = {
                "docid": rows + (shard << 32),
                "rank": np.zeros(len(docs), np.int64),
                "tokens": tokens.token_lists(docs, np.dtype(np.uint16)),
            }
            arrays = [pa.array(columns.get(field.name, [None] * len(docs)), field.type) for field in schema]
            yield pa.Table.from_arrays(arrays, schema=schema)

    batches_done = [0]
    documents.write_batches(documents.shard_file(folder, shard), schema, batches())


def run_stages(folder: str, shards: int) -> None:
    """Find the repeats of an encoded folder through files, and print CPU seconds and peak memory."""
    every = dict.fromkeys(range(shards), 0)
    roles = dict.fromkeys(range(shards), windows.FULL)
    engine = Engine(exchange="files", spill=f"{folder}/spill")

    def stage(name: str, exchanges: bool = False) -> Stage:
        return Stage(name, f"{folder}/{name}", "", {}, every, every, exchanges)

    warm_up()
    before = time.process_time()
    find = windows.Anchors(f"{folder}/tokens", f"{folder}/anchors", roles, LENGTH)
    engine.run_shards(stage("anchors"), find, 0.0)
    engine.run_exchange(stage("live", True), windows.LiveAnchors(f"{folder}/anchors", f"{folder}/live"), 1)
    hashed = windows.Windows(f"{folder}/tokens", f"{folder}/live", f"{folder}/windows", roles, LENGTH)
    engine.run_shards(stage("windows"), hashed, 0.0)
    engine.run_exchange(stage("repeats", True), windows.Repeats(f"{folder}/windows", f"{folder}/repeats"), 1)
    print(json.dumps({"cpu": time.process_time() - before, "peak": peak()}))


def peak() -> int:
    """Peak resident bytes of this process; its ru_maxrss would begin with what the parent held."""
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return 1024 * int(found[1]) if found else 0


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__)
    pack = [path for subset in SUBSETS for path in sorted(web.PACK.glob(f"{subset}/*"))]
    made.add_argument("texts", nargs="*", type=Path, metavar="FILE", default=pack, help="(default: the shared pack)")
    made.add_argument("--model", type=Path, help="a SentencePiece model (default: one is trained on the texts)")
    made.add_argument("--stages", nargs=2, metavar=("FOLDER", "SHARDS"), help=argparse.SUPPRESS)
    given = made.parse_args()
    if given.stages:
        run_stages(given.stages[0], int(given.stages[1]))
        return
    texts = read_texts(given.texts)
    ids = Encoder(web.model_for(texts, given.model)).encode(texts)
    compare(texts, ids)
    flat = np.concatenate(ids)
    exchanged(flat)
    growth(flat)
    memory(flat)


if __name__ == "__main__":
    main()
