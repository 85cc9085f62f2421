"""Hosts and URLs whose owners opted out: lists in files, and whether they cover a URL.

A line is a host, which covers its subdomains (`example.com`, also written `*.example.com`), or a host with a path,
which covers that path and everything below it (`https://example.com/people/`). With a query a line covers that URL
alone. `#` begins a comment. Scheme, `www.`, case of the host, user name, fragment and default ports do not count;
a line with another port covers that port alone. International host names may be written either way.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_DEFAULT_PORTS = (80, 443)


@dataclass(frozen=True)
class OptOut:
    """What is listed: hosts; of each (host, port) the paths and, as `path?query`, single URLs."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    paths: dict[tuple[str, int | None], frozenset[str]] = field(default_factory=dict)

    def covers(self, url: str | None) -> bool:
        """Whether a line covers the URL. What is no URL with a host is covered by none."""
        if not url or not (self.hosts or self.paths):
            return False
        try:
            host, port, path, query = _parts(url)
        except ValueError:
            return False
        ports = (None, port) if port is not None else (None,)
        if any((domain, of) in self.hosts for domain in _domains(host) for of in ports):
            return True
        listed = [paths for of in ports if (paths := self.paths.get((host, of)))]
        return any(above in paths for paths in listed for above in _above(path, query))


@cache
def load(paths: Sequence[str]) -> OptOut:
    """The lists in files, together. Raises ValueError naming file and line that is neither a host nor a URL."""
    hosts: set[tuple[str, int | None]] = set()
    listed: dict[tuple[str, int | None], set[str]] = {}
    for path in paths:
        if not Path(path).is_file():
            raise ValueError(
                f"there is no opt-out list at {path!r}; give the path of a text file, a host or URL a line"
            )
        for number, line in enumerate(Path(path).read_text("utf-8-sig").splitlines(), 1):
            entry = line.partition("#")[0].strip()
            if not entry:
                continue
            try:
                host, port, below, query = _entry(entry)
            except ValueError as error:
                raise ValueError(f"{path!r}, line {number}: {error}; write a host or a URL per line") from error
            if below == "/" and not query:
                hosts.add((host, port))
            else:
                listed.setdefault((host, port), set()).add(f"{below}?{query}" if query else below)
    return OptOut(frozenset(hosts), {where: frozenset(below) for where, below in listed.items()})


def _entry(entry: str) -> tuple[str, int | None, str, str]:
    if any(character.isspace() for character in entry):
        raise ValueError(f"{entry!r} has white space inside")
    host, port, path, query = _parts(entry.removeprefix("*."))
    if "*" in host or "*" in path:
        raise ValueError(f"{entry!r} has a '*' inside; a host covers its subdomains, a path what is below it")
    return host, port, path, query


def _parts(url: str) -> tuple[str, int | None, str, str]:
    """Host, port unless it is a default one, path, query. Raises ValueError where there is no host."""
    parts = urlsplit(url if _SCHEME.match(url) else f"//{url.removeprefix('//')}")
    host = _canonical(parts.hostname or "")
    if not host:
        raise ValueError(f"{url!r} has no host")
    port = None if parts.port in _DEFAULT_PORTS else parts.port
    return host, port, _path(parts.path), parts.query


def _canonical(host: str) -> str:
    """A host without `www.`, in lower case and, where it can be encoded so, in the ASCII form that links carry."""
    name = host.strip(".").lower().removeprefix("www.")
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def _path(path: str) -> str:
    """The path without escapes, empty and dotted segments and the slash at its end; `/` for none."""
    return posixpath.normpath("/" + unquote(path).lstrip("/"))


def _domains(host: str) -> Iterator[str]:
    """The host and its parent domains, nearest first."""
    while host:
        yield host
        host = host.partition(".")[2]


def _above(path: str, query: str) -> Iterator[str]:
    """The URL's path with its query, the path, and the paths above it."""
    if query:
        yield f"{path}?{query}"
    while path != "/":
        yield path
        path = posixpath.dirname(path)
