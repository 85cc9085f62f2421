"""The licence of source code: which one a text or a package's metadata names, by its SPDX name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

ANY = "any"
UNKNOWN = "unknown"
_PERMISSIVE_NAMES = """
    0BSD AFL-3.0 Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear BSL-1.0
    CC0-1.0 ECL-2.0 HPND ISC MIT MIT-0 MIT-CMU MS-PL NCSA PostgreSQL PSF-2.0 Python-2.0 TCL Unicode-3.0 Unlicense
    UPL-1.0 W3C WTFPL X11 Zlib
"""
PERMISSIVE = tuple(_PERMISSIVE_NAMES.split())
_KNOWN = {name.casefold(): name for name in PERMISSIVE} | {
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "boost software license 1.0": "BSL-1.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "mit license": "MIT",
    "psf": "PSF-2.0",
    "python software foundation license": "PSF-2.0",
    "the mit license": "MIT",
    "the unlicense": "Unlicense",
}
LICENCE_FILE = re.compile(r"(?:(?:mit|bsd|apache)[-_])?(?:un)?licen[cs]es?(?:[-_.][\w.-]*)?$|copying(?:\.\w+)?$", re.I)
PACKAGE_FILES = frozenset(("package.json", "PKG-INFO", "Cargo.toml", "pyproject.toml", "composer.json"))
FILE_LIMIT = 256 << 10  # bytes; a larger file is no licence
_SPACES = re.compile(r"[\W_]+")
_BSD = "redistribution and use in source and binary forms"
_MIT = "permission is hereby granted free of charge to any person obtaining a copy"
# The first whose phrases all stand in the text, words only, lower case.
_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AGPL-3.0", ("gnu affero general public license version 3",)),
    ("LGPL-3.0", ("gnu lesser general public license version 3",)),
    ("LGPL-2.1", ("gnu lesser general public license version 2",)),
    ("GPL-3.0", ("gnu general public license version 3",)),
    ("GPL-2.0", ("gnu general public license version 2",)),
    ("MPL-2.0", ("mozilla public license version 2 0",)),
    ("EPL-2.0", ("eclipse public license v 2 0",)),
    ("EPL-1.0", ("eclipse public license v 1 0",)),
    ("Apache-2.0", ("apache license", "version 2 0")),
    ("PSF-2.0", ("python software foundation license version 2",)),
    ("BSL-1.0", ("boost software license version 1 0",)),
    ("CC0-1.0", ("cc0 1 0 universal",)),
    ("Unlicense", ("this is free and unencumbered software released into the public domain",)),
    ("BSD-4-Clause", (_BSD, "all advertising materials")),
    ("BSD-3-Clause", (_BSD, "endorse or promote")),
    ("BSD-2-Clause", (_BSD,)),
    ("MIT", (_MIT, "above copyright notice and this permission notice")),
    ("MIT-0", (_MIT,)),
    ("PostgreSQL", ("this software and its documentation for any purpose without fee and without a written",)),
    ("Zlib", ("altered source versions must be plainly marked",)),
    ("WTFPL", ("do what the fuck you want to public license",)),
    ("ISC", ("distribute this software for any purpose with or without fee is hereby granted provided that",)),
    ("0BSD", ("distribute this software for any purpose with or without fee is hereby granted",)),
)
_SPDX = re.compile(r"SPDX-License-Identifier:\s*([\w.+() -]{2,80})")
_FIELD = re.compile(r"^(?:License-Expression|License):[ \t]*(\S.*)$|^license\s*=\s*[\"']([^\"'\n]+)[\"']", re.M)
_HEAD = 2000  # characters of a source file in which it may name its licence


def in_text(text: str) -> str | None:
    """The SPDX name of a licence's own text, None for one that is not known."""
    words = _SPACES.sub(" ", text).lower()
    return next((name for name, phrases in _PHRASES if all(phrase in words for phrase in phrases)), None)


def in_package(name: str, text: str) -> tuple[str, ...]:
    """The licences that a package's metadata file names."""
    if name.endswith(".json"):
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            return ()
        named = data.get("license") if isinstance(data, dict) else None
        named = named.get("type") if isinstance(named, dict) else named
    else:
        found = _FIELD.search(text)
        named = found and (found.group(1) or found.group(2))
    return expression(named) if isinstance(named, str) else ()


def in_head(text: str) -> tuple[str, ...]:
    """The licences that a source file names in its first lines by SPDX."""
    found = _SPDX.search(text, 0, _HEAD)
    return expression(found.group(1)) if found else ()


def expression(text: str) -> tuple[str, ...]:
    """The licences of an SPDX expression or a list; of alternatives the permissive ones, if there are any."""
    alternatives = [_conjunction(part) for part in re.split(r"\s+OR\s+|\s*/\s*", text.strip(" ()"))]
    alternatives = [names for names in alternatives if names]
    permissive = [names for names in alternatives if set(names) <= set(PERMISSIVE)]
    return (permissive or alternatives or [()])[0]


def _conjunction(text: str) -> tuple[str, ...]:
    parts = (part.strip(" ()") for part in re.split(r"\s+AND\s+|\s+WITH\s+[\w.-]+", text))
    return tuple(canonical(part) for part in parts if part)


def canonical(name: str) -> str:
    """The SPDX name as it is written, a name that is not known as it is."""
    return _KNOWN.get(name.casefold().strip(), name.strip())


def may_stay(found: Iterable[str], wanted: Iterable[str]) -> bool:
    """Whether every licence is in the list; `permissive` stands for all permissive ones, `any` for everything."""
    names = {name.casefold() for name in wanted}
    if ANY in names:
        return True
    if "permissive" in names:
        names.update(map(str.casefold, PERMISSIVE))
    return names.issuperset(name.casefold() for name in found or (UNKNOWN,))


class Licences:
    """Licence files and package metadata of a source tree, by folder; a file has those of the nearest folder."""

    def __init__(self) -> None:
        self._texts: dict[str, tuple[str, ...]] = {}
        self._packages: dict[str, tuple[str, ...]] = {}

    @staticmethod
    def tells(path: str) -> bool:
        """Whether a file of this name may say what the licence is."""
        name = path.rsplit("/", 1)[-1]
        return name in PACKAGE_FILES or LICENCE_FILE.match(name) is not None

    def add(self, path: str, data: bytes) -> None:
        folder, _, name = path.rpartition("/")
        text = data[:FILE_LIMIT].decode("utf-8", "replace")
        if name in PACKAGE_FILES:
            self._packages[folder] = self._packages.get(folder, ()) + in_package(name, text)
        elif (found := in_text(text)) is not None:
            self._texts[folder] = (*self._texts.get(folder, ()), found)

    def of(self, path: str) -> tuple[str, ...]:
        """The licences of a file, sorted; none if none were found."""
        folder = path.rpartition("/")[0]
        while True:
            found = self._texts.get(folder) or self._packages.get(folder)
            if found or not folder:
                return tuple(sorted(set(found or ())))
            folder = folder.rpartition("/")[0]
