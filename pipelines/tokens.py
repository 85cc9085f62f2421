"""Tokenize: a sample of every shard, one tokenizer trained on them, every kept document as token ids.

The text is normalised here, once; ids, spans and cuts refer to this canonical text from here on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import documents, files, identity
from pipelines.stage import Mark, Result, Stage
from pipelines.tokenization import tokenizer, vocabulary
from pipelines.tokenization.tokenizer import Encoder

if TYPE_CHECKING:
    from pipelines.engine import Engine

KEPT, SAMPLE, MODEL, ENCODED = "kept", "sample", "model", "encoded"
MODEL_NAME = "tokenizer.model"
SAMPLE_SCHEMA = pa.schema([("id", pa.binary(16)), ("text", pa.large_string())])
CARRIED = ["docid", "id", "rank", "split", "locator"]
# CPU seconds per MB of text, measured; they only order work and choose processes.
KEPT_COST, SAMPLE_COST, ENCODE_COST = 0.01, 0.05, 0.1


@dataclass(frozen=True)
class Tokenization:
    """How text becomes ids. `model`: path of a SentencePiece model to use as it is; else one is trained.

    `normalization` is `nfkc` or `none`, `seed` draws the sample, `sample_bytes` is about how much text it has.
    """

    vocabulary: int = 32_000
    normalization: str = "nfkc"
    seed: int = 0
    model: str = ""
    sample_bytes: int = 100_000_000

    def __post_init__(self) -> None:
        if self.normalization not in tokenizer.NORMALIZATIONS:
            raise ValueError(f"normalization is {self.normalization!r}, expected 'nfkc' or 'none'")


def schema(dtype: np.dtype) -> pa.Schema:
    """Columns of an encoded shard, with ids of `dtype`."""
    ids = pa.large_list(pa.from_numpy_dtype(dtype))
    fixed = [documents.SCHEMA.field(name) for name in CARRIED]
    fields = [*fixed, pa.field("text", pa.large_string()), pa.field("tokens", ids)]
    return pa.schema(fields, metadata={"massivetext.tokens": str(documents.FORMAT)})


def model_path(folder: str) -> str:
    """Where `tokenize(..., folder)` leaves the model."""
    return files.join(folder, MODEL, MODEL_NAME)


def encoded(folder: str) -> str:
    """Where `tokenize(..., folder)` leaves the encoded documents."""
    return files.join(folder, ENCODED)


def sample_rates(weights: Mapping[str, float], available: Mapping[str, int], wanted: int) -> dict[str, float]:
    """Share of each subset's documents to sample, so that about `wanted` bytes come, as the weights say.

    `available`: bytes of kept text per subset.
    """
    total = sum(weights[name] for name in sorted(weights))
    shares = {name: wanted * weight / total for name, weight in weights.items()}
    return {name: min(1.0, share / max(1, available.get(name, 0))) for name, share in shares.items()}


@dataclass(frozen=True)
class Kept:
    """Counts the bytes of a shard's kept text."""

    documents: str
    drops: tuple[str, ...]

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def run(self, shard: int) -> Result:
        batches = documents.read_kept(self.documents, self.drops, shard, ["text"])
        return Result([], {"bytes": sum(pc.sum(pc.binary_length(b.column("text"))).as_py() or 0 for b in batches)})


@dataclass(frozen=True)
class Sample:
    """Draws a shard's documents for training the tokenizer, whole. `rates`: the share to draw, per shard."""

    documents: str
    drops: tuple[str, ...]
    out: str
    rates: Mapping[int, float]
    seed: int
    normalization: str

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def run(self, shard: int) -> Result:
        counts = {"documents": 0, "bytes": 0}
        path = documents.shard_file(self.out, shard)
        written = documents.write_batches(path, SAMPLE_SCHEMA, self._batches(shard, counts))
        return Result([written], counts)

    def _batches(self, shard: int, counts: dict[str, int]) -> Iterator[pa.Table]:
        bound = int(self.rates[shard] * (1 << 64))
        for batch in documents.read_kept(self.documents, self.drops, shard, ["docid", "id", "text"]):
            ids = batch.column("id").to_pylist()
            rows = [row for row, i in enumerate(ids) if documents.keyed(self.seed, "tokenizer", i) < bound]
            if rows:
                texts = batch.column("text").take(pa.array(rows)).to_pylist()
                normal = [tokenizer.normalize(text, self.normalization) for text in texts]
                counts["documents"] += len(rows)
                counts["bytes"] += sum(len(text.encode()) for text in normal)
                yield pa.table({"id": [ids[row] for row in rows], "text": normal}, schema=SAMPLE_SCHEMA)


@dataclass(frozen=True)
class Model:
    """The tokenizer, a stage of one shard: trained on the samples, or the user's own, checked and copied."""

    samples: tuple[str, ...]
    out: str
    how: Tokenization

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def run(self, shard: int) -> Result:
        path = files.join(self.out, MODEL_NAME)
        if self.how.model:
            tokenizer.load(self.how.model)
            written = files.write_bytes(path, files.read_bytes(self.how.model))
        else:
            samples = [files.local_copy(sample) for sample in self.samples]
            with files.local_temporary(path) as local:
                vocabulary.train(samples, local, self.how.vocabulary)
                written = files.publish(local, path)
        return Result([written], {"pieces": tokenizer.load(path).vocabulary})


@dataclass(frozen=True)
class Encode:
    """A shard's kept documents as canonical text and token ids."""

    documents: str
    drops: tuple[str, ...]
    model: str
    out: str
    normalization: str

    def warm_up(self) -> None:
        tokenizer.load(self.model).encode(["a word"])

    def run(self, shard: int) -> Result:
        encoder = tokenizer.load(self.model)
        counts = {"documents": 0, "tokens": 0, "bytes": 0}
        batches = self._batches(shard, encoder, counts)
        written = documents.write_batches(documents.shard_file(self.out, shard), schema(encoder.dtype), batches)
        return Result([written], counts)

    def _batches(self, shard: int, encoder: Encoder, counts: dict[str, int]) -> Iterator[pa.Table]:
        for batch in documents.read_kept(self.documents, self.drops, shard, [*CARRIED, "text"]):
            if not len(batch):
                continue
            raw = batch.column("text").to_pylist()
            canonical = (encoder.canonical(tokenizer.normalize(text, self.normalization)) for text in raw)
            texts = pa.array(canonical, pa.large_string())
            ids, bounds = encoder.encode_column(texts)
            sizes = pc.binary_length(texts).to_numpy()
            _check_places(encoder, ids, bounds, sizes, batch.column("docid"))
            counts["documents"] += len(texts)
            counts["tokens"] += len(ids)
            counts["bytes"] += int(sizes.sum())
            columns = [batch.column(name) for name in CARRIED]
            columns += [texts, pa.LargeListArray.from_arrays(bounds, ids)]
            yield pa.Table.from_arrays(columns, schema=schema(encoder.dtype))


def token_lists(ids: list[np.ndarray], dtype: np.dtype) -> pa.LargeListArray:
    """Arrays of ids, one per document, as an Arrow column."""
    offsets = np.cumsum([0, *map(len, ids)])
    return pa.LargeListArray.from_arrays(offsets, np.concatenate([np.zeros(0, dtype), *ids]).astype(dtype))


def flat_tokens(column: pa.LargeListArray) -> tuple[np.ndarray, np.ndarray]:
    """All ids of a `tokens` column, read-only, and int64 [documents + 1] where documents begin and end."""
    offsets = column.offsets.to_numpy()
    ids = column.flatten().to_numpy().view()
    # Numba compiles once per kind of array; the empty column's would be writable.
    ids.flags.writeable = False
    return ids, offsets - offsets[0]


def _check_places(encoder: Encoder, ids: np.ndarray, bounds: np.ndarray, sizes: np.ndarray, docids: pa.Array) -> None:
    """Raise ValueError unless every document's ids stand for as many bytes as its text has."""
    meant = encoder.sizes(ids, bounds)
    for row in np.flatnonzero(meant != sizes):
        raise ValueError(
            f"document {docids[row].as_py()}: its ids stand for {meant[row]} bytes, the text has {sizes[row]}; "
            "the tokenizer's own normalisation is not stable, use a model with the identity rule"
        )


def tokenize(
    engine: Engine,
    folder: str,
    drops: list[str],
    out: str,
    inputs: Mapping[int, Any],
    sizes: Mapping[int, int],
    subsets: Mapping[int, str],
    weights: Mapping[str, float],
    how: Tokenization,
) -> dict[int, Mark]:
    """Run the stages in sub-folders of `out` and return the marks of the encoded shards.

    `folder` and `drops`: the documents and the sidecars that drop from them. Per shard: `inputs`, what it is made from
    (digests of those files), `sizes`, its bytes of text, `subsets`, whose it is. `weights`: the subsets' shares of the
    sample's bytes.
    """
    samples = {} if how.model else _sample(engine, folder, drops, out, inputs, sizes, subsets, weights, how)
    model = _model(engine, out, samples, how)
    stage = Stage(
        "encode",
        encoded(out),
        identity.of_code(__name__),
        {"normalization": how.normalization},
        {shard: [made_from, model.digests] for shard, made_from in inputs.items()},
        sizes,
    )
    work = Encode(folder, tuple(drops), model_path(out), stage.folder, how.normalization)
    return engine.run_shards(stage, work, ENCODE_COST)


def _sample(
    engine: Engine,
    folder: str,
    drops: list[str],
    out: str,
    inputs: Mapping[int, Any],
    sizes: Mapping[int, int],
    subsets: Mapping[int, str],
    weights: Mapping[str, float],
    how: Tokenization,
) -> dict[int, Mark]:
    code = identity.of_code(__name__)
    measure = Stage("kept", files.join(out, KEPT), code, {}, inputs, sizes)
    kept = engine.run_shards(measure, Kept(folder, tuple(drops)), KEPT_COST)
    available = dict.fromkeys(weights, 0)
    for shard, mark in sorted(kept.items()):
        available[subsets[shard]] += mark.counts["bytes"]
    of_subset = sample_rates(weights, available, how.sample_bytes)
    rates = {shard: of_subset[subsets[shard]] for shard in inputs}
    stage = Stage(
        "sample",
        files.join(out, SAMPLE),
        code,
        {"seed": how.seed, "normalization": how.normalization},
        {shard: [made_from, rates[shard]] for shard, made_from in inputs.items()},
        sizes,
    )
    work = Sample(folder, tuple(drops), stage.folder, rates, how.seed, how.normalization)
    return engine.run_shards(stage, work, SAMPLE_COST)


def _model(engine: Engine, out: str, samples: Mapping[int, Mark], how: Tokenization) -> Mark:
    own = tokenizer.load(how.model).sha256 if how.model else ""
    made_from = [own, [samples[shard].digests for shard in sorted(samples)]]
    settings = {"vocabulary": 0 if own else how.vocabulary}
    code = identity.of_code(vocabulary.__name__, tokenizer.__name__)
    stage = Stage("tokenizer", files.join(out, MODEL), code, settings, {0: made_from}, {0: 0})
    sample_files = tuple(documents.shard_file(files.join(out, SAMPLE), shard) for shard in sorted(samples))
    return engine.run_shards(stage, Model(sample_files, stage.folder, how), SAMPLE_COST)[0]
