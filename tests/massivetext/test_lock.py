"""Who holds a build folder, and when a lock is stale."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from massivetext import lock


def leave(folder: Path, **holder: object) -> None:
    """A lock as a driver that was killed leaves it."""
    mine = {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 1.0, "job": "", "token": "left"}
    folder.mkdir(exist_ok=True)
    (folder / lock.NAME).write_text(json.dumps(mine | holder))


def test_a_second_driver_is_refused_with_host_and_process(tmp_path: Path) -> None:
    with (
        lock.hold(str(tmp_path)),
        pytest.raises(lock.HeldError, match=rf"held by process {os.getpid()} on {socket.gethostname()}"),
        lock.hold(str(tmp_path)),
    ):
        pass
    assert not (tmp_path / lock.NAME).exists()


def test_a_lock_whose_process_is_gone_is_taken_over(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    leave(tmp_path, pid=int(dead.stdout))
    with lock.hold(str(tmp_path)):
        assert json.loads((tmp_path / lock.NAME).read_text())["pid"] == os.getpid()


def test_a_process_number_that_another_process_has_now_does_not_hold(tmp_path: Path) -> None:
    leave(tmp_path, pid=os.getpid(), started=psutil.Process().create_time() - 100)
    with lock.hold(str(tmp_path)):
        pass


def test_a_lock_of_another_host_stays(tmp_path: Path) -> None:
    leave(tmp_path, host="elsewhere", pid=7)
    with pytest.raises(lock.HeldError, match="held by process 7 on elsewhere"), lock.hold(str(tmp_path)):
        pass
    assert (tmp_path / lock.NAME).exists()


def test_a_job_that_outlives_its_driver_keeps_the_folder(tmp_path: Path) -> None:
    leave(tmp_path, job="2026-11-21_01")
    with pytest.raises(lock.HeldError, match=r"gone, but its job 2026-11-21_01.*jobs cancel"), lock.hold(str(tmp_path)):
        pass


def test_a_running_job_is_noted_and_forgotten(tmp_path: Path) -> None:
    with lock.hold(str(tmp_path)) as held:
        for job in ("2026-11-21_02", ""):
            held.running(job)
            assert json.loads((tmp_path / lock.NAME).read_text())["job"] == job


def test_a_lock_that_somebody_else_has_taken_is_not_removed(tmp_path: Path) -> None:
    with lock.hold(str(tmp_path)):
        leave(tmp_path, host="elsewhere")
    assert (tmp_path / lock.NAME).exists()


def test_an_unreadable_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / lock.NAME).write_text("{")
    with pytest.raises(lock.HeldError, match="no lock of this version"), lock.hold(str(tmp_path)):
        pass
