"""Tables whose fields have other names, dolma's documents, and source code in tables."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.sources import How, Item, Record, Skipped, Unreadable, read
from pipelines.sources.how import check_fields

KINDS = ("a.jsonl", "a.jsonl.gz", "a.parquet")


def items_of(folder: Path, rows: list[dict[str, Any]], name: str, how: How) -> list[Item]:
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return list(read(str(path), how=how))


@pytest.mark.parametrize("name", KINDS)
def test_fields_are_taken_by_the_names_that_are_given(tmp_path: Path, name: str) -> None:
    rows = [{"content": "words", "text": "not this", "meta": {"link": "http://x", "when": "2020"}, "head": "H"}]
    fields = {"text": "content", "url": "meta.link", "timestamp": "meta.when", "title": "head"}
    (item,) = items_of(tmp_path, rows, name, How(fields))
    assert isinstance(item, Record)
    assert (item.text, item.url, item.timestamp, item.title) == ("words", "http://x", "2020", "H")


@pytest.mark.parametrize("name", KINDS)
def test_dolmas_documents_are_read_as_they_are(tmp_path: Path, name: str) -> None:
    row = {
        "id": "7",
        "text": "words",
        "source": "cc",
        "added": "2023",
        "created": "2021-01-02",
        "metadata": {"url": "http://x"},
    }
    (item,) = items_of(tmp_path, [row], name, How())
    assert isinstance(item, Record)
    assert (item.url, item.timestamp, item.locator) == ("http://x", "2021-01-02", "http://x 2021-01-02")


@pytest.mark.parametrize("name", KINDS)
def test_a_text_that_is_nowhere_is_named_with_the_fields_that_are_there(tmp_path: Path, name: str) -> None:
    items = items_of(tmp_path, [{"body": "words", "link": "x"}] * 3, name, How())
    assert all(isinstance(item, Unreadable) for item in items)
    assert isinstance(items[0], Unreadable)
    assert 'no field "text"; there are: body, link' in items[0].cause


def test_a_role_that_no_reader_knows_is_refused() -> None:
    with pytest.raises(ValueError, match=r"subset news: fields has txt = 'content', expected .* one of text, url"):
        check_fields({"txt": "content"}, "subset news")


CODE = {"text": "content", "path": "path", "repository": "repo", "licence": "license"}


@pytest.mark.parametrize("name", KINDS)
def test_rows_with_a_path_are_source_files_left_out_and_named_as_in_an_archive(tmp_path: Path, name: str) -> None:
    rows = [
        {"repo": "a/b", "path": "src/x.py", "content": "x = 1\r\n\ty\n", "license": "mit"},
        {"repo": "a/b", "path": "src/y.js", "content": "// @generated\n", "license": "mit"},
        {"repo": "a/b", "path": "vendor/z.go", "content": "package z\n", "license": "mit"},
        {"repo": "a/b", "path": "z.c", "content": "int z;\n", "license": "gpl-3.0"},
        {"repo": "a/b", "path": "w.c", "content": "int w;\n", "license": None},
        {"repo": "a/b", "path": "v.c", "content": "// SPDX-License-Identifier: ISC\n", "license": None},
        {"repo": "a/b", "path": "../u.c", "content": "int u;\n", "license": "mit"},
    ]
    items = items_of(tmp_path, rows, name, How(CODE, ("permissive",)))
    assert [getattr(item, "reason", "") for item in items] == [
        "",
        "generated",
        "vendored",
        "licence",
        "licence",
        "",
        "unsafe_name",
    ]
    first, other = items[0], items[5]
    assert isinstance(first, Record)
    assert isinstance(other, Record)
    assert (first.text, first.locator) == ("x = 1\r\n\ty\n", "a/b:src/x.py")
    assert first.metadata == {"path": "src/x.py", "language": "Python", "licence": "MIT"}
    assert other.metadata == {"path": "v.c", "language": "C", "licence": "ISC"}
    assert not any(isinstance(item, Skipped) for item in items_of(tmp_path, rows[3:5], name, How(CODE)))


def test_of_a_list_of_licences_every_one_must_be_allowed(tmp_path: Path) -> None:
    rows = [
        {"path": f"{n}.py", "content": "x\n", "license": names} for n, names in enumerate((["MIT", "GPL-2.0"], ["MIT"]))
    ]
    items = items_of(tmp_path, rows, "a.parquet", How(CODE, ("permissive",)))
    assert [type(item) for item in items] == [Skipped, Record]
