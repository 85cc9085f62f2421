"""A stream of choices that depends on nothing but the words it is named by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Choices drawn from the blake2b digests of a name: equal names give equal streams on every machine."""

    def __init__(self, *name: object) -> None:
        self._key = hashlib.blake2b("\0".join(map(str, name)).encode(), digest_size=32).digest()
        self._block = 0
        self._numbers: list[int] = []

    def below(self, bound: int) -> int:
        """A number from 0 to bound - 1; up to a bound of 4,096 its 32 bits leave no bias worth naming."""
        if not self._numbers:
            digest = hashlib.blake2b(self._block.to_bytes(8, "little"), key=self._key).digest()
            self._block += 1
            self._numbers = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 64, 4)]
        return self._numbers.pop() % bound

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """`count` different options in drawn order."""
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in range(count)]


def digest(*name: object, size: int = 8) -> bytes:
    """`size` bytes that depend on nothing but the name."""
    return hashlib.blake2b("\0".join(map(str, name)).encode(), digest_size=size).digest()
