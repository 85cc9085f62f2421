"""A worker of a cluster dies, a driver dies: the job or its rerun ends with the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from pipelines.runners.jobs import Job, end
from tests.conformance import run
from tests.conformance.downloads import Unavailable
from tests.conformance.engines import ENGINES, Ready
from tests.conformance.processes import service, wait_until

pytestmark = pytest.mark.slow
DEADLINE = 900.0


@pytest.fixture
def ready(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ready]:
    engine = next(engine for engine in ENGINES if engine.name == request.param)
    try:
        with engine.start(tmp_path) as found:
            yield found
    except Unavailable as reason:
        pytest.skip(str(reason))


def wait_for_marks(out: Path, driver: subprocess.Popen[bytes], of: int) -> None:
    """Return in the middle of the first stage: some of its shards are finished, not all."""
    until = time.monotonic() + DEADLINE
    while not (found := len(list((out / "documents").glob("[0-9]*.json")))):
        assert driver.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    assert found < of


def shards(sample: Path) -> int:
    return sum(path.is_file() for path in sample.rglob("*"))


@pytest.mark.parametrize("ready", ["dask-2", "flink-1.20-session"], indirect=True)
def test_a_worker_killed_in_the_middle_of_a_stage(ready: Ready, sample: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command, env = run.command(ready, sample, out, 1024), run.environment(ready)
    with service(command, tmp_path / "build.log", env) as driver:
        wait_for_marks(out, driver, shards(sample))
        os.kill(ready.workers[0], signal.SIGKILL)
        status = driver.wait(DEADLINE)
    if status:  # the job may fail; then its rerun must not
        again = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert again.returncode == 0, again.stderr[-3000:]
    assert run.sum_of(out / "train") == run.sum_of(built / "train")


@pytest.mark.parametrize("ready", ["flink-1.20-session"], indirect=True)
def test_a_driver_killed_while_its_job_runs_in_a_cluster(
    ready: Ready, sample: Path, built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command, env = run.command(ready, sample, out, 1024), run.environment(ready)
    cluster = next(option.partition("=")[2] for option in ready.options if option.startswith("--flink_master="))
    with service(command, tmp_path / "build.log", env) as driver:
        wait_until(lambda: any(job["state"] == "RUNNING" for job in jobs(cluster)), "the job", driver, DEADLINE)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        noted = json.loads((out / "driver.lock").read_text())["job"]
        assert [(job["name"], job["state"]) for job in jobs(cluster)] == [(Job.parse(noted).name, "RUNNING")]
        end(noted)  # at once; what the command does itself comes some seconds later, when the job may be done
        assert [(job["name"], job["state"]) for job in jobs(cluster)] == [(Job.parse(noted).name, "CANCELED")]
        again = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert again.returncode == 0, again.stderr[-3000:]
    assert "ending what a driver that is gone left running" in again.stderr
    assert run.sum_of(out / "train") == run.sum_of(built / "train")
    ran = sorted((job["start-time"], job["end-time"], job["state"]) for job in jobs(cluster))
    assert all(end <= start for (_, end, _), (start, _, _) in pairwise(ran)), "two at one time"


@pytest.mark.parametrize("ready", ["dask-2", "spark-3-standalone"], indirect=True)
def test_a_driver_killed_in_the_middle_of_a_stage(ready: Ready, sample: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command, env = run.command(ready, sample, out, 1024), run.environment(ready)
    with service(command, tmp_path / "build.log", env) as driver:
        wait_for_marks(out, driver, shards(sample))
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
        noted = json.loads((out / "driver.lock").read_text()).get("job")
        again = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert again.returncode == 0, again.stderr[-3000:]
        # Spark's jobs go on in the job server that the driver left; Dask drops those of a client that is gone.
        assert ("ending what a driver that is gone left running" in again.stderr) == bool(noted)
        if noted:
            assert not psutil.pid_exists(int(Job.parse(noted).server.partition(":")[0]))
    assert run.sum_of(out / "train") == run.sum_of(built / "train")


def jobs(cluster: str) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{cluster}/jobs/overview", timeout=20) as answer:
        return list(json.load(answer)["jobs"])
