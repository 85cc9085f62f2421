"""Two processes that meet over gloo against one, and runs that go on with another number of hosts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax")
pytest.importorskip("safetensors")

from safetensors.numpy import load_file

REPOSITORY = Path(__file__).resolve().parents[3]
STEPS = 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def train(data: Path, out: Path, processes: int, devices: int, mesh: str) -> list[str]:
    """Train to the end in so many processes of so many devices; what each of them printed."""
    call = f"--model tiny --batch 4 --context 16 --accumulate 2 --steps {STEPS} --checkpoint-every 2 --keep 9"
    call += " --double-batch"
    flags = f"--xla_force_host_platform_device_count={devices} --xla_backend_optimization_level=0"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    if processes > 1:
        call += f" --coordinator 127.0.0.1:{free_port()} --processes {processes}"
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "massivetext.train", "--data", data, "--out", out, "--mesh", mesh, *call.split()]
            + (["--process", str(number)] if processes > 1 else []),
            cwd=REPOSITORY,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    said = [process.communicate(timeout=280) for process in started]
    assert [process.returncode for process in started] == [0] * processes, said
    return [output for output, _ in said]


def lines(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def assert_same_run(found: Path, wanted: Path) -> None:
    """The same batches and, but for the order of sums, the same numbers."""
    assert [line["tokens"] for line in lines(found)] == [line["tokens"] for line in lines(wanted)]
    for measure in ("loss", "gradient_norm"):
        ours, theirs = ([line[measure] for line in lines(out)] for out in (found, wanted))
        np.testing.assert_allclose(ours, theirs, rtol=2e-5)
    bits = [lines(out)[-1]["validation"]["books"] for out in (found, wanted)]  # type: ignore[index]
    assert bits[0] == pytest.approx(bits[1], rel=2e-5)
    ours, theirs = (load_file(out / "weights.safetensors") for out in (found, wanted))
    for name, array in theirs.items():
        # Element by element they differ more: where the gradient is nought but for rounding, Adam follows the rounding.
        assert np.linalg.norm(ours[name] - array) <= 5e-3 * np.linalg.norm(array), name


def back_to_step_two(run: Path, copy: Path) -> Path:
    """A copy of a run as it was when its second step was saved."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "checkpoints" / str(STEPS))
    (copy / "weights.safetensors").unlink()
    return copy


@pytest.mark.slow
def test_two_processes_equal_one_and_each_goes_on_with_the_run_of_the_other(text_folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    train(text_folder, one, 1, 1, "1,1,1")
    first, second = train(text_folder, two, 2, 4, "2,2,2")
    assert f"step {STEPS}/{STEPS}" in first
    assert "loss" not in second  # Gloo alone prints there
    assert_same_run(two, one)
    for run, processes, devices, mesh in ((one, 2, 2, "1,4,1"), (two, 1, 1, "1,1,1")):
        resumed = back_to_step_two(run, tmp_path / f"{run.name}-goes-on")
        said = train(text_folder, resumed, processes, devices, mesh)
        assert "going on after step 2" in said[0]
        assert_same_run(resumed, one)
