"""An exact cache of words in front of a SentencePiece model: a text's ids are its units' ids, one after the other.

That holds where the model merges pairs (BPE) and no piece of it crosses the place where a unit ends. `WordCache.of`
reads both from the model itself, and gives none where it does not hold: such a model's texts are encoded whole.

Units are cut after the model's own normaliser, so its blanks are those that it makes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.kernels import words
from pipelines.kernels.words import ALONE, BLANK, PLAIN, Memory, Pieces
from pipelines.modelfile import MARK, Kind, ModelFile, Piece

MARK_BYTES = MARK.encode()
# Stands for a U+2581 of the text itself: bytes of no UTF-8, as many as it has, that stand alone.
OWN_MARK = bytes([0xF8, 0xF9, 0xFA])
SLOTS = 1 << 20
TEXT_WORDS = 1 << 20
IDS = 1 << 21


@dataclass
class WordCache:
    """Ids of normalised texts. Holds at most 48 MB, however much text it sees."""

    pieces: Pieces
    memory: Memory

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    @staticmethod
    def of(model: ModelFile, slots: int = SLOTS) -> WordCache | None:
        """The cache for a model, or None where its texts cannot be encoded unit by unit."""
        if not _parts_at_units(model):
            return None
        pieces = _arrays(model.pieces)
        memory = Memory(
            np.zeros((slots, 3), np.uint64), np.zeros(TEXT_WORDS * slots // SLOTS, np.uint64),
            np.zeros(IDS * slots // SLOTS, np.int32), np.zeros(3, np.int64),
        )  # fmt: skip
        return WordCache(pieces, memory)

    def encode(self, data: np.ndarray, offsets: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        """Ids of all texts, and int64 [texts + 1] where each text's begin and the last ends.

        `data`, uint8: their UTF-8 with blanks as blanks and U+2581 as OWN_MARK; `offsets` where each text begins.
        """
        out = np.empty(int(offsets[-1] - offsets[0]), dtype)
        ends = np.zeros(len(offsets), np.int64)
        inside = words.padded(data[offsets[0] : offsets[-1]])
        with self._lock:
            words.encode(inside, offsets - offsets[0], self.pieces, self.memory, out, ends)
        return out[: ends[-1]], ends


def _parts_at_units(model: ModelFile) -> bool:
    """Whether a text's ids are its units' ids, as far as the model's pieces can tell; where in doubt, no."""
    by_text = {piece.text: piece for piece in model.pieces}
    merging = [piece for piece in model.pieces if not piece.reserved]
    fallback = [by_text.get(f"<0x{byte:02X}>") for byte in range(256)]
    return (
        model.merges_pairs
        and model.marks_blanks
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
    raw = [piece.bytes for piece in pieces]
    ends = np.cumsum([0, *map(len, raw)])
    text = words.padded(b"".join(raw))
    merging = [i for i, piece in enumerate(pieces) if not piece.reserved]
    table = np.zeros(1 << (4 * len(raw)).bit_length(), np.int32)
    words.fill_table(text, ends, np.array(merging, np.int64), table)
    symbol = np.array([piece.kind == Kind.USER_DEFINED for piece in pieces])
    opens = np.zeros(256, bool)
    opens[[raw[i][0] for i in np.flatnonzero(symbol)]] = True
    ids = {piece.text: i for i, piece in enumerate(pieces)}
    fallback = np.array([ids[f"<0x{byte:02X}>"] for byte in range(256)], np.int32)
    kind, single = _alone([pieces[i] for i in merging], ids, fallback)
    return Pieces(
        text=text,
        ends=ends,
        score=np.array([piece.score for piece in pieces], np.float32),
        symbol=symbol,
        table=table,
        opens=opens,
        byte=fallback,
        kind=kind,
        single=single,
        longest=max(len(raw[i]) for i in merging),
        longest_symbol=max((len(raw[i]) for i in np.flatnonzero(symbol)), default=0),
    )


def _alone(merging: Sequence[Piece], ids: Mapping[str, int], fallback: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`kind` and `single` of every byte: alone stands an ASCII character that no piece of several characters holds."""
    inside = set(b"".join(piece.bytes for piece in merging if len(piece.text) > 1))
    own = {piece.text for piece in merging}
    kind, single = np.full(256, PLAIN, np.uint8), fallback.copy()
    kind[ord(" ")] = BLANK
    for byte in sorted(set(range(128)) - inside):
        text = MARK if byte == ord(" ") else chr(byte)
        kind[byte], single[byte] = ALONE, ids[text] if text in own else fallback[byte]
    for stand_in, byte in zip(OWN_MARK, MARK_BYTES, strict=True):
        kind[stand_in], single[stand_in] = ALONE, fallback[byte]
    return kind, single
