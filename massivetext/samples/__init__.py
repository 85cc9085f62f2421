"""A sample corpus for one machine, with an answer for every document planted in it.

`make` writes it in two editions: `demo`, about 3,000 documents, and `tests`, about 300.
Equal editions, seeds and scales give equal bytes on one version of Python.
`damaged` writes small broken files for tests.
"""

from massivetext.samples.corpus import EDITIONS, make
from massivetext.samples.damage import damaged

__all__ = ["EDITIONS", "damaged", "make"]
