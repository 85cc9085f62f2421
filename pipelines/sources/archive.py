"""Source trees in archives (tar, also compressed, and zip): one document per source file, kept to the byte.

Left out, by reason: `vendored` code of others, `not_text` (binaries, keys, unknown encodings), `generated`
(lock files, package metadata, files that say so in their first lines), `minified` (a name with `.min.`, lines
longer than 200 characters on average, or one above 5,000; prose formats excepted).
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipelines.files import open_read
from pipelines.sources import code, tar
from pipelines.sources.compression import BROKEN_ZIP, open_stream
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Skipped, Unreadable, digest

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of an archive; `data` is None if its name alone says that it is left out."""

    name: str
    data: bytes | None


def read(path: str) -> Iterator[Item]:
    """The regular files of an archive, in its order."""
    archive = path.rsplit("/", 1)[-1]
    members = _zip_members(path) if path.lower().endswith(".zip") else _tar_members(path)
    for row, member in enumerate(members):
        if isinstance(member, Unreadable):
            yield Unreadable(row, member.position, member.cause)
        else:
            yield _item(row, archive, member)


def _item(row: int, archive: str, member: Member) -> Item:
    reason = code.reason_by_name(member.name)
    if reason or member.data is None:
        return Skipped(row, reason or "not_text")
    text, encoding, reason = code.judge(member.name, member.data)
    if reason:
        return Skipped(row, reason)
    return Record(row, f"{archive}:{member.name}", digest(member.data), text, encoding=encoding)


def _tar_members(path: str) -> Iterator[Member | Unreadable]:
    with open_stream(path) as stream:
        for found in tar.members(stream, _is_wanted):
            if isinstance(found, tar.Lost):
                yield Unreadable(0, found.position, found.cause)
            elif found.data is None and not code.reason_by_name(found.name):
                yield Unreadable(0, found.position, f"{found.name} is larger than {RECORD_LIMIT} bytes")
            else:
                yield Member(found.name, found.data)


def _is_wanted(name: str, size: int) -> bool:
    return size <= RECORD_LIMIT and not code.reason_by_name(name)


def _zip_members(path: str) -> Iterator[Member | Unreadable]:
    with open_read(path) as raw:
        try:
            archive = zipfile.ZipFile(raw)
        except BROKEN_ZIP as error:
            yield Unreadable(0, 0, f"no readable zip archive: {error}")
            return
        with archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield _zip_member(archive, info)


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member | Unreadable:
    name = info.filename.encode("utf-8", "replace").decode("utf-8")
    if code.reason_by_name(name):
        return Member(name, None)
    try:
        data = _read_bounded(archive, info)
    except BROKEN_ZIP as error:
        return Unreadable(0, info.header_offset, f"{name}: {error}")
    if len(data) > RECORD_LIMIT:
        return Unreadable(0, info.header_offset, f"{name} is larger than {RECORD_LIMIT} bytes")
    return Member(name, data)


def _read_bounded(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    file: BinaryIO
    with archive.open(info) as file:  # type: ignore[assignment]
        return file.read(RECORD_LIMIT + 1)
