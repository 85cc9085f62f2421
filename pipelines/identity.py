"""What a stage's bytes depend on: the project modules it imports and the libraries those import.

Read from the source text, so that nothing is imported to find out. The standard library's own version stands outside:
the Python minor version is added once.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import json
import re
import sys
from functools import cache
from typing import Any

PROJECT = ("filters", "pipelines", "massivetext")
# The engine runs stages, Beam moves elements, stores move files, the last two build wheels: none shapes a byte.
NOT_IN_BYTES = {"apache_beam", "apache-beam", "pipelines.engine", "pipelines.stores", "pybind11", "setuptools"}


def digest(value: Any) -> str:
    """Hex sha256 of a JSON-able value; equal values give equal digests."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@cache
def of_code(*modules: str) -> str:
    """Digest of the modules' source, of every project module they import, and of their libraries' versions."""
    project, libraries = _closure(modules)
    sources = {name: hashlib.sha256(_source(name)).hexdigest() for name in sorted(project)}
    return digest([sources, versions(libraries), python_version()])


def libraries_of(*modules: str) -> dict[str, str]:
    """Versions of the distributions that the modules and their project imports use."""
    return versions(_closure(modules)[1])


def python_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@cache
def _owners() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def versions(libraries: set[str]) -> dict[str, str]:
    """Versions of the distributions that hold these modules, and of what they require in turn."""
    owners = _owners()
    waiting = sorted(owner for library in libraries for owner in owners.get(library, []))
    found: dict[str, str] = {}
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in found and name not in NOT_IN_BYTES and (version := _version(name)):
            found[name] = version
            required = importlib.metadata.requires(name) or []
            waiting += [re.split(r"[^\w.-]", spec, maxsplit=1)[0] for spec in required if "extra ==" not in spec]
    return dict(sorted(found.items()))


@cache
def _version(distribution: str) -> str:
    """Its version, or nothing where it is not installed: a requirement of another platform."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _closure(modules: tuple[str, ...]) -> tuple[set[str], set[str]]:
    project: set[str] = set()
    libraries: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in project or module in NOT_IN_BYTES:
            continue
        project.add(module)
        for imported in _imports(module):
            root = imported.partition(".")[0]
            if root in PROJECT:
                waiting.append(imported)
            elif root not in sys.stdlib_module_names and root not in NOT_IN_BYTES:
                libraries.add(root)
    return project, libraries


@cache
def _imports(module: str) -> tuple[str, ...]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            inside = [f"{node.module}.{alias.name}" for alias in node.names]
            if node.module.partition(".")[0] in PROJECT:
                found.update(name for name in inside if _is_module(name))
    return tuple(sorted(found))


def _is_module(name: str) -> bool:
    return importlib.util.find_spec(name.rpartition(".")[0]) is not None and _find(name) is not None


def _find(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


@cache
def _source(module: str) -> bytes:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no source for module {module!r}, which a stage imports")
    with open(spec.origin, "rb") as file:
        return file.read()
