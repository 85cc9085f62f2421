"""A stage's digest covers the source it imports and the libraries behind it, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelines import identity


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of two modules, one importing the other, under a name of its own."""
    root = tmp_path / "madeup"
    root.mkdir()
    (root / "__init__.py").write_text("")
    (root / "kernel.py").write_text("BOUND = 1\n")
    (root / "work.py").write_text("import os\n\nimport numpy\n\nfrom madeup import kernel\n\nX = kernel.BOUND\n")
    (root / "other.py").write_text("Y = 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(identity, "PROJECT", ("madeup",))
    clear()
    yield root
    clear()
    for name in [name for name in sys.modules if name.startswith("madeup")]:
        del sys.modules[name]


def clear() -> None:
    for cached in (identity.of_code, identity._source, identity._imports):
        cached.cache_clear()


def digest() -> str:
    clear()
    return identity.of_code("madeup.work")


def test_an_edited_kernel_changes_the_digest_of_what_imports_it(package: Path) -> None:
    before = digest()
    (package / "kernel.py").write_text("BOUND = 2\n")
    assert digest() != before


def test_a_module_that_is_not_imported_changes_nothing(package: Path) -> None:
    before = digest()
    (package / "other.py").write_text("Y = 3\n")
    assert digest() == before


def test_the_libraries_are_those_that_the_imports_name(package: Path) -> None:
    assert list(identity.libraries_of("madeup.work")) == ["numpy"]


def test_curate_depends_on_the_extractor_and_the_kernels_but_not_on_beam() -> None:
    libraries = identity.libraries_of("pipelines.curate")
    assert {"numba", "pyarrow", "trafilatura", "justext", "lxml"} <= set(libraries)
    assert "apache-beam" not in libraries


def test_equal_values_have_equal_digests_whatever_their_order() -> None:
    assert identity.digest({"a": 1, "b": [2]}) == identity.digest({"b": [2], "a": 1})
    assert identity.digest({"a": 1}) != identity.digest({"a": 2})
