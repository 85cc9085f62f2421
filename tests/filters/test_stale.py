"""An edit of any kernel forgets what was compiled from the old sources, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from filters.kernels.stale import forget_stale


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "one.py").write_text("a = 1")
    (tmp_path / "__pycache__").mkdir()
    forget_stale(tmp_path, [tmp_path])
    for name in ("one.roll-3.py311.nbi", "one.roll-3.py311.1.nbc", "one.cpython-311.pyc"):
        (tmp_path / "__pycache__" / name).write_text("compiled")
    return tmp_path


def cached(folder: Path) -> set[str]:
    return {path.suffix for path in (folder / "__pycache__").iterdir()} - {".sha256"}


def test_compiled_kernels_stay_while_the_sources_do(kernels: Path) -> None:
    assert not forget_stale(kernels, [kernels])
    assert cached(kernels) == {".nbi", ".nbc", ".pyc"}


def test_an_edit_in_any_source_folder_forgets_compiled_kernels_alone(kernels: Path, tmp_path: Path) -> None:
    (kernels / "one.py").write_text("a = 2")
    assert forget_stale(kernels, [kernels])
    assert cached(kernels) == {".pyc"}


def test_an_images_own_cache_folder_is_left_alone(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/somewhere")
    (kernels / "one.py").write_text("a = 3")
    assert not forget_stale(kernels, [kernels])
    assert cached(kernels) == {".nbi", ".nbc", ".pyc"}
