"""Readers, one file per format: each gives the records of a file lazily, with nothing lost in silence."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Iterator

from pipelines.sources import archive, books, epub, jsonl, mediawiki, parquet, warc
from pipelines.sources.compression import COMPRESSED
from pipelines.sources.record import Item, Record, Skipped, Unreadable

__all__ = ["FORMATS", "SUFFIXES", "Item", "Record", "Skipped", "Unreadable", "format_of", "read"]

Reader = Callable[[str], Iterator[Item]]


def _also_compressed(*suffixes: str) -> tuple[str, ...]:
    return tuple(suffix + compressed for suffix in suffixes for compressed in ("", *COMPRESSED))


FORMATS: tuple[tuple[str, tuple[str, ...], Reader], ...] = (
    ("warc", _also_compressed(".warc", ".wet"), warc.read),
    ("jsonl", _also_compressed(".jsonl", ".json", ".ndjson"), jsonl.read),
    ("book", _also_compressed(".txt"), books.read),
    ("epub", (".epub",), epub.read),
    ("archive", (*_also_compressed(".tar"), ".tgz", ".tbz2", ".txz", ".zip"), archive.read),
    ("mediawiki", _also_compressed(".xml"), mediawiki.read),
    ("parquet", (".parquet",), parquet.read),
)
SUFFIXES: dict[str, tuple[str, ...]] = {name: suffixes for name, suffixes, _ in FORMATS}


def read(path: str, reader: str | None = None) -> Iterator[Item]:
    """The records of a file in its order, by the format its name tells or by a reader of the user's own.

    Args:
        reader: `package.module:function`, a function from a path to an iterator of records.

    Raises:
        ValueError: no format has that suffix, or the reader cannot be found.
    """
    return (_reader_named(reader) if reader else _reader_of(path))(path)


def format_of(path: str) -> str | None:
    """Name of the format that the file name tells, None if there is none."""
    name = path.lower()
    return next((format_name for format_name, suffixes in SUFFIXES.items() if name.endswith(suffixes)), None)


def _reader_of(path: str) -> Reader:
    name = format_of(path)
    if name is None:
        raise ValueError(_unknown_suffix(path))
    return next(read_format for format_name, _, read_format in FORMATS if format_name == name)


def _unknown_suffix(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    given = re.search(r"\.[^.]+(?:\.(?:gz|bz2|xz|zst))?$", name.lower())
    every = [suffix for suffixes in SUFFIXES.values() for suffix in suffixes]
    near = difflib.get_close_matches(given.group() if given else name, every, 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    known = "; ".join(f"{format_name} {' '.join(suffixes)}" for format_name, suffixes in SUFFIXES.items())
    return (
        f"no reader for {name!r}{meant}. Known suffixes: {known}. "
        "For another format name a reader, 'package.module:function'"
    )


def _reader_named(name: str) -> Reader:
    """The function that `package.module:function` names.

    Raises:
        ValueError: the name has another form, or there is no such module or function.
    """
    module_name, colon, function = name.partition(":")
    if not (module_name and colon and function):
        raise ValueError(f"reader {name!r} is expected to have the form 'package.module:function'")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ValueError(f"reader {name!r}: {error}; is its package installed or on the path?") from error
    found = getattr(module, function, None)
    if not callable(found):
        near = difflib.get_close_matches(function, dir(module), 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"reader {name!r}: {module_name} has no function {function!r}{meant}")
    return found
