import dataclasses

import numpy as np
import pytest

from pipelines import documents, files
from pipelines.duplicates.scope import may_fall
from pipelines.duplicates.signatures import BANDS, KEPT, ShingleSets, Signatures
from pipelines.kernels.shingles import shingle_set

ROLES = (("web", "full"), ("books", "reference"), ("code", "none"))
TEXTS = ["one two three", "", "so many words " * 20, "... !", "four five"]


def write_shard(folder, shard, subset, texts, ranks=None):
    """A documents file with the columns that duplicate search reads."""
    rows = [
        {"docid": documents.docid(shard, row), "rank": ranks[row] if ranks else row, "subset": subset, "text": text,
         "text_hash": documents.text_hash(text.encode())}
        for row, text in enumerate(texts)
    ]  # fmt: skip
    columns = {name: [row.get(name) for row in rows] for name in documents.SCHEMA.names}
    table = documents.pa.table(columns, schema=documents.SCHEMA)
    batches = [table[:2], table[2:]]
    return documents.write_batches(documents.shard_file(folder, shard), documents.SCHEMA, batches)


def signed(tmp_path, subset, drops=(), **settings):
    write_shard(str(tmp_path / "documents"), 3, subset, TEXTS)
    work = Signatures(str(tmp_path / "documents"), drops, str(tmp_path / "signatures"), ROLES, **settings)
    result = work.run(3)
    return result, np.fromfile(tmp_path / "signatures" / "00003.bands", BANDS)


def test_each_band_row_leads_to_its_documents_shingle_set(tmp_path):
    result, rows = signed(tmp_path, "web")
    with_words = [0, 2, 4]
    assert sorted(rows["docid"].tolist()) == sorted([documents.docid(3, row) for row in with_words] * 32)
    sets, offsets = ShingleSets(str(tmp_path / "signatures")).fetch(rows)
    for row, start, stop in zip(rows, offsets[:-1], offsets[1:], strict=True):
        assert sets[start:stop].tolist() == shingle_set(TEXTS[row["docid"] & 0xFFFFFFFF])
    assert result.counts == {"documents": 3, "shingles": sum(len(shingle_set(t)) for t in TEXTS), "bands": 96}
    assert [f.name for f in result.files] == ["00003.shingles", "00003.bands"]


def test_rows_are_sorted_by_key_and_files_are_the_same_when_made_again(tmp_path):
    first, rows = signed(tmp_path, "web")
    assert (rows["key"][1:] >= rows["key"][:-1]).all()
    assert signed(tmp_path, "web")[0] == first


def test_reference_documents_are_kept_from_the_start_and_cannot_fall(tmp_path):
    _, rows = signed(tmp_path, "books")
    assert (rows["state"] == KEPT).all()
    assert not may_fall(rows["rank"]).any()
    assert (np.argsort(rows["rank"], kind="stable") == np.argsort(rows["docid"], kind="stable")).all()


def test_dropped_documents_and_subsets_without_a_role_in_it_have_no_rows(tmp_path):
    gone = np.array([documents.docid(3, 2)])
    table = documents.drops_table(gone, "exact_duplicate", np.ones(1), 1.0, gone)
    documents.write_drops(str(tmp_path / "drops"), 3, table)
    _, rows = signed(tmp_path, "web", (str(tmp_path / "drops"),))
    assert set((rows["docid"] & 0xFFFFFFFF).tolist()) == {0, 4}
    result, rows = signed(tmp_path, "code")
    assert len(rows) == 0
    assert result.counts["documents"] == 0
    assert files.size(str(tmp_path / "signatures" / "00003.shingles")) == 0


def test_shingle_length_and_bands_are_settings(tmp_path):
    _, rows = signed(tmp_path, "web", permutations=12, bands=4, words=2)
    assert len(rows) == 3 * 4
    assert rows["count"][rows["docid"] == documents.docid(3, 0)].tolist() == [2] * 4


def test_a_subset_without_a_role_is_named(tmp_path):
    with pytest.raises(ValueError, match="subset 'news' has role None; give it one of full, reference, none"):
        signed(tmp_path, "news")
    work = Signatures(str(tmp_path / "documents"), (), str(tmp_path), (("news", "half"),))
    with pytest.raises(ValueError, match="subset 'news' has role 'half'"):
        dataclasses.replace(work).run(3)
