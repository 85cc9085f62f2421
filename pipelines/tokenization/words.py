"""An exact cache of words in front of a SentencePiece model: a text's ids are its units' ids, one after the other.

That holds where the model merges pairs (BPE) and no piece of it crosses the place where a unit ends. `WordCache.of`
reads both from the model itself, and gives none where it does not hold: such a model's texts are encoded whole.

Units are cut after the model's own normaliser, so its blanks are those that it makes.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.kernels import merges, words
from pipelines.kernels.merges import ID_BITS, NO_PIECE, Pieces
from pipelines.kernels.words import ALONE, BLANK, INLINE, PLAIN, Memory
from pipelines.tokenization.modelfile import MARK, Kind, ModelFile, Piece

MARK_BYTES = MARK.encode()
# Stands for a U+2581 of the text itself: bytes of no UTF-8, as many as it has, that stand alone.
OWN_MARK = bytes([0xF8, 0xF9, 0xFA])
SLOTS = 1 << 20


@dataclass
class WordCache:
    """Ids of normalised texts. Holds at most 56 MB, however much text it sees.

    `kind` and `single`, [256]: what a byte is to the units, and the piece for a byte that stands alone.
    """

    pieces: Pieces
    kind: np.ndarray
    single: np.ndarray
    memory: Memory

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @staticmethod
    def of(model: ModelFile, slots: int = SLOTS) -> WordCache | None:
        """The cache for a model, or None where its texts cannot be encoded unit by unit."""
        if not _parts_at_units(model):
            return None
        memory = Memory(
            slots=np.zeros((slots, 4), np.uint64),
            text=np.zeros(slots, np.uint64),
            ids=np.zeros(2 * slots, np.int32),
            used=np.zeros(3, np.int64),
        )
        return WordCache(_arrays(model.pieces), *_alone(model.pieces), memory)

    def encode(self, data: np.ndarray, offsets: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts, and int64 [texts + 1] where each text's begin and the last ends.

        `data`, uint8: their UTF-8 with blanks as blanks and U+2581 as OWN_MARK; `offsets` where each text begins.
        """
        out = np.empty(int(offsets[-1] - offsets[0]) + INLINE, dtype)
        ends = np.zeros(len(offsets), np.int64)
        inside = merges.padded(data[offsets[0] : offsets[-1]])
        with self._lock:
            words.encode(inside, offsets - offsets[0], self.kind, self.single, self.pieces, self.memory, out, ends)
        return out[: ends[-1]], ends


def _parts_at_units(model: ModelFile) -> bool:
    """Whether a text's ids are its units' ids, as far as the model's pieces can tell; where in doubt, no."""
    by_text = {piece.text: piece for piece in model.pieces}
    merging = [piece for piece in model.pieces if not piece.reserved]
    fallback = [by_text.get(f"<0x{byte:02X}>") for byte in range(256)]
    return (
        model.merges_pairs
        and model.marks_blanks
        and len(model.pieces) < 1 << (ID_BITS - 1)
        and not model.dummy_suffix
        and all(piece is not None and piece.kind == Kind.BYTE for piece in fallback)
        and MARK in {piece.text for piece in merging}
        and not any(_crosses_a_unit(piece.text) for piece in merging)
        # SentencePiece looks these up, or takes them apart again, in ways of their own.
        and not any(len(piece.text) == 1 for piece in model.pieces if piece.reserved)
        and not any(piece.kind == Kind.UNUSED or " " in piece.text for piece in model.pieces)
    )


def _crosses_a_unit(piece: str) -> bool:
    """Whether a piece goes on with a blank after something else."""
    return MARK in piece.lstrip(MARK)


def _arrays(pieces: Sequence[Piece]) -> Pieces:
    """The vocabulary as the kernel reads it."""
    merging = [i for i, piece in enumerate(pieces) if not piece.reserved]
    own = {pieces[i].text for i in merging}
    inner = sorted({c for i in merging for c in pieces[i].text} - own)
    raw = [piece.bytes for piece in pieces] + [c.encode() for c in inner]
    ends = np.cumsum([0, *map(len, raw)])
    text = merges.padded(b"".join(raw))
    known = np.array([*merging, *range(len(pieces), len(raw))], np.int64)
    table = np.zeros(_room(len(raw)), np.int32)
    merges.fill_table(text, ends, known, table)
    symbol = np.zeros(len(raw), bool)
    symbol[: len(pieces)] = [piece.kind == Kind.USER_DEFINED for piece in pieces]
    made = np.array([i for i in merging if not symbol[i]], np.int64)
    ways = merges.find_pairs(text, ends, table, made, symbol)
    pairs = np.zeros(_room(len(ways)), np.uint64)
    merges.fill_pairs(ways, pairs)
    opens = np.zeros(256, np.int64)
    for i in np.flatnonzero(symbol):
        opens[raw[i][0]] = max(opens[raw[i][0]], len(raw[i]))
    ids = {raw[i]: i for i in known.tolist()}
    score = np.array([piece.score for piece in pieces], np.float32)
    return Pieces(
        text=text,
        ends=ends,
        table=table,
        pairs=pairs,
        rank=np.unique(-score, return_inverse=True)[1].astype(np.int64),
        symbol=symbol,
        character=np.array([ids.get(bytes([byte]), NO_PIECE) for byte in range(256)], np.int32),
        opens=opens,
        byte=_fallback(pieces),
        vocabulary=len(pieces),
    )


def _room(entries: int) -> int:
    """Slots of a hash table that is at most half full: a power of two."""
    return 1 << (2 * entries + 1).bit_length()


def _fallback(pieces: Sequence[Piece]) -> np.ndarray:
    """The piece for each byte, int32 [256]."""
    ids = {piece.text: i for i, piece in enumerate(pieces)}
    return np.array([ids[f"<0x{byte:02X}>"] for byte in range(256)], np.int32)


def _alone(pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """`kind` and `single` of every byte: alone stands an ASCII character that no piece of several characters holds."""
    ids = {piece.bytes: i for i, piece in enumerate(pieces) if not piece.reserved}
    inside = set(b"".join(piece.bytes for piece in pieces if not piece.reserved and len(piece.text) > 1))
    kind, single = np.full(256, PLAIN, np.uint8), _fallback(pieces)
    kind[ord(" ")] = BLANK
    for byte in sorted(set(range(128)) - inside):
        kind[byte], single[byte] = ALONE, ids.get(bytes([byte]), single[byte])
    for stand_in, byte in zip(OWN_MARK, MARK_BYTES, strict=True):
        kind[stand_in], single[stand_in] = ALONE, single[byte]
    return kind, single


def warm_up() -> None:
    """Compile and cache the kernels by encoding with a vocabulary of bytes."""
    fallback = [Piece(f"<0x{byte:02X}>", 0.0, Kind.BYTE) for byte in range(256)]
    pieces = (*fallback, *(Piece(text, 0.0, Kind.NORMAL) for text in (MARK, "a", "b", "ab")))
    cache = WordCache.of(ModelFile(pieces, True, False, False, False, True, False), slots=16)
    assert cache is not None
    data = np.frombuffer(b"ab ab", np.uint8)
    cache.encode(data, np.array([0, len(data)]), np.dtype(np.uint16))
