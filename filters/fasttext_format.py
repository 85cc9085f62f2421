"""fastText's model files, read into arrays and written from them: dense (.bin) and quantised (.ftz), version 12."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAGIC, VERSION = 793712314, 12
HIERARCHICAL, SUPERVISED = 1, 3
LOSSES = (1, 2, 3, 4)
CENTROIDS = 256
WORD, LABEL = 0, 1
ARGUMENTS = ("dim", "ws", "epoch", "min_count", "neg", "word_ngrams", "loss", "model", "bucket", "minn", "maxn", "rate")
PREFIX = "__label__"


@dataclass(frozen=True)
class Model:
    """A supervised model. Entries are its words, then its labels, each in the order of the file.

    `pruned` maps buckets to rows behind those of the words (int32 [kept, 2]); None if every bucket has its row.
    """

    entries: tuple[bytes, ...]
    counts: np.ndarray  # int64 [entries]
    words: int
    dimension: int
    word_ngrams: int
    shortest: int
    longest: int
    buckets: int
    loss: int
    pruned: np.ndarray | None
    rows: np.ndarray  # float32 [rows, dimension]
    outputs: np.ndarray  # float32 [labels, dimension]

    @property
    def labels(self) -> list[str]:
        """The labels without their prefix."""
        return [entry.decode("utf-8", "replace").removeprefix(PREFIX) for entry in self.entries[self.words :]]


class _Reader:
    """The next values of a file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def values(self, form: str) -> tuple:
        found = struct.unpack_from("<" + form, self.data, self.position)
        self.position += struct.calcsize("<" + form)
        return found

    def array(self, kind: str, *shape: int) -> np.ndarray:
        found = np.frombuffer(self.data, kind, int(np.prod(shape, dtype=np.int64)), self.position)
        self.position += found.nbytes
        return found.reshape(shape)

    def name(self) -> bytes:
        end = self.data.index(b"\0", self.position)
        found = self.data[self.position : end]
        self.position = end + 1
        return found


def read(data: bytes) -> Model:
    """The model in the bytes of a file; a quantised matrix is decoded to float32.

    Raises ValueError, saying why, for bytes that are no supervised model of this format.
    """
    try:
        return _read(_Reader(data))
    except (struct.error, ValueError) as error:
        raise ValueError(f"not a supervised fastText model of version {VERSION}: {error}") from error


def _read(reader: _Reader) -> Model:
    magic, version = reader.values("2i")
    if magic != MAGIC:
        raise ValueError("the file does not begin as such models do")
    if version not in (11, VERSION):
        raise ValueError(f"its version is {version}")
    settings = dict(zip(ARGUMENTS, reader.values("12i"), strict=True))
    reader.values("d")
    if settings["model"] != SUPERVISED or settings["loss"] not in LOSSES:
        raise ValueError("it holds word vectors without a classifier")
    entries, counts, words, pruned = _dictionary(reader)
    (quantised,) = reader.values("?")
    rows = _quantised(reader) if quantised else _dense(reader)
    (outputs_quantised,) = reader.values("?")
    outputs = _quantised(reader) if quantised and outputs_quantised else _dense(reader)
    has_buckets = settings["word_ngrams"] > 1 or settings["maxn"] > 0
    kept = 0 if not has_buckets else settings["bucket"] if pruned is None else len(pruned)
    if has_buckets and settings["bucket"] < 1:
        raise ValueError("it asks for n-grams but has no buckets for them")
    if rows.shape[0] < words + kept or outputs.shape[0] != len(entries) - words or rows.shape[1] != outputs.shape[1]:
        raise ValueError(
            f"its matrices {rows.shape} and {outputs.shape} do not fit its {words} words and {kept} buckets"
        )
    return Model(
        tuple(entries), np.array(counts, np.int64), words, rows.shape[1], settings["word_ngrams"], settings["minn"],
        0 if version == 11 else settings["maxn"], settings["bucket"], settings["loss"], pruned, rows, outputs,
    )  # fmt: skip


def _dictionary(reader: _Reader) -> tuple[list[bytes], list[int], int, np.ndarray | None]:
    size, words, labels, _, pruned = reader.values("3iqq")
    entries, counts, kinds = [], [], []
    for _ in range(size):
        entries.append(reader.name())
        count, kind = reader.values("qb")
        counts.append(count)
        kinds.append(kind)
    if kinds != [WORD] * words + [LABEL] * labels or not labels:
        raise ValueError("its dictionary is not words followed by labels")
    return entries, counts, words, None if pruned < 0 else reader.array("<i4", pruned, 2)


def _dense(reader: _Reader) -> np.ndarray:
    height, width = reader.values("qq")
    return reader.array("<f4", height, width)


def _quantised(reader: _Reader) -> np.ndarray:
    (has_norms,) = reader.values("?")
    height, width = reader.values("qq")
    (size,) = reader.values("i")
    codes = reader.array("u1", size)
    decode = _product_quantiser(reader)
    rows = decode(codes.reshape(height, -1))[:, :width]
    if has_norms:
        norm_codes = reader.array("u1", height)
        rows = rows * _product_quantiser(reader)(norm_codes[:, None])
    return np.ascontiguousarray(rows)


def _product_quantiser(reader: _Reader):  # type: ignore[no-untyped-def]
    """A function from codes, uint8 [rows, parts], to rows: each part of a row is one of 256 centroids."""
    dimension, parts, width, last = reader.values("4i")
    centroids = reader.array("<f4", dimension * CENTROIDS)
    edge = (parts - 1) * width * CENTROIDS

    def decode(codes: np.ndarray) -> np.ndarray:
        whole = centroids[:edge].reshape(parts - 1, CENTROIDS, width)
        tail = centroids[edge:].reshape(CENTROIDS, last)
        return np.concatenate([*(whole[i][codes[:, i]] for i in range(parts - 1)), tail[codes[:, -1]]], axis=1)

    return decode


def write(model: Model, epochs: int, tokens: int) -> bytes:
    """The model as a dense .bin file that fastText loads; it was trained for `epochs` on `tokens`."""
    settings = {
        "dim": model.dimension, "ws": 5, "epoch": epochs, "min_count": 1, "neg": 5, "word_ngrams": model.word_ngrams,
        "loss": model.loss, "model": SUPERVISED, "bucket": model.buckets, "minn": model.shortest,
        "maxn": model.longest, "rate": 100,
    }  # fmt: skip
    labels = len(model.entries) - model.words
    parts = [struct.pack("<2i12id", MAGIC, VERSION, *(settings[name] for name in ARGUMENTS), 1e-4)]
    parts.append(struct.pack("<3iqq", len(model.entries), model.words, labels, tokens, -1))
    for place, (entry, count) in enumerate(zip(model.entries, model.counts.tolist(), strict=True)):
        parts.append(entry + b"\0" + struct.pack("<qb", count, WORD if place < model.words else LABEL))
    for matrix in (model.rows, model.outputs):
        parts += [struct.pack("<?qq", False, *matrix.shape), matrix.astype("<f4").tobytes()]
    return b"".join(parts)


def tree(counts: Sequence[int]) -> np.ndarray:
    """Children of each inner node of the labels' Huffman tree, int32 [labels - 1, 2]: left, right.

    Nodes below `labels` are leaves, labels by falling count; inner node n is child `labels + n`.
    """
    labels = len(counts)
    weight = [*counts, *[10**15] * (labels - 1)]
    children = np.zeros((max(0, labels - 1), 2), np.int32)
    leaf, inner = labels - 1, labels
    for node in range(labels, 2 * labels - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[inner]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        weight[node] = weight[pair[0]] + weight[pair[1]]
        children[node - labels] = pair
    return children
