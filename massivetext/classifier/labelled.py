"""Labelled texts from files: JSON lines, CSV with a head line, and fastText's `__label__x text` lines."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filters.fasttext_format import PREFIX
from pipelines.sources.encoding import decode, without_surrogates

KINDS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".txt": "lines"}
SPLIT = b"massivetext.held"


@dataclass(frozen=True)
class Labelled:
    """A text, and its label as the file has it."""

    text: str
    label: str


def read(path: Path, text_names: Sequence[str], label_names: Sequence[str]) -> list[Labelled]:
    """What stands in the file `path`, .gz or not; a field is the first of the given names that the file has.

    Raises ValueError, naming file and line, for a line that is not so, and for a file without the fields.
    """
    name = path.name.removesuffix(".gz")
    kind = KINDS.get(Path(name).suffix)
    if kind is None:
        raise ValueError(f"{path}: expected a name that ends in {', '.join(KINDS)}, with or without .gz")
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file; give the path of a file of labelled texts")
    raw = path.read_bytes()
    text, _ = decode(gzip.decompress(raw) if path.suffix == ".gz" else raw, "utf-8")
    if kind == "lines":
        return list(_lines(path, text))
    rows = _json_rows(path, text) if kind == "json" else _csv_rows(path, text, "\t" if kind == "tsv" else ",")
    return [_labelled(path, number, row, text_names, label_names) for number, row in rows]


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, dict]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}, line {number}: no JSON ({error}); expected an object per line") from error
            if not isinstance(row, dict):
                raise ValueError(f"{path}, line {number}: expected a JSON object, not {type(row).__name__}")
            yield number, row


def _csv_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, dict]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from error


def _lines(path: Path, text: str) -> Iterator[Labelled]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        label, _, rest = line.strip().partition(" ")
        if not label.startswith(PREFIX):
            raise ValueError(f"{path}, line {number}: expected {PREFIX} and a label, a blank, and the text")
        yield Labelled(rest, label.removeprefix(PREFIX))


def _labelled(path: Path, number: int, row: dict, text_names: Sequence[str], label_names: Sequence[str]) -> Labelled:
    found = []
    for flag, names in (("--text", text_names), ("--label", label_names)):
        name = next((name for name in names if row.get(name) is not None), None)
        if name is None:
            there = ", ".join(str(name) for name in row if name)
            raise ValueError(f"{path}, line {number}: no {' or '.join(names)} among {there}; name the field by {flag}")
        found.append(row[name])
    text, label = found
    if not isinstance(text, str):
        raise ValueError(f"{path}, line {number}: the text is {type(text).__name__}, expected a string")
    return Labelled(without_surrogates(text)[0], str(label))


def is_held_out(text: str, share: float) -> bool:
    """Whether a text is for measuring, not for training: by a hash of it, so that copies are on one side."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=SPLIT).digest()
    return int.from_bytes(digest, "big") < share * 2**64
