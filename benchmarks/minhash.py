"""`python -m benchmarks.minhash`: MinHash signatures of 13-word shingles against datasketch and rensa, per core.

All sign the same documents with 256 permutations in one run, CPU time, the median of the rounds. Ours starts at the
text and ends with the shingle sets and their signatures. The peers take shingles, which Python has to make for them;
a second line of each is what they take once these are there.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import peers
from benchmarks.filters import SHARED, documents, seconds
from benchmarks.table import Line, lines
from filters.text import buffers
from pipelines.kernels import minhash
from pipelines.kernels.shingles import WORDS, normalised_words, shingle_sets

PEERS = ("datasketch 2.0, update_batch", "rensa 0.5, RMinHash")


def sign(texts: list[str]) -> None:
    minhash.signatures(*shingle_sets(*buffers(texts)))


def shingles(text: str) -> list[str]:
    """The shingles of a text as the peers take them: strings of words joined by a space."""
    words = normalised_words(text)
    return [" ".join(words[start : start + WORDS]) for start in range(max(1, len(words) - WORDS + 1))]


def measure(texts: list[str], rounds: int) -> tuple[list[Line], Line]:
    """(all lines, the one of ours that the ratios are of)."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    many = 5 * rounds
    started = time.process_time()
    ready = [shingles(text) for text in texts]
    python = time.process_time() - started
    rows = [Line("massivetext, text to signatures", megabytes / median(seconds(lambda: sign(texts), many)))]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "shingles.json"
        file.write_text(json.dumps(ready), "utf-8")
        answer = peers.ask("minhash", "minhash_signatures.py", [str(file), str(minhash.PERMUTATIONS), str(rounds)])
    for number, name in enumerate(PEERS):
        if isinstance(answer, str):
            rows.append(Line(name, None, answer))
            continue
        bare = median(answer[number])
        rows.append(Line(f"{name}, text to signatures", megabytes / (bare + python)))
        rows.append(
            Line(f"{name}, from ready shingles", megabytes / bare, "no words, no shingles: less work than ours")
        )
    sets = shingle_sets(*buffers(texts))
    bare = median(seconds(lambda: minhash.signatures(*sets), many))
    rows.append(Line("massivetext, from ready shingle sets", megabytes / bare))
    again = Line("massivetext, again", megabytes / median(seconds(lambda: sign(texts), many)))
    rows.append(again)
    return rows, min(rows[0], again, key=lambda row: row.rate or 0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.minhash", description=__doc__)
    parser.add_argument("--input", type=Path, default=SHARED, help="folder with c4/*.json.gz (default: %(default)s)")
    parser.add_argument("--megabytes", type=float, default=4.0, help="of text to sign (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each peer; ours has five times as many")
    arguments = parser.parse_args()
    texts = documents(arguments.input, arguments.megabytes)
    rows, ours = measure(texts, arguments.rounds)
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(
        f"MinHash, {minhash.PERMUTATIONS} permutations of {WORDS}-word shingles: {len(texts)} web documents, "
        f"{size:.1f} MB, CPU time of one core; ratio of: {ours.name}"
    )
    print("\n".join(lines(rows, ours)))


if __name__ == "__main__":
    main()
