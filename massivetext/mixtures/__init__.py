"""The named mixtures, and users' own from TOML."""

from __future__ import annotations

from pathlib import Path

from filters.rule import suggestion
from massivetext.mixture import Mixture
from massivetext.mixtures.chinchilla import CHINCHILLA
from massivetext.mixtures.gopher import GOPHER
from massivetext.mixtures.written import read, with_rules

__all__ = ["NAMED", "load", "with_rules"]

NAMED = {"gopher": GOPHER, "chinchilla": CHINCHILLA}


def load(name: str) -> Mixture:
    """The mixture of that name, or the one a TOML file describes.

    Raises ValueError for an unknown name (with the nearest known one) and for a file that describes no valid mixture.
    """
    if name in NAMED:
        return NAMED[name]
    if name.endswith(".toml"):
        if not Path(name).is_file():
            raise ValueError(f"no mixture file {name}; give the path of a TOML file or one of {', '.join(NAMED)}")
        return read(Path(name))
    raise ValueError(
        f"no mixture {name!r}{suggestion(name, NAMED)}; known are {', '.join(NAMED)}, or give the path of a .toml file"
    )
