"""Gopher's quality and repetition rules together: one tokenisation measures all 21 signals."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from filters import quality, repetition
from filters.kernels import gopher as kernel
from filters.text import buffers

RULES = quality.RULES + repetition.RULES


def measure(texts: Sequence[str] | pa.Array | pa.ChunkedArray, copies: repetition.Copies = "later") -> pa.Table:
    """The 21 signals of each text, one float64 column per signal in the order of `RULES`.

    `copies` is explained at `repetition.measure`, the errors at `filters.text.buffers`.
    """
    values = kernel.measure(*buffers(texts), copies=copies)
    return pa.table(dict(zip(kernel.SIGNALS, values.T.copy(), strict=True)))
