"""fastText models: loaded once per process, asked for many texts at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@cache
def load(path: str | Path) -> Any:
    """The fastText model in the file `path`.

    Raises ValueError if there is no such file, if it is no model, or if fastText is not installed.
    """
    try:
        import fasttext
    except ImportError as error:
        raise ValueError("fastText is not installed; pip install fasttext") from error
    if not Path(path).is_file():
        raise ValueError(f"there is no fastText model at {str(path)!r}; give the path of a .bin or .ftz file")
    try:
        return fasttext.load_model(str(path))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is no fastText model: {error}") from error


def pieces(data: np.ndarray, offsets: np.ndarray, limit: int | None = None) -> Iterator[str]:
    """Each text of the buffers, or its first `limit` bytes cut at a code point, on one line."""
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        stop = end if limit is None else min(end, begin + limit)
        yield data[begin:stop].tobytes().decode("utf-8", "ignore").replace("\n", " ")


def predict(model: Any, texts: Sequence[str], labels: int = 1) -> tuple[list[list[str]], list[np.ndarray]]:
    """The most probable labels of each text (-1: all), without their prefix, and their probabilities.

    Probabilities are rounded to 1e-4 and at most 1, so that no decision hangs on the last bits of a float32
    sum.
    """
    names, values = model.predict(list(texts), k=labels)
    short = [[name.removeprefix("__label__") for name in row] for row in names]
    return short, [np.minimum(np.round(np.asarray(row, np.float64), 4), 1.0) for row in values]
