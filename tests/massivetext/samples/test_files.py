"""The sample corpus as files: equal bytes, whole formats, refusals, and damage."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from fastwarc.warc import ArchiveIterator, WarcRecordType

from massivetext import samples
from massivetext.samples import library
from pipelines.sources import read
from pipelines.sources.record import Record

Place = tuple[str, int]
Texts = dict[Place, str]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_makes_are_equal_byte_for_byte_under_another_hash_seed(corpus: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    command = [sys.executable, "-m", "massivetext.samples", str(again), "--edition", "tests"]
    root = Path(samples.__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(root), "TZ": "Pacific/Auckland"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert digests(again) == digests(corpus)
    assert "kept" in done.stdout


def test_another_seed_gives_other_documents(
    documents: Texts, read_texts: Callable[[Path], Texts], tmp_path: Path
) -> None:
    other = read_texts(samples.make(tmp_path / "other", "tests", seed=5))
    news = {text for (source, _), text in documents.items() if source.startswith("news")}
    assert len(news) > 40
    assert len(news & set(other.values())) <= 1  # two foreign texts may meet


def test_scale_multiplies_the_ordinary_documents_and_repeats_none(
    documents: Texts, read_texts: Callable[[Path], Texts], tmp_path: Path
) -> None:
    larger = read_texts(samples.make(tmp_path / "larger", "tests", scale=2))

    def written_once(found: Texts) -> int:
        news = Counter(text for (source, _), text in found.items() if source.startswith("news"))
        return sum(1 for count in news.values() if count == 1)

    assert written_once(larger) == written_once(documents) + samples.EDITIONS["tests"].ordinary["news"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"edition": "huge"}, "choose one of demo, tests"),
        ({"edition": "tests", "scale": 0}, "whole number from 1"),
    ],
)
def test_wrong_sizes_are_refused(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        samples.make(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("an old file")
    with pytest.raises(ValueError, match="is not empty"):
        samples.make(tmp_path, "tests")


def test_the_tests_edition_has_about_300_documents(documents: Texts) -> None:
    assert 260 <= len(documents) <= 340
    assert 1_200_000 < sum(map(len, documents.values())) < 2_000_000


def test_fastwarc_finds_the_records_that_the_answers_name(corpus: Path, promised: dict[Place, dict]) -> None:
    reasons = dict.fromkeys(("warcinfo", "request", "metadata"), "not_a_response") | {"revisit": "revisit"}
    seen: Counter[str] = Counter()
    rows = set()
    for path in sorted((corpus / "massiveweb").iterdir()):
        source = path.relative_to(corpus).as_posix()
        with path.open("rb") as file:
            for row, record in enumerate(ArchiveIterator(file)):
                kind = record.headers["WARC-Type"]
                rule = promised.get((source, row), {"rule": None})["rule"]
                status = record.http_headers.status_code if record.is_http and record.http_headers else None
                assert re.fullmatch(r"<urn:uuid:[0-9a-f-]{36}>", record.headers["WARC-Record-ID"])
                assert rule == reasons.get(kind, rule)
                assert (status == 404) == (rule == "not_success")
                seen[kind] += 1
                rows.add((source, row))
    assert min(seen[kind] for kind in (*reasons, "response", "conversion")) >= 2
    assert {place for place in promised if place[0].startswith("massiveweb")} <= rows


def test_payload_digests_hold(corpus: Path) -> None:
    checked = 0
    with (corpus / "massiveweb/crawl-00000.warc.gz").open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            digest = base64.b32encode(hashlib.sha1(record.reader.read()).digest()).decode()
            assert record.headers["WARC-Payload-Digest"] == f"sha1:{digest}"
            checked += 1
    assert checked > 50


def test_rows_of_lines_and_archives_count_from_their_start(corpus: Path, documents: Texts) -> None:
    lines = gzip.decompress((corpus / "news/news-00001.jsonl.gz").read_bytes()).splitlines()
    assert all(documents["news/news-00001.jsonl.gz", row] == json.loads(line)["text"] for row, line in enumerate(lines))
    source = "github/python-json.tar.gz"
    with tarfile.open(corpus / source) as archive:
        members = [(member, archive.extractfile(member)) for member in archive]
    assert "python-json/LICENSE" in [member.name for member, _ in members]
    assert {row for name, row in documents if name == source} == set(range(len(members)))


def test_books_have_marks_and_the_epub_a_stored_mimetype_first(corpus: Path, documents: Texts) -> None:
    names = sorted(path.name for path in (corpus / "books").iterdir())
    assert {name.partition(".")[2] for name in names} == {"txt", "txt.gz", "epub"}
    for path in (corpus / "books").glob("*.txt"):
        assert re.search(r"\*\*\* START OF .*\*\*\* END OF ", path.read_text("utf-8"), re.DOTALL)
    assert not any("about the book" in text for (source, _), text in documents.items() if source.startswith("books"))
    with zipfile.ZipFile(next((corpus / "books").glob("*.epub"))) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)


def test_code_is_the_standard_library_unchanged(documents: Texts) -> None:
    found = {text for (source, _), text in documents.items() if source == "github/python-json.tar.gz"}
    assert {text for _, text in library.sources("json")} <= found


def test_readers_answer_for_damaged_files(tmp_path: Path) -> None:
    folder = samples.damaged(tmp_path / "damaged")
    lines = (folder / "answers.jsonl").read_text("utf-8").splitlines()
    outcomes = {(answer["source"], answer["row"]): answer["outcome"] for answer in map(json.loads, lines)}
    seen = {}
    for path in sorted(folder.glob("*/*")):
        for item in read(str(path)):
            place = path.relative_to(folder).as_posix(), item.row
            seen[place] = "kept" if isinstance(item, Record) else "unreadable"
    assert {place: seen.get(place) for place in outcomes} == outcomes
    assert {source for source, _ in set(seen) - set(outcomes)} <= {"c4/truncated.json.gz"}
    assert Counter(outcomes.values())["unreadable"] >= 9
    assert digests(samples.damaged(tmp_path / "again")) == digests(folder)


@pytest.mark.slow
def test_the_demo_edition_has_3000_documents_in_the_proportions_of_the_mixture(
    read_texts: Callable[[Path], Texts], tmp_path: Path
) -> None:
    found = read_texts(samples.make(tmp_path / "demo", "demo"))
    sizes: Counter[str] = Counter()
    for (source, _), text in found.items():
        sizes[source.partition("/")[0]] += len(text)
    total = sum(sizes.values())
    assert 2_700 <= len(found) <= 3_300
    assert 12_000_000 < total < 20_000_000
    weights = {"massiveweb": 0.48, "books": 0.27, "c4": 0.10, "news": 0.10, "github": 0.03, "wikipedia": 0.02}
    for subset, weight in weights.items():
        assert 0.6 * weight < sizes[subset] / total < 1.6 * weight, subset
