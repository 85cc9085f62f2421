"""Exact substrings, the text's side: repeated windows become cuts, and readers see what is left.

The last stage's folder holds two files a shard: `00012.parquet`, a sidecar of documents of which too little
is left (rule `cut_away`), and `00012.cut.parquet`, the documents that a cut changed. What stands in neither
is unchanged.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipelines import alone, documents, files, identity
from pipelines.stage import Mark, Stage, total
from pipelines.substrings import excise, windows
from pipelines.substrings.excise import Cut
from pipelines.substrings.overlay import CHANGED, replaced
from pipelines.substrings.repeats import KEEP_ONE, REMOVE_ALL, Cutting, repeated_spans
from pipelines.substrings.windows import FULL, NONE, REFERENCE, Anchors, LiveAnchors, Repeats, Windows
from pipelines.tokenization import tokenizer
from pipelines.tokens import Tokenization, encoded, model_path, tokenize

if TYPE_CHECKING:
    from pipelines.engine import Engine

__all__ = ["KEEP_ONE", "REMOVE_ALL", "Cutting", "cut_substrings", "final", "main", "read_final", "repeated_spans"]

FINAL = "final"
# CPU seconds per MB of encoded file (measured): hashing, and cutting.
HASH_COST, CUT_COST = 0.05, 0.1
# The tokenizer that is trained where the stage runs alone.
MOST_PIECES, LEAST_PIECES, BYTES_PER_PIECE = 32_000, 320, 400
DONE = (
    "OUT/text holds the files less what was cut; OUT/cut/final/*.cut.parquet every changed document with its spans "
    "and, for each, the document that keeps the passage; OUT/cut/final/*.parquet the documents dropped for what was "
    "left of them."
)
Counts = dict[str, Any]


def final(cut: str) -> str:
    """The folder inside `cut` whose `00012.parquet` are the sidecars of documents cut away."""
    return files.join(cut, FINAL)


def read_final(tokens: str, cut: str, shard: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Batches of a shard's documents after the cut, in order of docid, with their new text and tokens.

    `tokens` and `cut` are the folders given to `tokenize` and `cut_substrings`, `cut` "" where nothing was
    cut. Columns: those of `tokens.schema`; `docid` is always there.
    """
    if not cut:
        yield from documents.read_kept(encoded(tokens), [], shard, columns)
        return
    kept = documents.read_kept(encoded(tokens), [final(cut)], shard, columns)
    yield from replaced(kept, documents.shard_file(final(cut), shard, CHANGED), columns)


def cut_substrings(
    engine: Engine, folder: str, out: str, marks: Mapping[int, Mark], roles: Mapping[int, str], how: Cutting
) -> dict[int, Mark]:
    """Run the five stages in sub-folders of `out` and return the marks of the last.

    `folder` and `marks`: where `tokenize` wrote and what it returned. `roles` per shard: `full`, `reference`
    (cut nothing here, but elsewhere what stands here) or `none`.
    """
    for shard in marks:
        if roles[shard] not in (FULL, REFERENCE, NONE):
            raise ValueError(f"shard {shard}: role is {roles[shard]!r}, expected 'full', 'reference' or 'none'")
    return _Run(engine, folder, out, marks, dict(roles), how).all()


@dataclass(frozen=True)
class _Run:
    engine: Engine
    folder: str
    out: str
    marks: Mapping[int, Mark]
    roles: Mapping[int, str]
    how: Cutting

    def all(self) -> dict[int, Mark]:
        documents_in, length = encoded(self.folder), self.how.length
        stage = self._stage("anchors", {}, {"length": length})
        anchors = self.engine.run_shards(stage, Anchors(documents_in, stage.folder, self.roles, length), HASH_COST)
        live = self._exchange("live_anchors", anchors)
        stage = self._stage("windows", live, {"length": length})
        work = Windows(documents_in, self._in("live_anchors"), stage.folder, self.roles, length)
        repeats = self._exchange("repeats", self.engine.run_shards(stage, work, HASH_COST))
        return self._cut(repeats)

    def _cut(self, repeats: Mapping[int, Mark]) -> dict[int, Mark]:
        model = model_path(self.folder)
        settings = {"length": self.how.length, "minimum": self.how.minimum, "mode": self.how.mode}
        settings["model"] = tokenizer.load(model).sha256
        stage = self._stage(FINAL, repeats, settings)
        work = Cut(encoded(self.folder), self._in("repeats"), model, stage.folder, self.roles, self.how)
        return self.engine.run_shards(stage, work, CUT_COST)

    def _in(self, name: str) -> str:
        return files.join(self.out, name)

    def _stage(self, name: str, before: Mapping[int, Mark], settings: Mapping[str, object]) -> Stage:
        """A shard stage made from the encoded documents and from the stage before it."""
        inputs = {
            shard: [self.roles[shard], mark.digests, before[shard].digests if before else []]
            for shard, mark in self.marks.items()
        }
        code = identity.of_code(excise.__name__ if name == FINAL else windows.__name__)
        sizes = {shard: sum(f.bytes for f in mark.files) for shard, mark in self.marks.items()}
        return Stage(name, self._in(name), code, settings, inputs, sizes)

    def _exchange(self, name: str, before: Mapping[int, Mark]) -> dict[int, Mark]:
        sizes = {shard: sum(f.bytes for f in mark.files) for shard, mark in before.items()}
        inputs = {shard: mark.digests for shard, mark in before.items()}
        code = identity.of_code(windows.__name__)
        stage = Stage(name, self._in(name), code, {}, inputs, sizes, exchanges=True)
        if name == "live_anchors":
            return self.engine.run_exchange(stage, LiveAnchors(self._in("anchors"), stage.folder), sum(sizes.values()))
        return self.engine.run_exchange(stage, Repeats(self._in("windows"), stage.folder), sum(sizes.values()))


@dataclass(frozen=True)
class AfterCut:
    """What the cut leaves of each shard's documents."""

    tokens: str
    cut: str

    def batches(self, shard: int) -> Iterator[pa.RecordBatch]:
        return read_final(self.tokens, self.cut, shard, ["docid", "text"])


def cut_files(engine: Engine, given: str, out: str, how: Cutting, model: str = "", vocabulary: int = 0) -> Counts:
    """Cut repeated passages out of JSONL or Parquet files into `out`/text, and return the counts.

    The tokenizer is `model`, or one is trained on the files, with `vocabulary` pieces or as many as suit them.
    """
    read = alone.gather(engine, given, out)
    size = sum(mark.counts["text_bytes"] for mark in read.marks.values())
    pieces = vocabulary or min(MOST_PIECES, max(LEAST_PIECES, size // BYTES_PER_PIECE))
    ids = tokenize(
        engine,
        read.documents,
        [],
        files.join(out, "tokens"),
        read.digests,
        read.sizes,
        dict.fromkeys(read.marks, alone.SUBSET),
        {alone.SUBSET: 1.0},
        Tokenization(pieces, "none", model=model),
    )
    roles = dict.fromkeys(ids, FULL)
    marks = cut_substrings(engine, files.join(out, "tokens"), files.join(out, "cut"), ids, roles, how)
    made_from = {shard: [read.digests[shard], ids[shard].digests, marks[shard].digests] for shard in marks}
    kept = AfterCut(files.join(out, "tokens"), files.join(out, "cut"))
    alone.write_back(engine, read, kept, made_from, "text")
    unreadable = sum(mark.counts["unreadable"] for mark in read.marks.values())
    return {**total(marks.values()), "unreadable": unreadable}


def main(argv: Sequence[str] | None = None) -> None:
    made = alone.parser("pipelines.cut", "Cut repeated passages out of JSONL or Parquet files.", DONE)
    made.add_argument("--length", type=int, default=50, help="tokens from which a repeat is cut (default: 50)")
    made.add_argument("--minimum", type=int, default=10, help="drop a document left with fewer tokens (default: 10)")
    made.add_argument("--mode", choices=(KEEP_ONE, REMOVE_ALL), default=KEEP_ONE, help="keep the first copy, or none")
    made.add_argument("--tokenizer", default="", metavar="FILE.model", help="SentencePiece model (default: train one)")
    made.add_argument("--vocabulary", type=int, default=0, metavar="N", help="pieces to train (default: by the text)")
    given = made.parse_args(argv)
    try:
        how = Cutting(given.length, given.minimum, given.mode)
        out = given.out.rstrip("/")
        counts = cut_files(alone.engine_of(given), given.given, out, how, given.tokenizer, given.vocabulary)
    except ValueError as error:
        sys.exit(f"pipelines.cut: {error}")
    for name in ("unreadable", *excise.COUNTS):
        print(f"{name:20} {counts[name]:16,}")
    print(f"text in {files.join(out, 'text')}, what was cut in {files.join(out, 'cut', FINAL)}")


if __name__ == "__main__":
    # Under its own name, so that worker processes find its classes.
    from pipelines import cut

    cut.main()
