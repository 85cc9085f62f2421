"""A build in an object store has the bytes of one on disk: against real servers on loopback, with kills in between."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from massivetext.stages import NAMES
from pipelines import files, stores
from pipelines.stores import use_options
from tests.conformance import storage
from tests.conformance.storage import Server

EXTRAS = {"versitygw": "boto3", "moto": "boto3", "fake-gcs-server": "google.cloud.storage"}
KILLED_AFTER = ("curate", "decide", "tokenize", "mix")
DEADLINE = 400.0


@pytest.fixture(params=sorted(EXTRAS))
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    pytest.importorskip(EXTRAS[request.param], reason=f"{EXTRAS[request.param]} is not installed")
    if not storage.program(request.param):
        pytest.skip(f"no {request.param} on PATH: python tests/conformance/storage.py FOLDER builds what Go can build")
    with storage.running(request.param, tmp_path) as found:
        for name, value in found.variables.items():
            monkeypatch.setenv(name, value)
        use_options(found.options)
        if request.param == "moto":
            _make_bucket()
        yield found
    use_options([])


def _make_bucket() -> None:
    from pipelines.stores import s3

    s3.store()._client.create_bucket(Bucket=storage.BUCKET)


def upload(folder: Path, root: str) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            files.write_bytes(f"{root}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def command(server: Server) -> list[str]:
    where = ["--input", f"{server.root}/in", "--output", f"{server.root}/out", "--workers", "1"]
    options = ["--mixture", "gopher", "--vocabulary", "1024", *where, *server.options]
    return [sys.executable, "-m", "massivetext.build", *options]


def sums(server: Server) -> dict[str, str]:
    found = files.names(f"{server.root}/out/train")
    return {name: hashlib.sha256(files.read_bytes(f"{server.root}/out/train/{name}")).hexdigest() for name in found}


def kill_after(stage: str, server: Server) -> bool:
    """Kill a build with SIGKILL once `stage` has ended; whether it still ran."""
    process = subprocess.Popen(
        command(server), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.split()[:1] == [stage]:
            time.sleep(0.2)
            break
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert running, "".join(said[-30:])
    return running


@pytest.mark.slow
def test_a_build_killed_four_times_in_a_store_has_the_bytes_of_one_on_disk(
    server: Server, sample: Path, built: Path
) -> None:
    use_options(server.options)
    upload(sample, f"{server.root}/in")
    for stage in KILLED_AFTER:
        kill_after(stage, server)
        assert not files.exists(f"{server.root}/out/train/manifest.json")
    last = subprocess.run(command(server), capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert last.returncode == 0, last.stderr[-3000:]
    assert sums(server) == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (built / "train").iterdir()
    }
    assert not files.exists(f"{server.root}/out/driver.lock")
    before = len(server.requests())
    again = subprocess.run(command(server), capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert again.returncode == 0, again.stderr[-3000:]
    # A finished stage costs a manifest and a listing, however many files it has; `mix` reads its bins again.
    assert len(server.requests()) - before < 800, Counter(line.split()[7] for line in server.requests()[before:])
    verified = [sys.executable, "-m", "massivetext.verify", f"{server.root}/out", "--deep", *server.options]
    checked = subprocess.run(verified, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert checked.returncode == 0, checked.stderr[-3000:]


def test_an_upload_that_fails_leaves_nothing_behind(server: Server) -> None:
    path = f"{server.root}/half"

    def write_half() -> None:
        with files.create(path) as sink:
            sink.write(bytes(20 << 20))
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_half()
    assert not files.exists(path)
    assert files.size(path) == -1


@pytest.mark.parametrize("size", [0, 1, 9 << 20])
def test_a_file_comes_back_whole_and_in_parts(server: Server, size: int) -> None:
    path, data = f"{server.root}/a/b c", hashlib.sha256().digest() * (size // 32) + bytes(size % 32)
    written = files.write_bytes(path, data)
    assert (written.bytes, written.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert files.read_bytes(path) == data
    assert files.size(path) == size
    with files.open_read(path) as file:
        file.seek(size // 2)
        assert file.read(1000) == data[size // 2 : size // 2 + 1000]
        assert file.read() == data[size // 2 + 1000 :]
        file.seek(-min(7, size), os.SEEK_END)
        assert file.read() == data[size - min(7, size) :]


def test_of_two_who_create_one_file_one_succeeds(server: Server) -> None:
    path = f"{server.root}/lock"
    assert [files.create_new(path, data) for data in (b"first", b"second")] == [True, False]
    assert files.read_bytes(path) == b"first"
    files.remove(path)
    assert files.create_new(path, b"third")


def test_listings_globs_and_removals_are_those_of_a_disk(server: Server, tmp_path: Path) -> None:
    names = ["a/1.jsonl", "a/b/2.jsonl", "a/b/c/3.jsonl", "a/b/c/4.txt", "ab/5.jsonl", "a.jsonl"]
    for name in names:
        for root in (server.root, str(tmp_path / "disk")):
            files.write_bytes(f"{root}/{name}", name.encode())

    def found(root: str, pattern: str) -> list[str]:
        return [listed.path[len(root) + 1 :] for listed in files.listing(f"{root}/{pattern}")]

    disk = str(tmp_path / "disk")
    for pattern in ("a/**/*.jsonl", "a/*", "*.jsonl", "a/b/?.jsonl", "a/**", "a?/[56].jsonl", "nothing/*"):
        assert found(server.root, pattern) == found(disk, pattern), pattern
    assert files.sizes(f"{server.root}/a") == {"1.jsonl": 9}
    assert files.exists(f"{server.root}/a")
    assert not files.exists(f"{server.root}/a/b/c/3")
    for root in (server.root, disk):
        files.remove(f"{root}/a")
    assert found(server.root, "**") == found(disk, "**") == ["a.jsonl", "ab/5.jsonl"]


def test_a_missing_object_is_a_missing_file_and_an_unknown_bucket_is_named(server: Server) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        files.read_bytes(f"{server.root}/nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        files.open_read(f"{server.root}/nowhere")
    with pytest.raises((stores.StoreError, FileNotFoundError), match="no-such-bucket"):
        files.write_bytes(f"{server.root.replace(storage.BUCKET, 'no-such-bucket')}/x", b"x")


def test_every_stage_that_is_killed_here_exists() -> None:
    assert set(KILLED_AFTER) < set(NAMES)
