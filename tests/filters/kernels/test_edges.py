"""The kernel equals the reference where its blocks of 64 bytes meet, and where hashes collide."""

from __future__ import annotations

import numpy as np
import pytest

from filters import gopher, quality, repetition
from filters.kernels.load import PADDING
from filters.kernels.tables import GOLDEN, OTHER, hash_of

WRAP = 1 << 64


def expected(text: str) -> dict[str, float]:
    return quality.reference(text) | repetition.reference(text)


@pytest.mark.parametrize(
    "piece",
    [
        "...", "......", "....", "\u2026", "the", "(with)", "the-end", "\r\n", "\r", "\n\n", " \n \n", "\u2028",
        "\u3000", "12345", "#", "\u4e2d\u6587", "\U0001d518", "-- --", "caf\u00e9", "end...\nnext", "end\u2026\nnext",
        "\u2022 item\n",
    ],
)  # fmt: skip
def test_whatever_stands_across_the_edge_of_a_block(piece):
    texts = []
    for before in range(54, 67):
        for filler in ("x", ".", " ", "-", "a ", "\n", "7", "\u00e9", "the "):
            head = (filler * 70).encode()[:before].decode("utf-8", "ignore")
            texts += [head + piece, head + piece + "tail of the text", head + piece + " " + piece]
    assert gopher.measure(texts).to_pylist() == [expected(text) for text in texts]


@pytest.mark.parametrize("size", [*range(6, 34), 63, 64, 65, 128])
def test_words_and_lines_that_differ_in_one_byte_only(size):
    word = "w" * size
    others = [word[:i] + "v" + word[i + 1 :] for i in range(size)] + [word + "w", word[1:]]
    texts = [f"{word} and {other} and {word} and\n{word}\n{other}\n{other}" for other in others]
    assert gopher.measure(texts).to_pylist() == [expected(text) for text in texts]


def test_words_of_equal_hash_are_still_two_words():
    word, other = colliding()
    assert word != other
    one, two = (np.frombuffer(text.encode() + bytes(PADDING), np.uint8) for text in (word, other))
    assert hash_of(one, 0, 16) == hash_of(two, 0, 16)
    for text in (f"{word} is {other} is", f"{word} is {word} is {other} is", f"{word}\n{other}\n\n{other}\n\n{word}"):
        assert gopher.measure([text]).to_pylist() == [expected(text)]
    assert expected(f"{word} is {other} is")["top_2"] == 0.0


def colliding() -> tuple[str, str]:
    """Two words of 16 letters to which `hash_of` gives one value: mixed(first half) + second half * OTHER is equal."""
    first, second = b"collide!", b"00000000"
    total = mixed(number(first)) + number(second) * OTHER
    for count in range(1, 1_000_000):
        changed = f"{count:08d}".encode()
        half = unmixed((total - number(changed) * OTHER) % WRAP).to_bytes(8, "little")
        if all(0x21 <= byte < 0x7F for byte in half):
            return (first + second).decode(), (half + changed).decode()
    raise AssertionError("no collision among a million")


def number(half: bytes) -> int:
    return int.from_bytes(half, "little")


def mixed(code: int) -> int:
    code = (code ^ code >> 32) * GOLDEN % WRAP
    return code ^ code >> 29


def unmixed(code: int) -> int:
    for shift in (29, 58):
        code ^= code >> shift
    code = code * pow(GOLDEN, -1, WRAP) % WRAP
    return code ^ code >> 32
