"""Chinchilla's mixture (Hoffmann et al. 2022, Table A1): Gopher's subsets at other weights, a tokenizer without NFKC.

The paper sees MassiveWeb and Wikipedia for more than one epoch (1.24 and 3.40 of 1.4T tokens), hence their limits.
"""

from __future__ import annotations

from dataclasses import replace

from massivetext.mixture import Mixture, Tokenizer
from massivetext.mixtures.gopher import SUBSETS

WEIGHTS = {"massiveweb": 0.45, "books": 0.30, "c4": 0.10, "news": 0.10, "github": 0.04, "wikipedia": 0.01}
EPOCHS = {"massiveweb": 1.24, "wikipedia": 3.40}

CHINCHILLA = Mixture(
    name="chinchilla",
    subsets=tuple(
        replace(subset, weight=WEIGHTS[subset.name], max_epochs=EPOCHS.get(subset.name, 1.0)) for subset in SUBSETS
    ),
    tokenizer=Tokenizer(normalization="none"),
)
