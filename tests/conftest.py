"""What several tests share: the data pack beside the repository, and builds of the sample corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from massivetext import build, samples


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The pack of real documents that lies beside the repository, where there is one."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared data pack is not beside this repository (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample corpus in its 300-document edition."""
    return samples.make(tmp_path_factory.mktemp("sample") / "corpus", "tests")


@pytest.fixture(scope="session")
def built(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build of the sample corpus, for tests that only read one."""
    out = tmp_path_factory.mktemp("built") / "out"
    build.run([*building(sample, out), "--text"])
    return out


def building(sample: Path, out: Path) -> list[str]:
    """The options of a build of the small sample corpus."""
    return [
        "--mixture",
        "gopher",
        "--input",
        str(sample),
        "--output",
        str(out),
        "--workers",
        "1",
        "--vocabulary",
        "1024",
    ]
