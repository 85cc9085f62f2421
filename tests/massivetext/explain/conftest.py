"""A build explained, document by document."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from massivetext.explain.corpus import Corpus
from massivetext.explain.explained import Explained
from massivetext.explain.fate import Fates


@pytest.fixture(scope="session")
def told(built: Path) -> dict[tuple[str, int], Explained]:
    """Every document of the build explained, by source and record."""
    fates = Fates(Corpus(str(built)))
    found = {}
    for path in sorted((built / "documents").glob("*.parquet")):
        for docid in pq.read_table(path, columns=["docid"]).column("docid").to_pylist():
            explained = fates.explain(str(docid), docid)
            assert explained is not None
            assert explained.document is not None
            found[explained.document.source, explained.document.record] = explained
    return found
