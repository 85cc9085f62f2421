"""The image cannot be built here, but its lines can be held to what they promise."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def lines() -> list[str]:
    """The Dockerfile's instructions, continuation lines joined."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def instructions(name: str) -> list[str]:
    return [line.removeprefix(name).strip() for line in lines() if line.startswith(f"{name} ")]


def environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S*)", " ".join(instructions("ENV"))))


def test_the_base_is_beams_sdk_image_of_the_pinned_version() -> None:
    (base,) = instructions("FROM")
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    assert base == f"apache/beam_python3.11_sdk:{pins['apache-beam']}"


def test_the_entry_point_of_the_base_stays_and_no_user_is_switched() -> None:
    assert not instructions("ENTRYPOINT")
    assert not instructions("CMD")


def test_kernels_are_compiled_for_one_instruction_set_level_into_one_cache() -> None:
    found = environment()
    assert found["NUMBA_CPU_NAME"] == "x86-64-v3"
    assert found["NUMBA_CPU_FEATURES"] == ""
    assert found["NUMBA_CACHE_DIR"].startswith("/opt/")
    assert "python -m pipelines.kernels" in instructions("RUN")


def test_every_direct_dependency_is_pinned() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.match(r"[\w-]+", spec).group().lower() for spec in project["dependencies"]}  # type: ignore[union-attr]
    pinned = {
        name.lower().replace("_", "-")
        for name in re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text(), re.M)
    }
    assert wanted <= pinned


@pytest.mark.slow
def test_its_run_lines_work_in_a_fresh_virtual_environment(tmp_path: Path) -> None:
    source = tmp_path / "source"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    venv.create(tmp_path / "venv", with_pip=True)
    bin_ = tmp_path / "venv" / "bin"
    variables = environment() | {"NUMBA_CACHE_DIR": str(tmp_path / "kernels"), "PATH": f"{bin_}:/usr/bin:/bin"}
    for line in instructions("RUN"):
        here = line.replace("/opt/massivetext/source", str(source)).replace("[gcp,aws]", "")
        done = subprocess.run(
            here, shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert list((tmp_path / "kernels").rglob("*.nbc"))
    started = subprocess.run(
        [str(bin_ / "python"), "-m", "massivetext.build", "--help"],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--mixture" in started.stdout
    assert sys.version_info[:2] == (3, 11) or "3.11" not in instructions("FROM")[0]
