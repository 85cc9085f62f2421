"""Documents of a record, from the table beside the shard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordReader

from massivetext.trainer.provenance import documents_of

EOS = 1
LENGTH = 32


@pytest.mark.parametrize("shard", ["books-00001-of-00003", "wikipedia-00000-of-00001"])
def test_a_record_names_every_document_it_holds_a_token_or_separator_of(training_folder: Path, shard: str) -> None:
    records = ArrayRecordReader(str(training_folder / f"{shard}.array_record")).read_all()
    stream = np.frombuffer(b"".join(records), "<u2")
    ends = np.flatnonzero((stream == EOS) & (np.roll(stream, 1) != EOS))  # the fill behind the last is no document
    owner = np.searchsorted(ends, np.arange(ends[-1] + 1))
    for record in range(len(records)):
        found = documents_of(training_folder / f"{shard}.documents.parquet", record, LENGTH)
        numbers = np.unique(owner[record * LENGTH : (record + 1) * LENGTH])
        assert [document.locator for document in found] == [f"{shard}/{number}.txt" for number in numbers]
        assert [document.id for document in found] == [f"{number:032x}" for number in numbers]


def test_without_the_table_no_document_is_named(tmp_path: Path) -> None:
    assert documents_of(tmp_path / "gone.parquet", 0, LENGTH) == []
