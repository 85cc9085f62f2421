"""Duplicate search as a build runs it: earlier builds, scopes, groups, and the guard against losing a whole source."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from massivetext import build
from massivetext.duplicates import Search, generation, read_earlier
from massivetext.errors import BuildError
from massivetext.evidence import Evidence
from massivetext.folders import Folders
from massivetext.mixture import Mixture, Near, Subset
from pipelines import documents
from pipelines.documents import Order
from pipelines.engine import Engine
from pipelines.inputs import Shard
from pipelines.stage import Mark


@dataclass(frozen=True)
class Document:
    text: str
    subset: str
    source: str = "a.jsonl"
    record: int = 0

    @property
    def identity(self) -> bytes:
        return documents.public_id("any", f"{self.text}{self.subset}{self.source}", bytes([self.record]))


def mixture(*subsets: Subset, **settings: Any) -> Mixture:
    return Mixture(name="test", subsets=subsets, loss_share=1.0, **settings)


def subset(name: str, **settings: Any) -> Subset:
    return Subset(name=name, patterns=("*",), weight=1.0, **settings)


def weighted(*subsets: Subset) -> tuple[Subset, ...]:
    return tuple(replace(s, weight=1 / len(subsets)) for s in subsets)


def searched(out: Path, found: list[Document], how: Mixture, against: list[str] = [], exchange: str = "beam") -> Search:  # noqa: B006
    """Duplicate search over a documents folder with two shards per (subset, source)."""
    folders = Folders(str(out))
    places = sorted({(d.subset, d.source, n) for d in found for n in range(2)})
    earlier = read_earlier(against, how, len(places))
    shards, marks = [], {}
    for number, (name, source, half) in enumerate(places):
        mine = [d for n, d in enumerate(d for d in found if (d.subset, d.source) == (name, source)) if n % 2 == half]
        order = Order(0, generation(earlier, how.subset(name)), how.subset(name).priority, 0.2)
        written = write_shard(folders.documents, number, mine, order)
        shards.append(Shard(number, name, source, written.bytes, ""))
        marks[number] = Mark("made", [written], {name: {"records": len(mine), "documents": len(mine)}})
        for stage in ("identify", "decide"):
            documents.write_drops(folders.stage(stage), number, documents.DROPS.empty_table())
    empty = {number: Mark("made", [], {"same_record": 0}) for number in marks}
    before = {"curate": marks, "identify": empty, "decide": empty}
    engine = Engine(exchange=exchange, spill=str(out / "spill"))
    search = Search(how, folders, engine, shards, dict.fromkeys(marks, 1), before, earlier)
    search.run()
    return search


def write_shard(folder: str, number: int, found: list[Document], order: Order) -> Any:
    columns: dict[str, list[Any]] = {name: [None] * len(found) for name in documents.SCHEMA.names}
    columns["docid"] = [documents.docid(number, row) for row in range(len(found))]
    columns["id"] = [d.identity for d in found]
    columns["rank"] = [order.rank(d.identity) for d in found]
    for name in ("text", "subset", "source"):
        columns[name] = [getattr(d, name) for d in found]
    columns["locator"] = [f"locator {d.text[:10]}" for d in found]
    columns["text_hash"] = [documents.text_hash(d.text.encode()) for d in found]
    table = documents.pa.table(columns, schema=documents.SCHEMA)
    return documents.write_batches(documents.shard_file(folder, number), documents.SCHEMA, [table])


def dropped(search: Search, stage: str) -> dict[int, dict[str, Any]]:
    """docid -> the row of its sidecar."""
    folder = search.folders.stage(stage)
    shards = [documents.shard_file(folder, shard.number) for shard in search.shards]
    return {row["docid"]: row for path in shards for row in pq.read_table(path).to_pylist()}


def identities(search: Search) -> dict[int, bytes]:
    paths = [documents.shard_file(search.folders.documents, shard.number) for shard in search.shards]
    return {
        row["docid"]: row["id"] for path in paths for row in pq.read_table(path, columns=["docid", "id"]).to_pylist()
    }


def survivors(search: Search) -> set[bytes]:
    gone = {**dropped(search, "exact"), **dropped(search, "near")}
    return {identity for docid, identity in identities(search).items() if docid not in gone}


def words(start: int, stop: int) -> list[str]:
    return [f"w{n}" for n in range(start, stop)]


def crawl(name: str, seed: int, count: int = 60) -> list[Document]:
    """Chains, copies with changed words, exact copies and unrelated documents; two seeds meet in many of them."""
    draw = random.Random(seed)
    found = []
    for record in range(count):
        start = draw.randrange(3) * 1000 + draw.choice([0, 10, draw.randrange(40)])
        text = words(start, start + draw.choice([14, 100, 150, 160]))
        for _ in range(draw.randrange(3)):
            text[draw.randrange(len(text))] = f"changed{draw.randrange(3)}"
        found.append(Document(" ".join(text), name, record=record))
    return found


@pytest.mark.parametrize(("role", "exchange"), [("full", "beam"), ("reference", "files")])
def test_two_builds_keep_what_one_build_of_both_generations_keeps(tmp_path: Path, role: str, exchange: str) -> None:
    old, new = subset("old"), subset("new", exact=role, near=role)
    first, second = crawl("old", 1), crawl("new", 2)
    one = searched(tmp_path / "one", first + second, mixture(*weighted(old, replace(new, generation=1))))
    before = searched(tmp_path / "before", first, mixture(old), exchange=exchange)
    for path in (tmp_path / "before" / "documents").glob("*.parquet"):
        path.unlink()
    after = searched(tmp_path / "after", second, mixture(new), [str(tmp_path / "before")], exchange)
    kept = {d.identity for d in first} - set(lost_identities(first, before)) | survivors(after)
    assert kept == survivors(one)
    assert 20 < len(kept) < len(first) + len(second) - 10
    if role == "full":
        check_matches(after, before, first, second)


def lost_identities(found: list[Document], search: Search) -> list[bytes]:
    """Ids of what fell, from the sidecars alone: documents stand in two shards in turn."""
    gone = {**dropped(search, "exact"), **dropped(search, "near")}
    return [identity for docid, identity in by_docid(found).items() if docid in gone]


def by_docid(found: list[Document]) -> dict[int, bytes]:
    return {documents.docid(n % 2, n // 2): d.identity for n, d in enumerate(found)}


def check_matches(after: Search, before: Search, first: list[Document], second: list[Document]) -> None:
    """Every drop whose partner is of the earlier build is listed with that document's docid there and its id."""
    rows = [
        row
        for shard in after.shards
        for row in pq.read_table(documents.shard_file(after.folders.stage("matches"), shard.number)).to_pylist()
    ]
    own = len(after.shards)
    drops = {**dropped(after, "exact"), **dropped(after, "near")}
    wanted = {docid: row["partner"] for docid, row in drops.items() if row["partner"] >> 32 >= own}
    assert {row["docid"]: row["earlier"] + (own << 32) for row in rows} == wanted
    assert len(rows) > 5
    assert {row["rule"] for row in rows} == {"exact_duplicate", "near_duplicate"}
    texts = {d.identity: set(d.text.split()) for d in [*first, *second]}
    for row in rows:
        assert row["id"] == by_docid(first)[row["earlier"]]
        assert texts[row["id"]] & texts[by_docid(second)[row["docid"]]]
    told = Evidence(after).as_json()["earlier"]
    assert [(build["generation"], build["matches"]) for build in told] == [(0, len(rows))]


def test_a_third_build_is_a_generation_later_and_loses_to_both(tmp_path: Path) -> None:
    how = mixture(subset("web"))
    text = " ".join(words(0, 100))
    searched(tmp_path / "a", [Document(text, "web")], how)
    searched(tmp_path / "b", [Document("another text", "web")], how, [str(tmp_path / "a")])
    both = [str(tmp_path / "a"), str(tmp_path / "b")]
    found = [Document(text + " end", "web"), Document("another text", "web", "b.jsonl"), Document("new", "web")]
    third = searched(tmp_path / "c", found, how, both)
    assert [finished.generation for finished in third.earlier] == [0, 1]
    assert survivors(third) == {found[2].identity}
    assert [build["matches"] for build in Evidence(third).as_json()["earlier"]] == [1, 1]


def test_builds_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    how = mixture(subset("web"))
    searched(tmp_path / "a", [Document("one", "web")], how)
    with pytest.raises(BuildError, match=r"--against .*/a: .*made with bands 32, this build has 16"):
        read_earlier([str(tmp_path / "a")], replace(how, near=Near(bands=16)), 2)
    with pytest.raises(BuildError, match=r"expected a build that has finished deduplicate; run it with --until"):
        read_earlier([str(tmp_path / "nothing")], how, 2)


def test_scopes_look_inside_a_subset_or_a_crawl_dump_alone(tmp_path: Path) -> None:
    text = " ".join(words(0, 100))
    sources = ("CC-MAIN-2023-06/a.warc", "CC-MAIN-2023-06/b.warc", "CC-MAIN-2024-10/a.warc")
    found = [Document(text + end, name, source) for name in ("c4", "web") for source in sources for end in ("", " z")]
    subsets = weighted(subset("c4"), subset("web"))
    by_dump = "source:CC-MAIN-[0-9]+-[0-9]+"
    left = {}
    for number, scope in enumerate(["all", "subset", by_dump]):
        how = mixture(*subsets, near=Near(scope=scope), exact_scope=scope)
        left[scope] = len(survivors(searched(tmp_path / str(number), found, how)))
    assert left == {"all": 1, "subset": 2, by_dump: 2}
    roles = mixture(*weighted(subset("c4", exact="none", near="none"), subset("web", near="none")))
    assert len(survivors(searched(tmp_path / "roles", found, roles))) == 6 + 2


def test_groups_hold_the_survivor_and_all_it_dropped(tmp_path: Path) -> None:
    text = words(0, 100)
    page = Document(" ".join(text), "web")
    near = [Document(" ".join([*text, "end"]), "c4", f"{n}.jsonl") for n in range(3)]
    alone = Document(" ".join(words(500, 600)), "web")
    how = mixture(*weighted(subset("c4", priority=1), subset("web")))
    search = searched(tmp_path / "out", [page, *near, alone, Document(page.text, "c4")], how)
    told = Evidence(search).as_json()
    assert told["groups_by_size"] == {"5-8": 1}
    assert told["lost_share"] == {"c4": 1.0, "web": 0.0}
    assert told["pairs_by_jaccard"] == {"0.98": 1}
    (group,) = told["largest_groups"]["c4"]
    assert (group["lost"], group["jaccard"]) == (4, 0.9888)
    assert group["survivor"]["id"] == page.identity.hex()
    assert group["survivor"]["excerpt"].startswith("w0 w1 w2")
    assert group["example"]["id"] in {d.identity.hex() for d in near}
    assert [counts["near_duplicate"] for counts in told["rounds"]] == [0, 1]
    assert told["rounds"][0]["verified"] >= 1


def books(folder: Path) -> list[str]:
    """Options of a build of news, and of books of which seven of nine are the same but for a few words."""
    for name, same, first in (("news", 0, 50_000), ("books", 7, 1000)):
        (folder / "in" / name).mkdir(parents=True)
        for n in range(9):
            place = 0 if n < same else first + 1000 * n
            text = words(place, place + 200)
            text[193] = f"{name}{n}"
            (folder / "in" / name / f"{n}.jsonl").write_text(json.dumps({"text": " ".join(text)}) + "\n")
    (folder / "two.toml").write_text(
        "\n".join(
            f'[[subsets]]\nname = "{name}"\nweight = 0.5\npatterns = ["{name}/*.jsonl"]\nrules = ["empty"]'
            for name in ("books", "news")
        )
    )
    options = ["--mixture", str(folder / "two.toml"), "--input", str(folder / "in"), "--output", str(folder / "out")]
    return [*options, "--workers", "1", "--until", "deduplicate"]


def test_a_source_that_loses_too_much_stops_the_build_until_the_loss_is_accepted(tmp_path: Path) -> None:
    options = books(tmp_path)
    message = (
        r"(?s)books: 6 of 9 documents are duplicates \(66\.7%, more than 60%\); the largest groups:\n"
        r"  6 fell to books/\d\.jsonl, record 0 \(.*\): \"w0 w1 .*such as, at Jaccard 0\.93, books/\d\.jsonl"
        r".*--accept-loss books"
    )
    with pytest.raises(BuildError, match=message):
        build.run(options)
    with pytest.raises(BuildError, match="--accept-loss boks: no such subset"):
        build.run([*options, "--accept-loss", "boks"])
    build.run([*options, "--accept-loss", "books"])
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["duplicates"]["lost_share"] == {"books": 0.666667, "news": 0.0}
    assert told["duplicates"]["groups_by_size"] == {"5-8": 1}
    assert "near-duplicates: 32 bands of 8 find 99.72% of the pairs at Jaccard 0.8, and more above" in told["notes"]


def test_a_build_against_an_earlier_one_keeps_only_what_is_new(tmp_path: Path) -> None:
    options = books(tmp_path)
    build.run([*options, "--accept-loss", "books"])
    fresh = tmp_path / "in" / "news" / "new.jsonl"
    fresh.write_text(json.dumps({"text": " ".join(words(90_000, 90_200))}) + "\n")
    again = [option if option != str(tmp_path / "out") else str(tmp_path / "later") for option in options]
    accepted = ["--accept-loss", "books", "--accept-loss", "news"]
    with pytest.raises(BuildError, match=r"(?s)news: 9 of 10 documents are duplicates .* of earlier build 0"):
        build.run([*again, "--against", str(tmp_path / "out"), "--accept-loss", "books"])
    build.run([*again, "--against", str(tmp_path / "out"), *accepted])
    told = json.loads((tmp_path / "later" / "report.json").read_text())
    assert {name: made["kept"] for name, made in told["subsets"].items()} == {"books": 0, "news": 1}
    (earlier,) = told["duplicates"]["earlier"]
    assert (earlier["generation"], earlier["matches"]) == (0, 18)
