"""fastText models: loaded once per process, asked for many texts at once, without fastText."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from filters import fasttext_format

if TYPE_CHECKING:
    from filters.kernels.fasttext import Vocabulary
    from filters.kernels.labels import Network

DECIMALS = 4


@dataclass(frozen=True)
class Classifier:
    """A model as the kernel takes it: `vocabulary` and `network` are its tuples of arrays."""

    labels: list[str]
    vocabulary: Vocabulary
    network: Network

    def probabilities(self, data: np.ndarray, offsets: np.ndarray, limit: int | None = None) -> np.ndarray:
        """The probability of each label for each text of the buffers, float64 [texts, labels], in steps of 1e-4.

        Of the first `limit` bytes of a text, where given. A text without a token has zeros.
        """
        from filters.kernels import fasttext, labels  # here, since rules alone need no compiler

        largest = int(np.diff(offsets).max(initial=0))
        room = fasttext.work_space(largest if limit is None else min(largest, limit), self.vocabulary)
        values = np.zeros((len(offsets) - 1, len(self.labels)))
        end = np.frombuffer(b"</s>", np.uint8)
        labels.measure(
            data, offsets, -1 if limit is None else limit, self.vocabulary, self.network,
            fasttext.hash_of(end, 0, len(end)), *room, values,
        )  # fmt: skip
        return np.round(values, DECIMALS)


@cache
def load(path: str | Path) -> Classifier:
    """The fastText model in the file `path`; raises ValueError if there is no such file or if it is no classifier."""
    if not Path(path).is_file():
        raise ValueError(f"there is no fastText model at {str(path)!r}; give the path of a .bin or .ftz file")
    try:
        return classifier(fasttext_format.read(Path(path).read_bytes()))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is no fastText model that classifies: {error}") from error


def probability(path: str | Path, label: str, data: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The probability of one label of a model for each text; raises ValueError if there is no such label."""
    model = load(path)
    if label not in model.labels:
        known = ", ".join(sorted(model.labels))[:200]
        raise ValueError(f"{str(path)!r} has no label '__label__{label}'; its labels: {known}")
    return model.probabilities(data, offsets)[:, model.labels.index(label)]


def classifier(model: fasttext_format.Model) -> Classifier:
    """The model as the kernel takes it."""
    from filters.kernels.labels import Network

    counts = model.counts[model.words :].tolist()
    children = (
        fasttext_format.tree(counts) if model.loss == fasttext_format.HIERARCHICAL else np.zeros((0, 2), np.int32)
    )
    columns = np.ascontiguousarray(model.outputs.T, np.float64)
    network = Network(model.rows, columns, children, model.loss)
    return Classifier(model.labels, vocabulary(model), network)


def vocabulary(model: fasttext_format.Model) -> Vocabulary:
    """How tokens become rows of the model's input matrix, with the hash tables that find them."""
    from filters.kernels import fasttext as kernel

    starts = np.concatenate([[0], np.cumsum([len(entry) for entry in model.entries])]).astype(np.int64)
    letters = np.frombuffer(b"".join(model.entries), np.uint8)
    slots = np.full(_slots_for(len(model.entries)), kernel.EMPTY, np.int32)
    kernel.fill_slots(letters, starts, slots)
    size = 0 if model.pruned is None else _slots_for(len(model.pruned))
    keys, rows = np.full((2, size), kernel.EMPTY, np.int32)
    kept = np.zeros(0 if model.pruned is None else model.buckets // 8 + 1, np.uint8)
    if model.pruned is not None:
        kernel.fill_pruned(kept, keys, rows, *np.ascontiguousarray(model.pruned.T))
    end = model.entries.index(b"</s>") if b"</s>" in model.entries[: model.words] else kernel.EMPTY
    return kernel.Vocabulary(
        letters, starts, slots, kept, keys, rows, model.words, end, model.shortest, model.longest, model.word_ngrams,
        model.buckets, 1.0 / max(1, model.buckets),
    )  # fmt: skip


def _slots_for(entries: int) -> int:
    """A power of two of at least twice as many slots."""
    return 1 << (2 * entries).bit_length()
