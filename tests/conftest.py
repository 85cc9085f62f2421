"""What several tests share: the data pack beside the repository, and builds of the sample corpus."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The pack of real documents that lies beside the repository, where there is one."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data pack is not beside this repository (../shared/data)")
    return folder
