"""Compiled kernels are forgotten when any kernel's source changes.

Numba's cache looks at a function's own file only: a kernel that calls an edited one in another file would go on with
the old machine code, and a stage redone because of the edit would write the old bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

MARK = "kernels.sha256"


def forget_stale(folder: Path, sources: Iterable[Path]) -> bool:
    """Remove what Numba cached beside the kernels of `folder` unless it was made from these `sources` (folders).

    Whether anything was forgotten. Where NUMBA_CACHE_DIR is set (images, whose sources never change) or the folder
    cannot be written, nothing is.
    """
    cache = folder / "__pycache__"
    if "NUMBA_CACHE_DIR" in os.environ or not os.access(folder, os.W_OK):
        return False
    digest = hashlib.sha256()
    for path in sorted(path for source in sources for path in source.glob("*.py")):
        digest.update(path.read_bytes())
    mark = cache / MARK
    if mark.exists() and mark.read_text() == digest.hexdigest():
        return False
    for compiled in cache.glob("*.nb?"):
        compiled.unlink(missing_ok=True)
    cache.mkdir(exist_ok=True)
    mark.write_text(digest.hexdigest())
    return True
