"""A folder as a source: its files, and which folders a pattern that ends with a slash names."""

from __future__ import annotations

import glob
import hashlib
import os

from pipelines import files
from pipelines.files import Listed


def tree(folder: str) -> list[Listed]:
    """All files below a folder, sorted by path; hidden files and links are left out."""
    folder = folder.rstrip("/")
    if files.is_remote(folder):
        return [file for file in files.listing(f"{folder}/**") if "/." not in file.path[len(folder) :]]
    real = os.path.realpath(folder)
    found = files.listing(f"{glob.escape(folder)}/**")
    return [file for file in found if os.path.realpath(file.path) == real + file.path[len(folder) :]]


def folders(pattern: str) -> list[Listed]:
    """The folders that match a pattern with a slash at its end; sizes are sums, versions digests of all files."""
    depth = pattern.count("/")
    held: dict[str, list[Listed]] = {}
    for file in files.listing(f"{pattern}**"):
        held.setdefault("/".join(file.path.split("/")[:depth]) + "/", []).append(file)
    return [_listed(path) for path in sorted(held)]


def _listed(path: str) -> Listed:
    held = tree(path)
    names = "\n".join(f"{file.path[len(path) :]}\0{file.bytes}\0{file.version}" for file in held)
    version = hashlib.blake2b(names.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
    return Listed(path, sum(file.bytes for file in held), version)
