"""The code subset: parts of the standard library as source archives with a licence."""

from __future__ import annotations

import gzip
import io
import sys
import tarfile
from pathlib import Path

from massivetext.samples import library
from massivetext.samples.items import Answers, Item

SUBSET = "github"
_LICENCE = """These modules are a part of Python's standard library,
copied unchanged from the Python that made this archive.
They are distributed under the Python Software Foundation License Version 2.

{copyright}
"""
_TOO_LONG = 60_000  # characters; such modules are tables


def write(folder: Path, characters: int, answers: Answers) -> None:
    """Archives of whole packages, two at least, until they hold `characters` characters of code.

    The last module of the first archive stands in the second once more.
    """
    (folder / SUBSET).mkdir(parents=True, exist_ok=True)
    copied: tuple[str, str] | None = None
    written = 0
    for archives, package in enumerate(library.PACKAGES):
        if written >= characters and archives >= 2:
            break
        members = [member for member in library.sources(package) if len(member[1]) < _TOO_LONG]
        items = [(path, text, Item(paragraphs=(), note="source file")) for path, text in members]
        if copied is None:
            copied = members[-1]
            items[-1] = (*copied, _copy())
        elif archives == 1:
            items.append((f"{package}/vendored/{Path(copied[0]).name}", copied[1], _copy()))
        written += sum(len(text) for _, text in members)
        _archive(folder, package, items, answers)


def _copy() -> Item:
    return _one_of("code-copy", "one module in two archives")


def _one_of(group: str, note: str) -> Item:
    return Item(paragraphs=(), outcome="one_kept", rule="exact_duplicate", group=group, note=note)


def _archive(folder: Path, package: str, items: list[tuple[str, str, Item]], answers: Answers) -> None:
    source = f"{SUBSET}/python-{package}.tar.gz"
    licence = _LICENCE.format(copyright=sys.copyright)
    members = sorted(
        [*items, ("LICENSE", licence, _one_of("licence", "the licence of every archive"))],
        key=lambda member: member[0],
    )
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for row, (path, text, item) in enumerate(members):
            data = text.encode()
            member = tarfile.TarInfo(f"python-{package}/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
            answers.add(SUBSET, source, row, item)
    (folder / source).write_bytes(gzip.compress(target.getvalue(), 6, mtime=0))
