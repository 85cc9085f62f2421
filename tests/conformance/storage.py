"""Object stores on loopback: real servers that speak the protocols of S3 and of Google Cloud Storage.

`python tests/conformance/storage.py FOLDER` builds them into FOLDER with Go (a few minutes); put it on PATH, and the
tests beside this file use them. Without a server its tests are skipped; moto (`pip install 'moto[server]'`) is one too.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SOURCES = {
    "versitygw": "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
    "fake-gcs-server": "github.com/fsouza/fake-gcs-server@v1.56.1",
}
BUCKET = "bucket"
START_SECONDS = 20.0


@dataclass(frozen=True)
class Server:
    """A running store with an empty bucket: where it is, and what a build has to be told to find it."""

    root: str
    options: list[str]
    variables: dict[str, str] = field(default_factory=dict)
    log: Path | None = None

    def requests(self) -> list[str]:
        """The requests it answered, where it keeps a list."""
        return self.log.read_text().splitlines() if self.log and self.log.exists() else []


def program(kind: str) -> list[str]:
    """How to start the server, [] where it is not installed."""
    if kind == "moto":
        found = shutil.which("moto_server", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
    else:
        found = shutil.which(kind)
    return [found] if found else []


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Server]:
    """A server on a free port of this machine, stopped at the end."""
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command, server = {"versitygw": _versitygw, "moto": _moto, "fake-gcs-server": _gcs}[kind](port, endpoint, folder)
    environment = os.environ | {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        _wait(process, endpoint)
        yield server
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], endpoint: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while process.poll() is None and time.monotonic() < deadline:
        try:
            opener.open(endpoint, timeout=1).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args} does not answer at {endpoint}")


def _s3(endpoint: str, log: Path | None = None) -> Server:
    options = [f"--s3_endpoint_url={endpoint}", "--s3_access_key_id=mine", "--s3_secret_access_key=mine-too"]
    return Server(f"s3://{BUCKET}", [*options, "--s3_region_name=us-east-1"], _loopback(), log)


def _loopback() -> dict[str, str]:
    return {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def _versitygw(port: int, endpoint: str, folder: Path) -> tuple[list[str], Server]:
    (folder / "objects" / BUCKET).mkdir(parents=True)
    log = folder / "access.log"
    keys = ["--access", "mine", "--secret", "mine-too"]
    where = ["--port", f"127.0.0.1:{port}", "--quiet", "--access-log", str(log)]
    return [*program("versitygw"), *keys, *where, "posix", str(folder / "objects")], _s3(endpoint, log)


def _moto(port: int, endpoint: str, folder: Path) -> tuple[list[str], Server]:
    return [*program("moto"), "-H", "127.0.0.1", "-p", str(port)], _s3(endpoint)


def _gcs(port: int, endpoint: str, folder: Path) -> tuple[list[str], Server]:
    (folder / "objects" / BUCKET).mkdir(parents=True)
    where = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-external-url", endpoint]
    command = [*program("fake-gcs-server"), *where, "-data", str(folder / "objects"), "-backend", "memory"]
    variables = {"STORAGE_EMULATOR_HOST": endpoint, **_loopback()}
    return command, Server(f"gs://{BUCKET}", ["--no_auth", "--project=none"], variables)


def install(folder: Path) -> None:
    """Build the servers that Go can build into `folder`."""
    for source in SOURCES.values():
        subprocess.run(["go", "install", source], env=os.environ | {"GOBIN": str(folder.resolve())}, check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
