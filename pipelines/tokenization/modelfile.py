"""What a SentencePiece `.model` file says of itself beyond what SentencePiece's Python interface tells.

The file is a protobuf message. SentencePiece ships classes for it, but they need a newer protobuf than Beam allows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TypeVar

MARK = "\u2581"  # how pieces write a blank
BPE = 2
Value = int | bytes
T = TypeVar("T", int, bytes)


class Kind(IntEnum):
    """What a piece is for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Piece:
    """One entry of the vocabulary; `text` has U+2581 where the piece holds a blank."""

    text: str
    score: float
    kind: Kind

    @property
    def reserved(self) -> bool:
        """Whether no stretch of text is ever this piece as it stands."""
        return self.kind in (Kind.UNKNOWN, Kind.CONTROL, Kind.BYTE)

    @cached_property
    def bytes(self) -> bytes:
        """The UTF-8 that the piece stands for, were it text."""
        return self.text.replace(MARK, " ").encode()


@dataclass(frozen=True)
class ModelFile:
    """A model's pieces in order of their ids, and what it does to a text before it cuts it."""

    pieces: tuple[Piece, ...]
    merges_pairs: bool
    dummy_prefix: bool
    dummy_suffix: bool
    squeezes: bool
    marks_blanks: bool
    maps_characters: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether a text's pieces, joined, are the text."""
        return not (self.dummy_prefix or self.squeezes or self.maps_characters) and self.marks_blanks

    @property
    def only_prefixes(self) -> bool:
        """Whether all it does to a text is to put a blank before it."""
        prefixes = self.dummy_prefix and not self.dummy_suffix
        return prefixes and not (self.squeezes or self.maps_characters) and self.marks_blanks


def read(model: bytes) -> ModelFile:
    """What the bytes of a `.model` file hold; they must be ones that SentencePiece has loaded."""
    pieces, parts = [], {2: b"", 3: b"", 5: b""}
    for number, value in _entries(model):
        if number == 1 and isinstance(value, bytes):
            pieces.append(_piece(value))
        elif number in parts and isinstance(value, bytes):
            parts[number] += value  # protobuf merges what stands twice
    training, rules, back = (dict(_entries(parts[number])) for number in (2, 3, 5))
    return ModelFile(
        pieces=tuple(pieces),
        merges_pairs=_get(training, 3, 1) == BPE,
        dummy_prefix=bool(_get(rules, 3, 1)),
        dummy_suffix=bool(_get(training, 24, 0)),
        squeezes=bool(_get(rules, 4, 1)),
        marks_blanks=bool(_get(rules, 5, 1)),
        maps_characters=bool(_get(rules, 2, b"") or _get(back, 2, b"")),
    )


def _piece(message: bytes) -> Piece:
    entries = dict(_entries(message))
    (score,) = struct.unpack("<f", _get(entries, 2, bytes(4)))
    return Piece(_get(entries, 1, b"").decode(), score, Kind(_get(entries, 3, int(Kind.NORMAL))))


def _get(entries: dict[int, Value], number: int, default: T) -> T:
    value = entries.get(number, default)
    if type(value) is not type(default):
        raise ValueError(f"field {number} of the model is {value!r}, expected {type(default).__name__}")
    return value


def _entries(message: bytes) -> Iterator[tuple[int, Value]]:
    """Field numbers and values of a protobuf message, in order."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        size, at = _varint(message, at) if wire == 2 else ({1: 8, 5: 4}[wire], at)
        yield number, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
