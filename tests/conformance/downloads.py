"""What the engines need from package registries, by their ordinary clients, kept in a cache outside the repository.

Beam's job servers are one jar each. Where a registry lacks it, one is put together from the runner's module and what
that depends on, by Maven; the table names the version that was found.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import apache_beam
from apache_beam.runners.portability.job_server import JavaJarJobServer

CACHE = Path(
    os.environ.get("MASSIVETEXT_CONFORMANCE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "massivetext-conformance"
)
# Beam's job servers send their whole class path to a cluster with every job, 240 MB here, and leave out only what has
# this in its path. The clusters have these jars on a class path of their own.
JARS = CACHE / "gradle" / "wrapper"
PATIENCE = 600  # seconds for one download
DAY = 86400  # seconds until a registry is asked again for what it had not
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"


class Unavailable(RuntimeError):  # noqa: N818 - what is skipped is no error
    """Something cannot be had here; the text says what and why."""


def need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise Unavailable(f"no {program} on this machine")
    return found


def _call(command: Sequence[str], what: str, cwd: Path | None = None, **env: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{what}: not there after {PATIENCE} s") from None
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line or "rror:" in line]
        raise Unavailable(f"{what} cannot be had: {(said or ['no reason given'])[0][:160]}")


def packages(folder: Path, *wanted: str, dependencies: bool = True) -> Path:
    """The folder, with Python packages that stay apart from this environment."""
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        with_them = ["-c", str(CONSTRAINTS)] if dependencies else ["--no-deps"]
        pip = [sys.executable, "-m", "pip", "install", "--retries", "1", "--timeout", "30", "--target", str(folder)]
        _call([*pip, *with_them, *wanted], " ".join(wanted))
        (folder / "ready").touch()
    return folder


def prism() -> Path:
    """Beam's Prism in this Beam's version, built by Go."""
    program = CACHE / f"prism-{apache_beam.__version__}" / "prism"
    if not program.exists():
        module = f"github.com/apache/beam/sdks/v2/go/cmd/prism@v{apache_beam.__version__}"
        _call([need("go"), "install", module], module, GOBIN=str(program.parent))
    return program


def released(target: str) -> Path:
    """The job server jar that Beam itself would fetch, such as ':runners:flink:1.20:job-server:shadowJar'."""
    need("java")
    url = JavaJarJobServer.path_to_beam_jar(target)
    name = url.rsplit("/", 1)[1]
    missing = CACHE / "missing" / name
    if missing.exists() and time.time() - missing.stat().st_mtime < DAY:
        raise Unavailable(f"no {name} in the registry")
    waited = socket.getdefaulttimeout()
    socket.setdefaulttimeout(30)  # Beam's download has none
    try:
        return Path(JavaJarJobServer.local_jar(url, str(CACHE / "jars")))
    except (OSError, RuntimeError) as error:
        missing.parent.mkdir(parents=True, exist_ok=True)
        missing.touch()
        raise Unavailable(f"no {name} in the registry") from error
    finally:
        socket.setdefaulttimeout(waited)


def parts(artifact: str, version: str, *others: str) -> Path:
    """A folder with the jars of a module of Beam, of `others` (group:artifact:version), and all they depend on."""
    need("java")
    folder = JARS / f"{artifact}-{version}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        wanted = [f"org.apache.beam:{artifact}:{version}", *others]
        (folder / "pom.xml").write_text(_project(wanted))
        command = [need("mvn"), "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'jars'}"]
        _call(command, wanted[0], cwd=folder)
        (folder / "ready").touch()
    return folder / "jars"


def _project(wanted: Sequence[str]) -> str:
    items = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        "</dependency>"
        for group, artifact, version in (name.split(":") for name in wanted)
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>conformance</groupId><artifactId>parts</artifactId>"
        f"<version>1</version><packaging>pom</packaging><dependencies>{items}</dependencies></project>"
    )


def jar_of_jars(path: Path, main: str, jars: Sequence[Path]) -> Path:
    """A jar that runs `main` on the class path `jars`, for `java -jar`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = "Class-Path: " + " ".join(jar.resolve().as_uri() for jar in sorted(jars))
    folded = "\r\n ".join(line[start : start + 68] for start in range(0, len(line), 68))
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nMain-Class: {main}\r\n{folded}\r\n\r\n")
    return path
