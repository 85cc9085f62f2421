"""The engines that a build must give the same bytes on: what each needs, how it is started, the options it takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from tests.conformance import clusters, downloads
from tests.conformance.downloads import Unavailable

FLINKS = ("1.20", "2.0")
SPARK = "3.5.0"
# The newest Beam all of whose job server's parts the registry had when this was written.
PARTS = "2.62.0"
SPARK_PARTS = (
    *(f"org.apache.spark:spark-{name}_2.12:{SPARK}" for name in ("core", "streaming", "sql")),
    "org.slf4j:slf4j-api:2.0.7",  # what Spark logs by; Beam alone would take an older one
)


@dataclass
class Ready:
    """An engine that is up: options of the build, its environment, processes that belong to its cost."""

    version: str
    options: list[str]
    env: dict[str, str] = field(default_factory=dict)
    processes: list[int] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)  # of a cluster; a fault test kills one


@dataclass(frozen=True)
class Engine:
    """`start` brings it up in a folder for a block; it raises Unavailable where it cannot be had here."""

    name: str
    start: Callable[[Path], AbstractContextManager[Ready]]


@contextmanager
def _local(options: list[str], work: Path) -> Iterator[Ready]:
    yield Ready(f"Beam {version('apache-beam')}", options)


@contextmanager
def _dask(work: Path) -> Iterator[Ready]:
    folder = downloads.packages(downloads.CACHE / "dask", "dask", "distributed")
    env = {"PYTHONPATH": os.pathsep.join([str(clusters.ROOT), str(folder)])}
    with clusters.dask(work, {**os.environ, **env}) as (address, processes):
        found = next(folder.glob("distributed-*.dist-info")).name.split("-")[1].removesuffix(".dist")
        options = ["--runner=DaskRunner", f"--dask_client_address={address}"]
        yield Ready(f"Dask {found}", options, env, processes, processes[1:])


@contextmanager
def _prism(work: Path) -> Iterator[Ready]:
    program = downloads.prism()
    yield Ready(f"Prism {version('apache-beam')}", ["--runner=PrismRunner", f"--prism_location={program}"])


def _flink_libraries(wanted: str) -> tuple[Path, str]:
    """(folder of jars, version) of Flink, as PyPI has it."""
    folder = downloads.JARS / f"flink-{wanted}"
    downloads.packages(folder, f"apache-flink-libraries=={wanted}.*", dependencies=False)
    found = next(folder.glob("apache_flink_libraries-*.dist-info")).name.split("-")[1].removesuffix(".dist")
    return folder / "pyflink" / "lib", found


def _flink_server(wanted: str, libraries: Path, work: Path) -> tuple[Path, str, list[Path]]:
    """(jar, what it is, Beam's jars in it where they stand alone) of a job server for this Flink."""
    beam = version("apache-beam")
    try:
        return downloads.released(f":runners:flink:{wanted}:job-server:shadowJar"), f"job server {beam}", []
    except Unavailable as reason:
        if not wanted.startswith("1."):
            raise
        # Beam's Flink 1.20 runner is its 1.19 one; no such likeness holds across Flink's 2.0.
        try:
            jars = downloads.parts("beam-runners-flink-1.19", PARTS)
        except Unavailable as second:
            raise Unavailable(f"{reason}; {second}") from None
    flink = [jar for jar in libraries.glob("*.jar") if not jar.name.startswith("flink-table")]
    beams = [jar for jar in jars.glob("*.jar") if not jar.name.startswith(("flink-", "slf4j-", "log4j-"))]
    jar = work / "job-server.jar"
    downloads.jar_of_jars(jar, "org.apache.beam.runners.flink.FlinkJobServerDriver", [*beams, *flink])
    return jar, f"job server {PARTS} from its parts", beams


def _flink_options(master: str, jar: Path) -> list[str]:
    return ["--runner=FlinkRunner", f"--flink_master={master}", "--parallelism=2", f"--flink_job_server_jar={jar}"]


@contextmanager
def _flink_embedded(wanted: str, work: Path) -> Iterator[Ready]:
    libraries, found = _flink_libraries(wanted)
    jar, what, _ = _flink_server(wanted, libraries, work)
    yield Ready(
        f"Flink {found}, {what}",
        [*_flink_options("[local]", jar), "--job_server_jvm_properties=-Xmx2g"],
        clusters.JAVA,
    )


@contextmanager
def _flink_session(wanted: str, work: Path) -> Iterator[Ready]:
    libraries, found = _flink_libraries(wanted)
    jar, what, beams = _flink_server(wanted, libraries, work)
    with clusters.flink(work, libraries, beams) as (address, processes):
        yield Ready(
            f"Flink {found}, {what}",
            [*_flink_options(address, jar), *clusters.worker_options(work)],
            clusters.JAVA,
            processes,
            workers=processes[1:],
        )


def _spark_server(work: Path) -> tuple[Path, Path, str]:
    """(jar, folder of jars, what they are) of Spark's job server."""
    jars = downloads.parts("beam-runners-spark-3", PARTS, *SPARK_PARTS)
    try:
        jar = downloads.released(":runners:spark:3:job-server:shadowJar")
        return jar, jars, f"Spark {SPARK}, job server {version('apache-beam')}"
    except Unavailable:
        jar = work / "job-server.jar"
        downloads.jar_of_jars(jar, "org.apache.beam.runners.spark.SparkJobServerDriver", list(jars.glob("*.jar")))
        return jar, jars, f"Spark {SPARK}, job server {PARTS} from its parts"


@contextmanager
def _spark_local(work: Path) -> Iterator[Ready]:
    jar, _, what = _spark_server(work)
    options = ["--runner=SparkRunner", "--spark_master_url=local[2]", f"--spark_job_server_jar={jar}"]
    yield Ready(what, options, clusters.JAVA)


@contextmanager
def _spark_standalone(work: Path) -> Iterator[Ready]:
    jar, jars, what = _spark_server(work)
    with clusters.spark(work, jars) as (address, processes):
        options = ["--runner=SparkRunner", f"--spark_master_url={address}", f"--spark_job_server_jar={jar}"]
        # One application for all jobs: else every one waits for executors of its own.
        options.append("--job_server_jvm_properties=-Dbeam.spark.test.reuseSparkContext=true")
        yield Ready(
            what,
            [*options, *clusters.worker_options(work)],
            clusters.JAVA,
            processes,
            processes[1:],
        )


ENGINES = [
    *(Engine(f"direct-{n}", partial(_local, [f"--workers={n}", "--exchange=beam"])) for n in (1, 2, 8)),
    Engine("direct-2-files", partial(_local, ["--workers=2", "--exchange=files"])),
    Engine(
        "portable-embedded",
        partial(_local, ["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK"]),
    ),
    Engine("dask-2", _dask),
    Engine("prism", _prism),
    *(Engine(f"flink-{wanted}-embedded", partial(_flink_embedded, wanted)) for wanted in FLINKS),
    *(Engine(f"flink-{wanted}-session", partial(_flink_session, wanted)) for wanted in FLINKS),
    Engine("spark-3-local", _spark_local),
    Engine("spark-3-standalone", _spark_standalone),
]
