"""`python -m benchmarks.filters`: Gopher's quality and repetition signals against datatrove and dolma on web text.

All on the same documents in one run, one core, CPU time, the median of the rounds. Ours measures all 21 signals of
every document; datatrove's two filters each stop at the first rule that fails; dolma's tagger has no paragraph rules.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pyarrow as pa

from benchmarks import peers
from benchmarks.table import Line, lines
from filters import gopher

PEERS = (("datatrove 0.10, both Gopher filters", "datatrove"), ("dolma 1.2.1, tagger gopher_v2", "dolma"))
SHARED = Path(__file__).parent.parent.parent / "shared" / "data"


def documents(folder: Path, megabytes: float) -> list[str]:
    """Texts of the C4 files under `folder`, evenly spread over them, of about so many bytes together."""
    files = sorted(folder.glob("c4/*.json*"))
    if not files:
        sys.exit(f"benchmarks.filters: no c4/*.json.gz under {folder}; give another --input")
    texts = [text for file in files for text in _texts(file)]
    size = sum(len(text.encode()) for text in texts)
    step = max(1, round(size / (megabytes * 1e6)))
    return texts[::step]


def _texts(file: Path) -> list[str]:
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
    return [json.loads(line)["text"] for line in text.splitlines() if line]


def seconds(work: Callable[[], object], rounds: int) -> list[float]:
    """CPU seconds of each round of `work`, after one that does not count."""
    work()
    found = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return found


def one_by_one(texts: list[str]) -> None:
    for text in texts:
        gopher.measure([text])


def measure(texts: list[str], rounds: int) -> list[Line]:
    """A line per implementation; the first is ours from Arrow buffers, measured before, between and after the peers."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    array = pa.array(texts, pa.large_string())
    many = 10 * rounds  # ours takes milliseconds, and a median of few such rounds is noise
    ours = seconds(lambda: gopher.measure(array), many)
    rows = [
        Line("massivetext, list of str", megabytes / median(seconds(lambda: gopher.measure(texts), many))),
        Line("massivetext, one str a call", megabytes / median(seconds(lambda: one_by_one(texts), many))),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "texts.json"
        file.write_text(json.dumps(texts), "utf-8")
        for name, peer in PEERS:
            answer = peers.ask(peer, f"gopher_{peer}.py", [str(file), str(rounds)])
            found = isinstance(answer, list)
            rows.append(Line(name, megabytes / median(answer) if found else None, "" if found else answer))
            ours += seconds(lambda: gopher.measure(array), many)
    return [Line("massivetext, Arrow buffers", megabytes / median(ours)), *rows]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filters", description=__doc__)
    parser.add_argument("--input", type=Path, default=SHARED, help="folder with c4/*.json.gz (default: %(default)s)")
    parser.add_argument("--megabytes", type=float, default=2.0, help="of text to measure (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each peer; ours has ten times as many")
    arguments = parser.parse_args()
    texts = documents(arguments.input, arguments.megabytes)
    rows = measure(texts, arguments.rounds)
    size = sum(len(text.encode()) for text in texts)
    print(f"Gopher signals: {len(texts)} web documents, {size / 1e6:.1f} MB, CPU time of one core")
    print("\n".join(lines(rows, rows[0])))


if __name__ == "__main__":
    main()
