"""Compiled loops over Arrow buffers.

`data`, uint8 [bytes], holds the UTF-8 of all texts, `offsets`, int64 [texts + 1], where each begins
and the last ends.

`gopher.measure` gives all 21 signals of quality and repetition. `bits` compares 64 bytes at once, `classes` asks the
running Python about characters, `units` cuts texts into words and lines, `stop_words` finds those, `repeats` and
`ngrams` number what is equal with the hash tables of `tables`, `load` reads eight bytes at once. Each kernel is held to
a plain-Python reference in `filters.quality` and `filters.repetition`, bit for bit.

`fasttext` makes features of texts, `labels` probabilities of features, `descent` a model of labelled features; the
reference is fastText.

The first call compiles (about 10 s), later processes load the result from Numba's cache (0.1 s), which is
forgotten when the source of any kernel changes. `python -m filters.kernels` fills the
cache, for images and before workers start; in an image set NUMBA_CACHE_DIR, NUMBA_CPU_NAME (x86-64-v3) and an
empty NUMBA_CPU_FEATURES, or another machine compiles again.
"""

from pathlib import Path

from filters.kernels.stale import forget_stale

HERE = Path(__file__).parent
forget_stale(HERE, [HERE])


def warm_up() -> list[str]:
    """Compile and cache every kernel by calling it once; the names of the kernels."""
    from filters import gopher, language  # here, since importing `filters.kernels` alone need not load Numba

    for texts in ([], ["a b a b\n\nc"]):
        gopher.measure(texts)
    language.measure(["a"])
    return ["gopher", "fasttext"]
