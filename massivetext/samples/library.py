"""Real text that every Python machine has: the standard library's prose and its source code.

Nothing from `site-packages`, nothing written when Python was built or packaged, and no module that
distributions leave out: one Python version gives the same bytes everywhere.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from pydoc_data import topics

LIBRARY = Path(os.__file__).parent

# The trees of the code archives, small ones first, so that an edition can take as many as it needs.
PACKAGES = (
    "json", "html", "tomllib", "wsgiref", "zoneinfo", "dbm", "logging", "sqlite3", "urllib",
    "xmlrpc", "collections", "concurrent", "curses", "http", "importlib", "ctypes", "unittest",
    "email", "xml", "multiprocessing", "asyncio",
)  # fmt: skip
# Single modules with much prose in their docstrings, for editions that must be quick.
TALKATIVE = (
    "argparse.py", "calendar.py", "difflib.py", "doctest.py", "functools.py", "heapq.py",
    "optparse.py", "pathlib.py", "random.py", "shutil.py", "statistics.py", "textwrap.py",
    "threading.py", "zipfile.py",
)  # fmt: skip

_PROSE = re.compile(r"[A-Z\"'(][^\n]*")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*[,;:.]?")
SHINGLE = 10


def prose(modules: Iterable[Path] | None = None) -> Iterator[tuple[str, ...]]:
    """Groups of paragraphs, a group per documented object, none sharing ten words in a row with another."""
    seen: set[str] = set()
    for document in _documents(list(modules) if modules is not None else _all_modules()):
        group = tuple(paragraph for paragraph in _paragraphs(document) if _is_new(paragraph, seen))
        if sum(len(paragraph.split()) for paragraph in group) >= 40:
            yield group


def talkative_modules() -> list[Path]:
    """A few modules with much prose, there on every machine that has a standard library."""
    return [LIBRARY / name for name in TALKATIVE if (LIBRARY / name).exists()]


def sources(package: str) -> list[tuple[str, str]]:
    """(member path, text) of a package's modules in sorted order; empty and undecodable files left out."""
    members = []
    for path in sorted((LIBRARY / package).rglob("*.py")):
        text = _decoded(path)
        if text and "test" not in path.relative_to(LIBRARY).parts:
            members.append((path.relative_to(LIBRARY).as_posix(), text))
    return members


def _all_modules() -> list[Path]:
    alone = [path for path in sorted(LIBRARY.glob("*.py")) if not path.name.startswith("_sysconfigdata")]
    return alone + [LIBRARY / member for package in PACKAGES for member, _ in sources(package)]


def _documents(modules: list[Path]) -> Iterator[str]:
    for name in sorted(topics.topics):
        yield topics.topics[name]
    for path in modules:
        yield from _docstrings(path)


@cache
def _decoded(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def _docstrings(path: Path) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes: list[ast.AST] = [ast.parse(_decoded(path))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, documented):
            text = ast.get_docstring(node)
            if text:
                yield text
            nodes.extend(reversed(node.body))


def _paragraphs(document: str) -> Iterator[str]:
    """The paragraphs that read as prose: flush left, whole sentences, nearly all of it words."""
    for block in re.split(r"\n\s*\n", document):
        lines = block.strip("\n").split("\n")
        if not _PROSE.fullmatch(lines[0]) or any(line.startswith((" ", "\t", ">>>")) for line in lines):
            continue
        text = " ".join(" ".join(lines).split())
        found = text.split()
        if len(found) >= 12 and text[-1] in ".:" and _share_of_words(found) >= 0.85:
            yield text


def _share_of_words(found: list[str]) -> float:
    return sum(1 for word in found if _WORD.fullmatch(word)) / len(found)


def _is_new(paragraph: str, seen: set[str]) -> bool:
    found = paragraph.split()
    runs = {" ".join(found[start : start + SHINGLE]) for start in range(max(1, len(found) - SHINGLE + 1))}
    if runs & seen:
        return False
    seen |= runs
    return True
