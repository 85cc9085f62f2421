"""Compiled loops over packed arrays: shingles, MinHash, near mates, token windows, test items.

`python -m pipelines.kernels` compiles and caches every kernel of the project, for images and before workers start.
"""

from pathlib import Path

import filters.kernels
from filters.kernels.stale import forget_stale

HERE = Path(__file__).parent
forget_stale(HERE, [HERE, filters.kernels.HERE])
