"""Compile and cache every kernel of filters and pipelines by calling each once."""

from __future__ import annotations

import time

import numpy as np

from filters.kernels import warm_up as warm_up_filters
from filters.text import buffers
from pipelines.duplicates.rounds import Round
from pipelines.duplicates.signatures import Signatures
from pipelines.html.page import warm_up as warm_up_html
from pipelines.kernels.contain import ItemSets, best_matches
from pipelines.kernels.shingles import shingle_sets
from pipelines.kernels.substrings import warm_up as warm_up_substrings
from pipelines.tokenization.words import warm_up as warm_up_words


def main() -> None:
    started = time.monotonic()
    warm_up_filters()
    Signatures("", (), "", ()).warm_up()
    Round("", "", "").warm_up()
    texts = shingle_sets(*buffers(["a text"]))
    items = ItemSets.of(*texts, np.ones(1, bool))
    best_matches(*texts, items, items.directory())
    warm_up_substrings()
    warm_up_words()
    warm_up_html()
    print(f"kernels compiled and cached in {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
