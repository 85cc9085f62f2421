"""A SentencePiece model and what the stages ask of it: ids, and where each token stands in the canonical
text.

The canonical text is what ids, spans and offsets refer to. It is the mixture's normalisation of a document's
text and then the model's own: the project's models have none, so that decoding an encoded text gives the text
back, whatever it holds. U+2581, SentencePiece's mark for a blank, is kept by writing it as its three byte
pieces.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
import sentencepiece

from pipelines import files

NORMALIZATIONS = ("nfkc", "none")
BLANK = "\u2581"
SEGMENT = 1 << 16
NORMALIZER, CHARSMAP, DUMMY_PREFIX, SQUEEZE = 3, 2, 3, 4


def normalize(text: str, normalization: str) -> str:
    """The text under the mixture's rule, `nfkc` (Gopher) or `none` (Chinchilla)."""
    if normalization == "none" or unicodedata.is_normalized("NFKC", text):
        return text
    return unicodedata.normalize("NFKC", text)


class Encoder:
    """Ids of texts under a SentencePiece model given as bytes.

    Raises ValueError for bytes that are no model, a model without byte fallback or without an end-of-sentence
    piece.
    """

    def __init__(self, model: bytes, name: str = "the model") -> None:
        self._processor = _processor(model, name)
        self.sha256 = hashlib.sha256(model).hexdigest()
        self.vocabulary: int = self._processor.get_piece_size()
        self.eos: int = self._processor.eos_id()
        self.dtype = np.dtype(np.uint16 if self.vocabulary <= 1 << 16 else np.uint32)
        rules = _fields(bytes(_fields(model).get(NORMALIZER, b"")))
        self._prefix = bool(rules.get(DUMMY_PREFIX, True))
        # Whether the model changes nothing, so that a text may be encoded in pieces and decodes to itself.
        self.exact = not (self._prefix or rules.get(SQUEEZE, True) or rules.get(CHARSMAP, b""))
        pieces = [self._processor.id_to_piece(i) for i in range(self.vocabulary)]
        self.piece_bytes = np.array([self._bytes_of(i, piece) for i, piece in enumerate(pieces)], np.int64)
        self._lines = self.exact and not any("\n" in piece and piece != "\n" for piece in pieces)
        self._blank = [self._processor.piece_to_id(f"<0x{byte:02X}>") for byte in BLANK.encode()]

    def _bytes_of(self, piece_id: int, piece: str) -> int:
        if self._processor.is_byte(piece_id):
            return 1
        if self._processor.is_control(piece_id) or self._processor.is_unknown(piece_id):
            return 0
        return len(piece.replace(BLANK, " ").encode())

    def canonical(self, text: str) -> str:
        """The text as the model sees it, to which its ids and their places refer."""
        return text if self.exact else self.decode(self._processor.encode(text))

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text, uint16 (uint32 above 65,536 pieces) [tokens]; no end-of-sentence id is added."""
        segments: list[str] = []
        counts: list[int] = []
        for text in texts:
            before = len(segments)
            segments.extend(self._segments(text))
            counts.append(len(segments) - before)
        ids = iter(self._encode_segments(segments))
        return [self._joined([next(ids) for _ in range(count)]) for count in counts]

    def decode(self, ids: np.ndarray | Sequence[int]) -> str:
        return str(self._processor.decode([int(token) for token in ids]))

    def bounds(self, tokens: np.ndarray) -> np.ndarray:
        """Where tokens begin in the canonical text's UTF-8, and where the last ends, int64 [tokens + 1]."""
        ends = np.concatenate([[0], np.cumsum(self.piece_bytes[tokens])])
        return np.maximum(ends - 1, 0) if self._prefix else ends

    def _segments(self, text: str) -> Iterator[str]:
        """The text in pieces whose ids, one after the other, are the whole text's."""
        if not self.exact:
            yield text
            return
        for part in _with_marks(text):
            start = 0
            while self._lines and len(part) - start > SEGMENT:
                end = part.find("\n", start + SEGMENT) + 1
                if not end:
                    break
                yield part[start:end]
                start = end
            yield part[start:]

    def _encode_segments(self, segments: list[str]) -> list[np.ndarray]:
        plain = [text for text in segments if not (self.exact and text == BLANK)]
        found = iter(self._processor.encode(plain, return_type="numpy", num_threads=1) if plain else [])
        return [np.array(self._blank) if self.exact and text == BLANK else next(found) for text in segments]

    def _joined(self, ids: list[np.ndarray]) -> np.ndarray:
        return (ids[0] if len(ids) == 1 else np.concatenate([np.zeros(0, self.dtype), *ids])).astype(self.dtype)


def load(path: str) -> Encoder:
    """The encoder of a `.model` file. Raises ValueError where the stages cannot use the model."""
    if not files.exists(path):
        raise ValueError(f"no tokenizer model at {path}; name a SentencePiece .model file, or none")
    return Encoder(files.read_bytes(path), path)


def _with_marks(text: str) -> Iterator[str]:
    """The text cut around every U+2581, which SentencePiece would read as a blank."""
    if BLANK not in text:
        yield text
        return
    first, *rest = text.split(BLANK)
    yield first
    for part in rest:
        yield BLANK
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


def _fields(message: bytes) -> dict[int, bytes | int]:
    """Field number -> last value in a protobuf message.

    SentencePiece ships classes for this, but they need a newer protobuf than Beam allows.
    """
    found: dict[int, bytes | int] = {}
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            found[field], at = _varint(message, at)
            continue
        size, at = _varint(message, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
        found[field] = message[at : at + size]
        at += size
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
