"""Source trees, in archives (tar, also compressed, and zip) or as folders: one document per file, kept to the byte.

Left out, by reason: `vendored` code of others, `not_text` (binaries, keys, unknown encodings), `generated`
(lock files, package metadata, files that say so in their first lines), `minified` (a name with `.min.`, lines
longer than 200 characters on average, or one above 5,000; prose formats excepted), `data` (tables, notebooks, drawings
by name; configuration formats above 128 KB; few letters), `licence` (one that may not stay, or none), `unsafe_name`.
Licences are looked for before the first document is given, so a tar archive larger than `_HELD` is gone through twice.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from pipelines import files
from pipelines.files import open_read
from pipelines.sources import code, folder, licences, tar
from pipelines.sources.compression import BROKEN_ZIP, open_stream
from pipelines.sources.how import AVOIDED, PLAIN, How
from pipelines.sources.licences import Licences
from pipelines.sources.record import RECORD_LIMIT, Item, Record, Skipped, Unreadable, digest

_HELD = 32 << 20  # bytes of a tar archive up to which it is kept until its licences are known


@dataclass(frozen=True, slots=True)
class Member:
    """A regular file of an archive; `data` is None if its name alone says that it is left out."""

    name: str
    data: bytes | None


def read(path: str, how: How = PLAIN) -> Iterator[Item]:
    """The regular files of an archive in its order, or of a folder (a path that ends with a slash) by name."""
    name, found = files.name(path), Licences()
    if path.endswith("/"):
        members = _folder_members(path, found)
    elif path.lower().endswith(".zip"):
        members = _zip_members(path, found)
    else:
        members = _tar_members(path, found)
    for row, member in enumerate(members):
        if isinstance(member, Unreadable):
            yield Unreadable(row, member.position, member.cause)
        elif row in how.avoid:
            yield Unreadable(row, 0, AVOIDED)
        else:
            yield _item(row, name, member, found, how)


def _item(row: int, archive: str, member: Member, found: Licences, how: How) -> Item:
    reason, locator = code.reason_by_name(member.name), f"{archive}:{member.name}"
    if reason or member.data is None:
        return Skipped(row, reason or "not_text", locator=locator)
    text, encoding, reason = code.judge(member.name, member.data)
    if reason:
        return Skipped(row, reason, locator=locator)
    named = licences.in_head(text) or found.of(member.name)
    if not licences.may_stay(named, how.licences):
        return Skipped(row, "licence", ", ".join(named) or None, locator=locator)
    return Record(
        row,
        locator,
        digest(member.data),
        text,
        encoding=encoding,
        metadata=code.metadata(member.name, named),
    )


def _tells(name: str, size: int) -> bool:
    return size <= licences.FILE_LIMIT and Licences.tells(name)


def _tar_members(path: str, licences_found: Licences) -> Iterator[Member | Unreadable]:
    held: list[tar.File | tar.Lost] = []
    size = 0

    def is_read(name: str, more: int) -> bool:
        return _tells(name, more) or (size + more <= _HELD and _is_wanted(name, more))

    with open_stream(path) as stream:
        for found in tar.members(stream, is_read):
            size += tar.BLOCK + (found.size if isinstance(found, tar.File) else 0)
            if isinstance(found, tar.File) and found.data is not None and _tells(found.name, found.size):
                licences_found.add(found.name, found.data)
            if size <= _HELD:
                held.append(found)
            else:
                held.clear()
    if size <= _HELD:
        yield from map(_tar_member, held)
        return
    with open_stream(path) as stream:
        yield from map(_tar_member, tar.members(stream, _is_wanted))


def _tar_member(found: tar.File | tar.Lost) -> Member | Unreadable:
    if isinstance(found, tar.Lost):
        return Unreadable(0, found.position, found.cause)
    if found.data is None and not code.reason_by_name(found.name):
        return Unreadable(0, found.position, f"{found.name} is larger than {RECORD_LIMIT} bytes")
    return Member(found.name, found.data)


def _is_wanted(name: str, size: int) -> bool:
    return size <= RECORD_LIMIT and not code.reason_by_name(name)


def _folder_members(path: str, found: Licences) -> Iterator[Member | Unreadable]:
    listed = folder.tree(path)
    for file in listed:
        if _tells(file.path[len(path) :], file.bytes):
            found.add(file.path[len(path) :], files.read_bytes(file.path))
    for file in listed:
        name = file.path[len(path) :].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        if code.reason_by_name(name):
            yield Member(name, None)
        elif file.bytes > RECORD_LIMIT:
            yield Unreadable(0, 0, f"{name} is larger than {RECORD_LIMIT} bytes")
        else:
            yield Member(name, files.read_bytes(file.path))


def _zip_members(path: str, found: Licences) -> Iterator[Member | Unreadable]:
    with open_read(path) as raw:
        try:
            archive = zipfile.ZipFile(raw)
        except BROKEN_ZIP as error:
            yield Unreadable(0, 0, f"no readable zip archive: {error}")
            return
        with archive:
            for info in archive.infolist():
                if _tells(info.filename, info.file_size):
                    told = _zip_member(archive, info)
                    if isinstance(told, Member) and told.data is not None:
                        found.add(told.name, told.data)
            for info in archive.infolist():
                if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
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
