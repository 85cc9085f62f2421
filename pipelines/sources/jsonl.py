"""JSON lines, one document per line: `text`, and `url`, `timestamp`, `id`, `title` where they are there.

C4's files, dolma's documents and news collections have this form, and dumps of source code. A plain file is split at
its lines: a line belongs to the split that it starts in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pipelines.sources.compression import DamageError, Stream, open_stream
from pipelines.sources.encoding import decode, without_surrogates
from pipelines.sources.how import AVOIDED, FIELDS, PLAIN, How, lookup, missing
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Unreadable, digest, locate
from pipelines.sources.rows import code_of

_CHUNK = 1 << 18
_BOM = b"\xef\xbb\xbf"
_ROLES = ("url", "timestamp", "id", "title")


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """The non-blank lines of a file or split.

    Damage of a compressed file loses what follows in its member and is one unreadable record, and so is the line that
    it cuts where the next member goes on with it.
    """
    row, names = 0, {role: how.names(role) for role in FIELDS}
    with open_stream(path) as stream:
        lines = _lines(stream, how)
        while True:
            try:
                position, line = next(lines)
            except StopIteration:
                return
            except DamageError as damage:
                yield Unreadable(row, damage.position, damage.cause)
                row += 1
                if not stream.pass_damage():
                    return
                lines = _all_lines(stream, stream.position)
                continue
            if line is None:
                yield Unreadable(row, position, f"the line is longer than {RECORD_LIMIT} bytes")
            elif row in how.avoid:
                yield Unreadable(row, position, AVOIDED)
            elif line.strip():
                yield _item(row, position, line, names, how)
            else:
                continue
            row += 1


def _lines(stream: Stream, how: How) -> Iterator[tuple[int, bytes | None]]:
    """Each line that starts in the split with its stored position, without its line end; None above RECORD_LIMIT."""
    if how.start:
        stream.skip(how.start - 1)  # the byte before tells whether a line starts here
    for position, line in _all_lines(stream, max(0, how.start - 1)):
        if stream.codec is None and how.is_past(position):
            return
        if how.has_begun(position) or stream.codec is not None:
            yield position, line


def _all_lines(stream: Stream, consumed: int) -> Iterator[tuple[int, bytes | None]]:
    rest, position = b"", consumed
    parts: list[bytes] = []  # of a line longer than a chunk
    held, first = 0, not consumed
    while data := stream.read(_CHUNK):
        if first:
            first = False
            if data.startswith(_BOM):
                data, consumed = data[len(_BOM) :], len(_BOM)
        *whole, rest = data.split(b"\n")
        for piece in whole:
            line = None if held > RECORD_LIMIT else b"".join([*parts, piece]) if parts else piece
            yield position, line
            consumed += held + len(piece) + 1
            parts, held = [], 0
            position = consumed if stream.codec is None else stream.position
        held += len(rest)
        if held <= RECORD_LIMIT:
            parts.append(rest)
        else:
            parts = []
    if held:
        yield position, None if held > RECORD_LIMIT else b"".join(parts)


def _item(row: int, position: int, line: bytes, names: dict[str, tuple[str, ...]], how: How) -> Item:
    line = line.removesuffix(b"\r")
    source, replaced = decode(line, "utf-8")
    try:
        fields = json.loads(source)
    except (ValueError, RecursionError) as error:
        return Unreadable(row, position, f"no JSON: {error}")
    if not isinstance(fields, dict):
        return Unreadable(row, position, f"a JSON object is expected, this is a {type(fields).__name__}")
    text = lookup(fields, names["text"])
    if not isinstance(text, str):
        return Unreadable(row, position, missing(names["text"], list(fields)))
    text, surrogates = without_surrogates(text)
    line_digest = digest(line)
    if "path" in how.fields:
        values = {role: lookup(fields, names[role]) for role in ("path", "repository", "licence")}
        return code_of(row, text, line_digest, values, how)
    url, timestamp, name, title = (_string(lookup(fields, names[role])) for role in _ROLES)
    return Record(
        row,
        locate(url, timestamp, name, line_digest),
        line_digest,
        text,
        url=url,
        timestamp=timestamp,
        title=title,
        encoding="utf-8",
        replaced=replaced + surrogates,
    )


def _string(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return without_surrogates(str(value))[0] or None
