"""Validation loss of each subset in bits per byte of text, so that runs with other tokenizers can be compared."""

from __future__ import annotations

import itertools
import math
from functools import partial

import jax
import numpy as np
from jax.sharding import Mesh

from massivetext.trainer.config import ModelConfig
from massivetext.trainer.data import Batch, Record, as_batch, stored_records
from massivetext.trainer.manifest import TrainingData
from massivetext.trainer.model import Parameters, summed_loss
from massivetext.trainer.step import place
from pipelines.tokenization import tokenizer


class Validation:
    """Measures parameters on the held-out documents; without any it measures nothing.

    Of each subset the first `most` records are read; `rows` of them go through the model at a time.
    """

    def __init__(self, data: TrainingData, config: ModelConfig, rows: int, most: int, mesh: Mesh) -> None:
        self._rows, self._mesh = rows, mesh
        self._loss = jax.jit(
            lambda parameters, batch: summed_loss(config, parameters, {name: array[0] for name, array in batch.items()})
        )
        self._subsets: dict[str, tuple[list[Batch], int]] = {}
        for name, shards in data.valid.items():
            encoder = tokenizer.load(str(data.tokenizer))
            stored = stored_records(data, shards)
            read = [stored[number] for number in range(min(most, len(stored)))]
            batches = _in_parts(as_batch(read, data, config.context), rows)
            self._subsets[name] = batches, text_bytes(encoder, read)

    def measure(self, parameters: Parameters) -> dict[str, float]:
        """Bits per byte of text by subset.

        The bits are those of every stored token and of the separator that ends each document; the bytes are the
        UTF-8 of the documents, to which a separator adds none.
        """
        return {
            name: sum(map(partial(self._nats, parameters), batches)) / math.log(2) / size
            for name, (batches, size) in self._subsets.items()
            if size
        }

    def _nats(self, parameters: Parameters, batch: Batch) -> float:
        return float(self._loss(parameters, place(batch, 1, self._mesh)))


def text_bytes(encoder: tokenizer.Encoder, records: list[Record]) -> int:
    """Bytes of canonical text that the tokens of consecutive records stand for, without the fill."""
    ids = np.concatenate([tokens[:length] for tokens, length in records])
    ends = np.flatnonzero(ids == encoder.eos) + 1
    bounds = np.unique([0, *ends, len(ids)])
    return int(encoder.sizes(ids, bounds).sum())


def _in_parts(batch: Batch, rows: int) -> list[Batch]:
    """The batch cut into parts of so many rows, the last filled with rows that do not count."""
    total = len(batch["inputs"])
    filled = {name: np.pad(array, ((0, -total % rows), (0, 0))) for name, array in batch.items()}
    bounds = range(0, total + rows, rows)
    return [
        {name: array[start:end] for name, array in filled.items()}
        for start, end in itertools.pairwise(bounds)
        if start < total
    ]
