"""The gzip decoder against zlib: bytes, places and causes are the same on whole, cut and damaged members."""

from __future__ import annotations

import gzip
import random
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from zlib_ng import zlib_ng

from pipelines.sources.decoders import DECODER_ERRORS, Decoder

Trace = tuple[list[tuple[int, int]], bytes, str]
WORDS = ("the", "of", "and", "to", "in", "that", "was", "his", "he", "it", "with", "is", "for", "not", "be", "her")


def text(seed: int, size: int) -> bytes:
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) + str(chosen.randrange(99)) for _ in range(size // 6)).encode()


def mistreated(data: bytes, how: str, at: int, seed: int) -> bytes:
    """The bytes cut at a place, or with a flipped bit, noise, or a gap there."""
    noise = random.Random(seed)
    at %= len(data)
    match how:
        case "cut":
            return data[:at]
        case "bit":
            return data[:at] + bytes([data[at] ^ 1 << noise.randrange(8)]) + data[at + 1 :]
        case "noise":
            return data[:at] + noise.randbytes(30) + data[at + 30 :]
        case "gap":
            return data[:at] + data[at + noise.randrange(1, 50) :]
    return data


def trace(state: Any, data: bytes, chunk: int, limit: int) -> Trace:
    """Each call's output bytes and stored bytes used so far; all the output; how it ended."""
    steps: list[tuple[int, int]] = []
    output, held, taken = b"", b"", 0
    while not state.eof:
        if not held:
            held = data[taken : taken + chunk]
            taken += len(held)
        if not held:
            return steps, output, "cut"
        try:
            part = state.decompress(held, limit)
        except (zlib.error, zlib_ng.error) as error:
            return steps, output, str(error)
        held = state.unconsumed_tail or state.unused_data
        output += part
        steps.append((len(part), taken - len(held)))
    return steps, output, "whole"


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 1 << 20),
    size=st.sampled_from([6, 300, 5000, 200_000]),
    level=st.sampled_from([0, 1, 6, 9]),
    how=st.sampled_from(["whole", "cut", "bit", "noise", "gap"]),
    at=st.integers(0, 1 << 20),
    chunk=st.sampled_from([1000, 1 << 16]),
    limit=st.sampled_from([4096, 1 << 16, 1 << 18]),
)
@example(seed=1, size=200_000, level=6, how="bit", at=30_000, chunk=1 << 16, limit=1 << 16)
def test_the_gzip_decoder_gives_what_zlib_gives(
    seed: int, size: int, level: int, how: str, at: int, chunk: int, limit: int
) -> None:
    stored = mistreated(gzip.compress(text(seed, size), level, mtime=0), how, at, seed) + b"what follows"
    expected = trace(zlib.decompressobj(wbits=31), stored, chunk, limit)
    assert trace(zlib_ng.decompressobj(wbits=31), stored, chunk, limit) == expected


@pytest.mark.parametrize("size", [1 << 16, 64 << 20])
def test_a_member_never_yields_more_than_the_limit_at_a_time(size: int) -> None:
    decoder, stored, found = Decoder("gzip"), gzip.compress(bytes(size), mtime=0), 0
    while not decoder.ended:
        output, stored = decoder.decode(stored, 4096)
        assert len(output) <= 4096
        found += len(output)
    assert (found, stored) == (size, b"")


@pytest.mark.parametrize("codec", ["gzip", "bzip2", "xz", "zstd"])
def test_what_a_decoder_raises_on_rubbish_is_known(codec: str) -> None:
    with pytest.raises(DECODER_ERRORS):
        Decoder(codec).decode(b"no member of any kind, but long enough for a header", 100)
