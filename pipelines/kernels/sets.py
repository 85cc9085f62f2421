"""Jaccard of sorted sets in integers: above p / q means strictly above.

With n and m members and c in common, c / (n + m - c) > p / q exactly if c (p + q) > p (n + m).
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def least_overlap(n: int, m: int, p: int, q: int) -> int:
    """Common members that sets of n and m need."""
    return p * (n + m) // (p + q) + 1


@njit(cache=True)
def least_size(n: int, p: int, q: int) -> int:
    """Members of the smallest set that can be near one of n."""
    return p * n // q + 1


@njit(cache=True)
def greatest_size(n: int, p: int, q: int) -> int:
    """Members of the largest set that can be near one of n."""
    return (q * n - 1) // p


@njit(cache=True)
def overlap(left: np.ndarray, a: int, a_end: int, right: np.ndarray, b: int, b_end: int, least: int) -> int:
    """Common members of left[a:a_end] and right[b:b_end], or -1 as soon as `least` cannot be reached."""
    spare_left = a_end - a - least
    spare_right = b_end - b - least
    common = 0
    while spare_left >= 0 and spare_right >= 0 and a < a_end and b < b_end:
        x, y = left[a], right[b]
        if x == y:
            common += 1
            a += 1
            b += 1
        elif x < y:
            a += 1
            spare_left -= 1
        else:
            b += 1
            spare_right -= 1
    return common if common >= least else -1
