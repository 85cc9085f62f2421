"""Readers, one file per format: each gives the records of a file lazily, with nothing lost in silence."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from pipelines.sources import arc, archive, books, epub, jsonl, mediawiki, parquet, warc
from pipelines.sources.compression import COMPRESSED, codec_of
from pipelines.sources.how import PLAIN, How
from pipelines.sources.record import Item, Record, Skipped, Unreadable

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "How",
    "Item",
    "Record",
    "Skipped",
    "Unreadable",
    "avoids",
    "can_split",
    "format_of",
    "read",
]

Reader = Callable[[str, How], Iterator[Item]]
FOLDER = "/"  # ends the path of a folder, which is read as an archive


def _also_compressed(*suffixes: str) -> tuple[str, ...]:
    return tuple(suffix + compressed for suffix in suffixes for compressed in ("", *COMPRESSED))


FORMATS: tuple[tuple[str, tuple[str, ...], Reader], ...] = (
    ("warc", _also_compressed(".warc", ".wet"), warc.read),
    ("arc", _also_compressed(".arc"), arc.read),
    ("jsonl", _also_compressed(".jsonl", ".json", ".ndjson"), jsonl.read),
    ("book", _also_compressed(".txt"), books.read),
    ("epub", (".epub",), epub.read),
    ("archive", (FOLDER, *_also_compressed(".tar"), ".tgz", ".tbz2", ".txz", ".zip"), archive.read),
    ("mediawiki", _also_compressed(".xml"), mediawiki.read),
    ("parquet", (".parquet",), parquet.read),
)
_AVOIDING = ("warc", "arc", "jsonl", "archive", "mediawiki")
# Compressions, None for a plain file, in which a format can be read from the middle on.
_SPLIT: dict[str, tuple[str | None, ...]] = {
    "warc": ("gzip", "zstd"),
    "arc": ("gzip", "zstd"),
    "jsonl": (None,),
    "mediawiki": ("bzip2",),
    "parquet": (None,),
}
SUFFIXES: dict[str, tuple[str, ...]] = {name: suffixes for name, suffixes, _ in FORMATS}


def read(path: str, reader: str | None = None, avoid: Collection[int] = (), how: How = PLAIN) -> Iterator[Item]:
    """The records of a file in its order, by the format its name tells or by a reader of the user's own.

    Args:
        reader: `package.module:function`, a function from a path to an iterator of records.
        avoid: numbers of records not to look into, for readers that can (`avoids`); each still gives an item.
        how: for the formats of this package: names of fields, licences, the part of the file.

    Raises:
        ValueError: no format has that suffix, or the reader cannot be found.
    """
    if not reader:
        return _reader_of(path)(path, replace(how, avoid=frozenset(avoid)) if avoid else how)
    function = _reader_named(reader)
    return function(path, avoid) if avoid and _takes_avoid(function) else function(path)


def can_split(path: str) -> bool:
    """Whether parts of such a file can be read alone: plain JSON lines, Parquet, WARC, ARC and dumps in members."""
    return codec_of(path) in _SPLIT.get(format_of(path) or "", ())


def avoids(path: str, reader: str | None = None) -> bool:
    """Whether the file's reader can pass over single records; one of a user's own takes a second argument `avoid`."""
    return _takes_avoid(_reader_named(reader)) if reader else format_of(path) in _AVOIDING


def _takes_avoid(function: Callable[..., Iterator[Item]]) -> bool:
    return "avoid" in inspect.signature(function).parameters


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


def _reader_named(name: str) -> Callable[..., Iterator[Item]]:
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
