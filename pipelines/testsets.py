"""Test sets as items of text: rows of JSONL and CSV files, passages of text files, articles of WikiText.

A row is one item, all its strings joined, and each long string of it is one more: a page that quotes the question alone
must be found too.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipelines import files
from pipelines.kernels.shingles import WORDS, normalised_words

# What WikiText puts for rare words; a title with it names no page.
UNKNOWN = "<unk>"
ENDINGS = (".jsonl", ".json", ".csv", ".txt", ".tokens")
_HEADING = re.compile(r" ?= ([^=\s](?:[^=]*[^=\s])?) = ?")
_ESCAPE = re.compile(r" @([-,.])@ ")
_BLANK_LINES = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Item:
    """A text that must not be trained on; `name` is file:row, with the field where it is a part of the row."""

    name: str
    text: str


@dataclass(frozen=True)
class TestSets:
    """Items, each text once under its first name, and the folded titles of WikiText articles."""

    items: tuple[Item, ...]
    titles: frozenset[str]


def read_test_sets(paths: Iterable[str]) -> TestSets:
    """The items of all files, in order of file name and row. `paths` are files, folders or globs.

    Raises FileNotFoundError for a path without files, ValueError for a file that is no JSONL, CSV or text.
    """
    items: dict[str, Item] = {}
    titles: set[str] = set()
    for path in sorted(_files(paths), key=lambda path: (files.name(path), path)):
        for item in _read(path, titles):
            if normalised_words(item.text):
                items.setdefault(item.text, item)
    return TestSets(tuple(items.values()), frozenset(titles))


def folded_title(title: str) -> str:
    """The title without case, white space and WikiText's escapes, equal for a page and its WikiText article."""
    plain = unicodedata.normalize("NFC", _unescaped(title)).replace("_", " ").casefold()
    return "".join(plain.split())


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)


def _files(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        listed = files.listing(path) or files.listing(files.join(path, "**"))
        if not listed:
            raise FileNotFoundError(f"no test set at {path}; give a file, a folder or a glob")
        found.update(f.path for f in listed)
    return found


def _read(path: str, titles: set[str]) -> Iterator[Item]:
    data, name = files.read_bytes(path), files.name(path)
    plain = path
    if path.endswith(".gz"):
        data, plain = gzip.decompress(data), path[:-3]
    if not plain.endswith(ENDINGS):
        raise ValueError(f"{path}: expected a test set ending in {', '.join(ENDINGS)}, each also with .gz")
    text = data.decode("utf-8-sig", "replace")
    if plain.endswith((".jsonl", ".json")):
        rows: Iterable[list[tuple[str, str]]] = (_strings(_parsed(path, n, line)) for n, line in _lines(text))
        return _items_of_rows(name, rows)
    if plain.endswith(".csv"):
        cells = csv.reader(io.StringIO(text, newline=""))
        return _items_of_rows(name, ([(str(n), cell) for n, cell in enumerate(row, 1)] for row in cells))
    return _passages(name, text, titles)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.split("\n"), 1))


def _parsed(path: str, number: int, line: str) -> Any:
    try:
        return json.loads(line) if line.strip() else {}
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{number}: expected one JSON value a line, as in JSONL ({error})") from error


def _strings(value: Any, field: str = "") -> list[tuple[str, str]]:
    """(field, string) of all strings in a JSON value, in its order."""
    if isinstance(value, str):
        return [(field, value)]
    if isinstance(value, dict):
        pairs: Iterable[tuple[str, Any]] = value.items()
    else:
        pairs = ((str(n), part) for n, part in enumerate(value, 1)) if isinstance(value, list) else ()
    return [found for key, part in pairs for found in _strings(part, f"{field}.{key}" if field else key)]


def _items_of_rows(name: str, rows: Iterable[list[tuple[str, str]]]) -> Iterator[Item]:
    for number, row in enumerate(rows, 1):
        yield Item(f"{name}:{number}", "\n".join(text for _, text in row))
        for field, text in row:
            if len(normalised_words(text)) >= WORDS:
                yield Item(f"{name}:{number}:{field}", text)


def _passages(name: str, text: str, titles: set[str]) -> Iterator[Item]:
    """Articles where the text has WikiText headings, else the passages between blank lines."""
    lines = text.replace("\r\n", "\n").split("\n")
    heads = [n for n, line in enumerate(lines) if _is_heading(lines, n)]
    if not heads:
        for number, passage in enumerate(_BLANK_LINES.split("\n".join(lines)), 1):
            yield Item(f"{name}:{number}", passage)
        return
    titles.update(folded_title(lines[n].strip().strip("=")) for n in heads if UNKNOWN not in lines[n])
    for number, (start, stop) in enumerate(zip(heads, [*heads[1:], len(lines)], strict=True), 1):
        yield Item(f"{name}:{number}", _unescaped("\n".join(lines[start:stop])))


def _is_heading(lines: list[str], n: int) -> bool:
    """` = Title = ` between blank lines; section headings have more equals signs."""
    blank_before = n == 0 or not lines[n - 1].strip()
    blank_after = n + 1 == len(lines) or not lines[n + 1].strip()
    return blank_before and blank_after and _HEADING.fullmatch(lines[n]) is not None
