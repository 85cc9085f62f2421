"""Markup to the text of a page, by compiled loops over its UTF-8 bytes.

`scan` cuts a page into tags and text, `hints` reads what attributes say, `tree` builds the block-level elements,
`score` says which blocks are the text by the `evidence`, by `cards` and by `tails`, `render` writes it, `page` goes
through all of them. `names` and `entities` are the tables, `reference` is the plain definition of scan and tree.
"""

from pathlib import Path

from filters.kernels.stale import forget_stale

HERE = Path(__file__).parent
forget_stale(HERE, [HERE])
