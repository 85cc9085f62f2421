"""JSON lines, one document per line: `text`, and `url`, `timestamp`, `id`, `title` where they are there.

Both C4's files and news collections have this form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from pipelines.sources.compression import DamageError, Stream, open_stream
from pipelines.sources.encoding import decode, without_surrogates
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Unreadable, digest, locate

_CHUNK = 1 << 18
_BOM = b"\xef\xbb\xbf"


def read(path: str) -> Iterator[Item]:
    """The non-blank lines of a file; what stands after damage is lost, one unreadable record."""
    row = 0
    with open_stream(path) as stream:
        lines = _lines(stream)
        while True:
            try:
                position, line = next(lines)
            except StopIteration:
                return
            except DamageError as damage:
                yield Unreadable(row, damage.position, damage.cause)
                return
            if line is None:
                yield Unreadable(row, position, f"the line is longer than {RECORD_LIMIT} bytes")
            elif line.strip():
                yield _item(row, position, line)
            else:
                continue
            row += 1


def _lines(stream: Stream) -> Iterator[tuple[int, bytes | None]]:
    """Each line with its stored position, without its line end; None for one above RECORD_LIMIT."""
    rest, consumed, position = b"", 0, 0
    parts: list[bytes] = []  # of a line longer than a chunk
    held, first = 0, True
    while data := stream.read(_CHUNK):
        if first:
            data, first = data.removeprefix(_BOM), False
        *whole, rest = data.split(b"\n")
        for piece in whole:
            line = None if held > RECORD_LIMIT else b"".join([*parts, piece])
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


def _item(row: int, position: int, line: bytes) -> Item:
    line = line.removesuffix(b"\r")
    source, replaced = decode(line, "utf-8")
    try:
        fields = json.loads(source)
    except (ValueError, RecursionError) as error:
        return Unreadable(row, position, f"no JSON: {error}")
    if not isinstance(fields, dict):
        return Unreadable(row, position, f"a JSON object is expected, this is a {type(fields).__name__}")
    text = fields.get("text")
    if not isinstance(text, str):
        return Unreadable(row, position, 'there is no "text" that is a string')
    text, surrogates = without_surrogates(text)
    line_digest = digest(line)
    url, timestamp, name, title = (_string(fields.get(key)) for key in ("url", "timestamp", "id", "title"))
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


def _string(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return without_surrogates(str(value))[0] or None
