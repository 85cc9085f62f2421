"""Labelled texts -> a fastText model of two labels, the same bytes for the same texts, settings and seed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from filters import model as models
from filters.fasttext_format import PREFIX, Model
from filters.kernels import descent, fasttext
from filters.text import buffers

SOFTMAX = 3
LOOKS = 50_000
END = b"</s>"
SPACE = re.compile(rb"[ \t\n\v\f\r\0]+")  # what fastText splits at


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of a model: words seen `min_count` times, word n-grams up to `word_ngrams` in `buckets` rows of `dimension`.

    `shortest` and `longest` are the characters of subwords, 0 for none; `epochs` passes, 0 for 5 to 50 that look at
    50,000 texts, at a rate that falls from `rate` to 0.
    """

    dimension: int = 16
    word_ngrams: int = 2
    buckets: int = 1 << 16
    shortest: int = 0
    longest: int = 0
    min_count: int = 2
    epochs: int = 0
    rate: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("dimension", 1), ("word_ngrams", 1), ("buckets", 1), ("min_count", 1), ("epochs", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {least}")
        if not 0 <= self.shortest <= self.longest or (self.longest and not self.shortest):
            raise ValueError(
                f"subwords of {self.shortest} to {self.longest} characters: expected 1 or more, the shorter first"
            )


def passes(settings: Settings, texts: int) -> int:
    """Epochs over so many texts."""
    return settings.epochs or min(50, max(5, LOOKS // max(1, texts)))


def train(texts: Sequence[str], positive: Sequence[bool], label: str, settings: Settings) -> Model:
    """A model with the labels `label` and `not_` + label, trained on the texts.

    Raises ValueError unless there are texts of both kinds.
    """
    kinds = Counter(map(bool, positive))
    if len(kinds) < 2:
        raise ValueError(f"{kinds[True]} texts are {label} and {kinds[False]} are not; training needs both")
    model = _untrained([text.encode() for text in texts], kinds, label, settings)
    data, offsets = buffers(texts)
    starts, features = _features(data, offsets, models.vocabulary(model))
    wanted = np.array([model.labels.index(label if is_so else f"not_{label}") for is_so in positive])
    epochs = range(passes(settings, len(texts)))
    order = np.concatenate([_shuffled(len(texts), settings.seed, epoch) for epoch in epochs])
    columns = np.zeros((settings.dimension, 2))
    descent.descend(starts, features, wanted, order, settings.rate, model.rows, columns)
    model.outputs[:] = columns.T
    return model


def _untrained(texts: Sequence[bytes], kinds: Counter[bool], label: str, settings: Settings) -> Model:
    """The model before its first step: words by falling count, rows drawn evenly around 0, outputs 0."""
    counts = Counter(token for text in texts for token in SPACE.split(text))
    words = [
        (word, count)
        for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if count >= settings.min_count and word not in (b"", END) and not word.startswith(PREFIX.encode())
    ]
    words.insert(0, (END, len(texts)))
    named = {True: label, False: f"not_{label}"}
    labels = [((PREFIX + named[kind]).encode(), count) for kind, count in kinds.most_common()]
    entries = [*words, *labels]
    has_buckets = settings.word_ngrams > 1 or settings.longest > 0
    height = len(words) + (settings.buckets if has_buckets else 0)
    return Model(
        tuple(entry for entry, _ in entries), np.array([count for _, count in entries], np.int64), len(words),
        settings.dimension, settings.word_ngrams, settings.shortest, settings.longest,
        settings.buckets if has_buckets else 0, SOFTMAX, None,
        _drawn(height, settings.dimension, settings.seed), np.zeros((2, settings.dimension), np.float32),
    )  # fmt: skip


def _features(data: np.ndarray, offsets: np.ndarray, vocabulary: fasttext.Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Where each text's features start, int64 [texts + 1], and the features, int32."""
    room = fasttext.work_space(int(np.diff(offsets).max(initial=0)), vocabulary)
    code = fasttext.hash_of(np.frombuffer(END, np.uint8), 0, len(END))
    starts = np.zeros(len(offsets), np.int64)
    descent.features_of(data, offsets, vocabulary, code, *room, starts, np.zeros(0, np.int32))
    features = np.zeros(max(1, starts[-1]), np.int32)
    descent.features_of(data, offsets, vocabulary, code, *room, starts, features)
    return starts, features


def _shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.argsort(_mixed(np.arange(count, dtype=np.uint64), seed, epoch + 1), kind="stable")


def _drawn(height: int, width: int, seed: int) -> np.ndarray:
    """Numbers between -1 / width and 1 / width, float32 [height, width]."""
    mixed = _mixed(np.arange(height * width, dtype=np.uint64), seed, 0)
    share = (mixed >> np.uint64(40)).astype(np.float64) / (1 << 24)
    return ((2.0 * share - 1.0) / width).astype(np.float32).reshape(height, width)


def _mixed(numbers: np.ndarray, seed: int, purpose: int) -> np.ndarray:
    """64 well-mixed bits of each number, other ones for another seed and purpose (SplitMix64)."""
    mixed = numbers + np.uint64((seed * 0x9E3779B97F4A7C15 + purpose * 0xD1B54A32D192ED03) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
    return mixed ^ mixed >> np.uint64(31)
