from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import buffers
from pipelines import documents
from pipelines.duplicates.copies import Exact
from pipelines.duplicates.rounds import Round, bucket_answers, near_duplicates, settle, surviving_rows
from pipelines.duplicates.signatures import BANDS, Signatures
from pipelines.engine import Engine
from pipelines.exchange import sort_rows
from pipelines.kernels import minhash
from pipelines.kernels.shingles import shingle_set, shingle_sets
from pipelines.stage import Stage, read_marks, write_mark

THRESHOLD = Fraction("0.8")
ORDER = ("key", "rank", "docid")


@dataclass
class Document:
    shard: int
    rank: int
    text: str
    subset: str = "web"
    row: int = -1
    shingles: set[int] = field(default_factory=set)

    @property
    def docid(self):
        return documents.docid(self.shard, self.row)


def numbered(found):
    """The documents with their rows in their shards."""
    rows = {}
    for document in found:
        document.row = rows.setdefault(document.shard, 0)
        rows[document.shard] += 1
        document.shingles = set(shingle_set(document.text))
    return found


def band_keys(texts, permutations=256, bands=32):
    return minhash.band_keys(minhash.signatures(*shingle_sets(*buffers(texts)), permutations), bands)


def greedy(found, keys):
    """The docids that fall, each with its possible partners: one document after the other, in survivor order."""
    bands = {document.docid: set(row.tolist()) for document, row in zip(found, keys, strict=True)}
    kept, fallen = [], {}
    in_order = sorted(found, key=lambda d: (d.subset != "reference", d.rank, d.docid))
    for document in in_order:
        partners = [
            other for other in kept
            if bands[other.docid] & bands[document.docid]
            and Fraction(len(other.shingles & document.shingles), len(other.shingles | document.shingles)) > THRESHOLD
        ]  # fmt: skip
        if partners and document.subset != "reference":
            fallen[document.docid] = {other.docid for other in partners}
        else:
            kept.append(document)
    return fallen


def rounds_in_memory(found, keys, batch_bytes):
    """The rounds of `near_duplicates` without engine or files: every shard's rows, the same pure functions."""
    sets = {document.docid: np.array(sorted(document.shingles), np.uint64) for document in found}

    def fetch(rows):
        chosen = [sets[docid] for docid in rows["docid"].tolist()]
        return np.concatenate([np.zeros(0, np.uint64), *chosen]), np.cumsum([0, *map(len, chosen)])

    rows = {document.shard: np.zeros(0, BANDS) for document in found}
    for document, row in zip(found, keys, strict=True):
        mine = np.zeros(len(row), BANDS)
        mine["key"], mine["docid"], mine["count"] = row, document.docid, len(document.shingles)
        mine["state"] = document.subset == "reference"
        mine["rank"] = document.rank - (2**63 if document.subset == "reference" else 0)
        rows[document.shard] = np.concatenate([rows[document.shard], mine])
    drops, rounds, waiting = [], 0, True
    while waiting:
        answers = bucket_answers(sort_rows(np.concatenate(list(rows.values())), ORDER), fetch, "0.8", batch_bytes)
        waiting, rounds = False, rounds + 1
        for shard in rows:
            mine = answers[answers["docid"] >> 32 == shard]
            dropped, still = settle(mine)
            rows[shard] = surviving_rows(rows[shard], mine, dropped["docid"], still)
            drops.append(dropped)
            waiting = waiting or len(still) > 0
    return np.concatenate(drops), rounds


def words(start, stop):
    return [f"w{n}" for n in range(start, stop)]


@st.composite
def corpora(draw):
    """Chains (a window moved along one text), copies with changed words, and unrelated documents, over three shards."""
    found = []
    for _ in range(draw(st.integers(2, 24))):
        start = draw(st.integers(0, 3)) * 1000 + draw(st.integers(0, 30))
        text = words(start, start + draw(st.sampled_from([14, 60, 150, 160])))
        for place in draw(st.lists(st.integers(0, len(text) - 1), max_size=2)):
            text[place] = f"changed{draw(st.integers(0, 3))}"
        subset = draw(st.sampled_from(["web", "web", "web", "reference"]))
        found.append(Document(draw(st.integers(0, 2)), draw(st.integers(0, 12)), " ".join(text), subset))
    return numbered(found)


@given(corpora(), st.sampled_from([(256, 32), (16, 16)]), st.sampled_from([1, 64 << 20]))
@settings(deadline=None, max_examples=60)
def test_rounds_drop_exactly_what_the_sequential_greedy_drops(found, scheme, batch_bytes):
    keys = band_keys([document.text for document in found], *scheme)
    want = greedy(found, keys)
    drops, _ = rounds_in_memory(found, keys, batch_bytes)
    assert sorted(drops["docid"].tolist()) == sorted(want)
    shingles = {document.docid: document.shingles for document in found}
    for drop in drops:
        a, b = shingles[int(drop["docid"])], shingles[int(drop["partner"])]
        assert int(drop["partner"]) in want[int(drop["docid"])]
        assert (drop["shared"], drop["union"]) == (len(a & b), len(a | b))


def test_a_chain_in_order_keeps_every_second_link_and_takes_a_round_per_link():
    found = numbered([Document(0, n, " ".join(words(12 * n, 12 * n + 200))) for n in range(6)])
    keys = np.zeros((6, 1), np.uint64)
    drops, rounds = rounds_in_memory(found, keys, 64 << 20)
    assert (drops["docid"].tolist(), drops["partner"].tolist(), rounds) == ([1, 3, 5], [0, 2, 4], 6)


@pytest.mark.parametrize(("length", "falls"), [(129, False), (130, True)])
def test_one_changed_word_of_129_is_at_the_threshold_and_of_130_above_it(length, falls):
    text = words(0, length)
    changed = [*text[:60], "other", *text[61:]]
    found = numbered([Document(0, 1, " ".join(text)), Document(0, 2, " ".join(changed))])
    drops, _ = rounds_in_memory(found, np.zeros((2, 1), np.uint64), 64 << 20)
    assert [tuple(drop) for drop in drops.tolist()] == ([(1, 0, 105, 131)] if falls else [])


# Through Beam, files and sidecars.


def write_corpus(folder, found):
    shards = sorted({document.shard for document in found} | {7})
    for shard in shards:
        mine = [d for d in found if d.shard == shard]
        columns = {name: [None] * len(mine) for name in documents.SCHEMA.names}
        for name in ("docid", "rank", "subset", "text"):
            columns[name] = [getattr(d, name) for d in mine]
        columns["text_hash"] = [documents.text_hash(d.text.encode()) for d in mine]
        table = documents.pa.table(columns, schema=documents.SCHEMA)
        documents.write_batches(documents.shard_file(str(folder), shard), documents.SCHEMA, [table])
    return shards


ROLES = (("web", "full"), ("reference", "reference"))


def run_near(tmp_path, found, exchange):
    shards = write_corpus(tmp_path / "documents", found)
    folder = str(tmp_path / "signatures")
    work = Signatures(str(tmp_path / "documents"), (), folder, ROLES)
    for shard in shards:
        write_mark(folder, shard, "made", work.run(shard))
    engine = Engine(exchange=exchange, spill=str(tmp_path / "spill"))
    marks, _ = near_duplicates(engine, str(tmp_path / "near"), folder, read_marks(folder, shards))
    return marks, {shard: pq.read_table(tmp_path / "near" / f"{shard:05d}.parquet").to_pylist() for shard in shards}


def mixed_corpus():
    text = words(0, 150)
    changed = [" ".join([*text[: 20 + k], "other", *text[21 + k :]]) for k in range(3)]
    chain = [" ".join(words(5000 + 12 * n, 5200 + 12 * n)) for n in range(3)]
    return numbered([
        Document(0, 5, " ".join(text)), Document(2, 3, changed[0]), Document(1, 9, changed[1]),
        Document(0, 1, chain[0]), Document(1, 2, chain[1]), Document(2, 4, chain[2]),
        Document(2, 8, " ".join(words(8000, 8100)) + " end"), Document(1, 6, "short"), Document(0, 6, "short."),
        Document(1, 10**9, " ".join(words(8000, 8101)), "reference"), Document(2, 0, " ".join(words(9000, 9050))),
    ])  # fmt: skip


@pytest.mark.parametrize("exchange", ["beam", "files"])
def test_sidecars_name_the_kept_partner_and_both_back_ends_agree(tmp_path, exchange):
    found = mixed_corpus()
    want = greedy(found, band_keys([document.text for document in found]))
    marks, drops = run_near(tmp_path, found, exchange)
    rows = [row for shard in sorted(drops) for row in drops[shard]]
    assert [row["docid"] for row in rows] == sorted(want)
    assert len(want) == 5
    assert all(row["partner"] in want[row["docid"]] for row in rows)
    assert all(row["rule"] == "near_duplicate" and 0.8 < row["value"] <= 1 and row["bound"] == 0.8 for row in rows)
    assert marks[2].counts["dropped"] == {"near_duplicate": 1}
    assert sum(marks[2].counts["jaccard"].values()) == 1
    assert marks[7].counts == {"dropped": {}, "jaccard": {}}
    assert drops[7] == []
    again, _ = run_near(tmp_path, found, "beam" if exchange == "files" else "files")
    assert again == marks


def test_the_same_documents_in_other_rows_and_shards_lose_the_same_texts(tmp_path):
    texts = []
    for turn in range(2):
        found = mixed_corpus()
        if turn:
            found = found[::-1]
            for document in found:
                document.shard = 2 - document.shard
            numbered(found)
        _, drops = run_near(tmp_path / str(turn), found, "beam")
        gone = {row["docid"] for shard in drops.values() for row in shard}
        texts.append(sorted(d.text for d in found if d.docid in gone and d.text[:5] != "short"))
    assert texts[0] == texts[1] != []


def test_a_finished_search_is_not_run_again_and_a_killed_one_goes_on(tmp_path):
    marks, drops = run_near(tmp_path, mixed_corpus(), "beam")
    rounds = sorted((tmp_path / "near-rounds").iterdir())
    assert len(rounds) == 3
    before = {path: path.stat().st_mtime_ns for folder in rounds for path in folder.iterdir()}
    (tmp_path / "near" / "00001.json").unlink()
    (tmp_path / "near" / "stage.json").unlink()
    assert run_near(tmp_path, mixed_corpus(), "beam") == (marks, drops)
    assert {path: path.stat().st_mtime_ns for folder in rounds for path in folder.iterdir()} == before


def test_exact_copies_fall_across_subsets_and_a_reference_keeps_its_own(tmp_path):
    found = numbered([
        Document(0, 7, "a text"), Document(1, 3, "a text"), Document(2, 5, "a text "), Document(2, 3, "a text"),
        Document(0, 1, "other"), Document(1, 9, "other", "reference"), Document(2, 9, "other", "reference"),
    ])  # fmt: skip
    shards = write_corpus(tmp_path / "documents", found)
    out = str(tmp_path / "exact")
    work = Exact(str(tmp_path / "documents"), (), out, ROLES)
    stage = Stage("exact", out, "code", {}, dict.fromkeys(shards, "in"), dict.fromkeys(shards, 1), exchanges=True)
    marks = Engine(spill=str(tmp_path / "spill")).run_exchange(stage, work, 1000)
    rows = [row for shard in shards for row in pq.read_table(tmp_path / "exact" / f"{shard:05d}.parquet").to_pylist()]
    survivor, reference = documents.docid(1, 0), documents.docid(1, 1)
    assert [(row["docid"], row["partner"]) for row in rows] == [
        (documents.docid(0, 0), survivor), (documents.docid(0, 1), reference), (documents.docid(2, 1), survivor),
    ]  # fmt: skip
    assert {(row["rule"], row["value"], row["bound"]) for row in rows} == {("exact_duplicate", 1.0, 1.0)}
    assert marks[0].counts == {"dropped": {"exact_duplicate": 2}}
    assert marks[7].counts == {"dropped": {}}


def test_rounds_compile_before_they_run():
    Round("signatures", "signatures", "out").warm_up()
