"""A SentencePiece model and what the stages ask of it: ids, and where each token stands in the canonical text.

The canonical text is what ids, spans and offsets refer to. It is the mixture's normalisation of a document's text and
then the model's own: the project's models have none, so that decoding an encoded text gives the text back, whatever it
holds. U+2581, SentencePiece's mark for a blank, is kept by writing it as its three byte pieces.
"""

from __future__ import annotations

import hashlib
import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

import numpy as np
import pyarrow as pa
import sentencepiece

from filters.text import buffers
from pipelines import files
from pipelines.tokenization import modelfile
from pipelines.tokenization.modelfile import MARK, Kind, Piece
from pipelines.tokenization.words import MARK_BYTES, OWN_MARK, WordCache

NORMALIZATIONS = ("nfkc", "none")


def normalize(text: str, normalization: str) -> str:
    """The text under the mixture's rule, `nfkc` (Gopher) or `none` (Chinchilla)."""
    if normalization == "none" or text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text
    return unicodedata.normalize("NFKC", text)


class Encoder:
    """Ids of texts under a SentencePiece model given as bytes.

    Raises ValueError for bytes that are no model, a model without byte fallback or without an end-of-sentence piece.
    """

    def __init__(self, model: bytes, name: str = "the model") -> None:
        self._processor = _processor(model, name)
        self.sha256 = hashlib.sha256(model).hexdigest()
        self.eos: int = self._processor.eos_id()
        self._model = modelfile.read(model)
        self.vocabulary = len(self._model.pieces)
        self.dtype = np.dtype(np.uint16 if self.vocabulary <= 1 << 16 else np.uint32)
        # Whether the model changes nothing, so that a text decodes to itself.
        self.exact = self._model.changes_nothing
        self.piece_bytes = np.array([_size(piece) for piece in self._model.pieces], np.int64)
        self._own_mark = [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in MARK_BYTES]

    @cached_property
    def _words(self) -> WordCache | None:
        """Made for the first text, since it takes most of a second and places of tokens do without."""
        return WordCache.of(self._model)

    @property
    def by_words(self) -> bool:
        """Whether texts are encoded word by word; else the model's pieces forbid it, and they are encoded whole."""
        return self._words is not None

    def canonical(self, text: str) -> str:
        """The text as the model sees it, to which its ids and their places refer."""
        if self.exact:
            return text
        if self._model.only_prefixes:
            return text.replace(MARK, " ")
        return self.decode(self.encode([text])[0])

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text, uint16 (uint32 above 65,536 pieces) [tokens]; no end-of-sentence id is added."""
        ids, bounds = self.encode_column(pa.array(texts, pa.large_string()))
        return [ids[start:end] for start, end in itertools.pairwise(bounds.tolist())]

    def encode_column(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts, one after the other, and int64 [texts + 1] where each text's begin and the last ends."""
        if self._words is None:
            found = [self._whole(text) for text in texts.to_pylist()]
            bounds = np.cumsum([0, *map(len, found)])
            return np.concatenate([np.zeros(0, self.dtype), *found]).astype(self.dtype), bounds
        if not self.exact:
            texts = pa.array([self._normalised(text) for text in texts.to_pylist()], pa.large_string())
        data, offsets = buffers(texts)
        raw = data.tobytes()
        if MARK_BYTES in raw:
            data = np.frombuffer(raw.replace(MARK_BYTES, OWN_MARK), np.uint8)
        return self._words.encode(data, offsets, self.dtype)

    def decode(self, ids: np.ndarray | Sequence[int]) -> str:
        return str(self._processor.decode([int(token) for token in ids]))

    def bounds(self, tokens: np.ndarray) -> np.ndarray:
        """Where tokens begin in the canonical text's UTF-8, and where the last ends, int64 [tokens + 1]."""
        ends = np.concatenate([[0], np.cumsum(self.piece_bytes[tokens])])
        return np.maximum(ends - 1, 0) if self._model.dummy_prefix else ends

    def sizes(self, ids: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        """Bytes of canonical text that each text's ids stand for, int64 [texts]; `bounds` as `encode_column` gives."""
        ends = np.concatenate([[0], np.cumsum(self.piece_bytes[ids])])[bounds]
        sizes = np.diff(ends)
        return np.maximum(sizes - 1, 0) if self._model.dummy_prefix else sizes

    def _normalised(self, text: str) -> str:
        """The text after the model's own normaliser, blanks as blanks."""
        if self._model.only_prefixes:
            return f" {text}".replace(MARK, " ") if text else text
        return str(self._processor.normalize(text)).replace(MARK, " ")

    def _whole(self, text: str) -> np.ndarray:
        parts = list(_with_marks(text)) if self.exact else [text]
        ids = [self._own_mark if self.exact and part == MARK else self._processor.encode(part) for part in parts]
        return np.array([token for part in ids for token in part], self.dtype)


def load(path: str) -> Encoder:
    """The encoder of a `.model` file. Raises ValueError where the stages cannot use the model.

    One is kept per process, so that the words it has met serve the next shard too.
    """
    if not files.exists(path):
        raise ValueError(f"no tokenizer model at {path}; name a SentencePiece .model file, or none")
    return _encoder(files.read_bytes(path), path)


@lru_cache(maxsize=1)
def _encoder(model: bytes, path: str) -> Encoder:
    return Encoder(model, path)


def _size(piece: Piece) -> int:
    """Bytes of canonical text that a piece stands for."""
    if piece.kind == Kind.BYTE:
        return 1
    return 0 if piece.reserved else len(piece.bytes)


def _with_marks(text: str) -> Iterator[str]:
    """The text cut around every U+2581, which SentencePiece would read as a blank."""
    first, *rest = text.split(MARK)
    yield first
    for part in rest:
        yield MARK
        yield part


def _processor(model: bytes, name: str) -> sentencepiece.SentencePieceProcessor:
    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except (RuntimeError, OSError) as error:
        raise ValueError(f"{name} is no SentencePiece model: {error}") from error
    if not processor.is_byte(processor.piece_to_id("<0x00>")):
        raise ValueError(f"{name} has no byte pieces; train it with byte_fallback=true, or let the build train one")
    if processor.eos_id() < 0:
        raise ValueError(f"{name} has no end-of-sentence piece, which ends every document; train it with one")
    return processor
