"""Small clusters on this machine, two workers each, that end with their block."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conformance.processes import free_port, listens, service, wait_until

ROOT = Path(__file__).parents[2]
WORKERS = 2
_OPEN = "java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.text java.time java.util"
_OPEN += " java.util.concurrent java.util.concurrent.atomic java.util.concurrent.locks sun.nio.ch sun.security.action"
# What Flink and Spark reach for inside Java 17.
OPENED = " ".join(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPEN.split())
# Clusters live for minutes: compiling Java again and again for speed costs more than it gives.
BRIEF = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
JAVA = {"JAVA_TOOL_OPTIONS": f"{OPENED} {BRIEF}"}

Cluster = tuple[str, list[int]]
"""An address, and processes: the master first, then the workers."""


def worker_options(work: Path) -> list[str]:
    """Options by which a cluster starts Python workers of this environment, one per worker of its own."""
    script = work / "worker.sh"
    script.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m pipelines.runners.worker "$@"\n')
    script.chmod(0o755)
    process = ["--environment_type=PROCESS", f"--environment_config={json.dumps({'command': str(script)})}"]
    return [*process, "--environment_cache_millis=10000"]


@contextmanager
def dask(work: Path, env: Mapping[str, str]) -> Iterator[Cluster]:
    """A Dask scheduler with two worker processes."""
    port, log = free_port(), work / "cluster"
    address = f"tcp://127.0.0.1:{port}"
    call = [sys.executable, "-m"]
    with ExitStack() as stack:
        command = [*call, "distributed.cli.dask_scheduler", "--host=127.0.0.1", f"--port={port}", "--no-dashboard"]
        scheduler = stack.enter_context(service(command, log / "scheduler.log", env))
        wait_until(lambda: listens(port), "Dask's scheduler", scheduler)
        processes = [scheduler.pid]
        for number in range(WORKERS):
            command = [*call, "distributed.cli.dask_worker", address, "--no-dashboard", "--nthreads=1", "--no-nanny"]
            command += ["--memory-limit=0", f"--local-directory={work}"]
            processes.append(stack.enter_context(service(command, log / f"worker-{number}.log", env)).pid)
        yield address, processes


FLINK = """\
jobmanager.rpc.address: localhost
jobmanager.rpc.port: {rpc}
rest.address: localhost
rest.bind-address: localhost
rest.port: {rest}
blob.server.port: {blob}
parallelism.default: 2
taskmanager.numberOfTaskSlots: 2
cluster.evenly-spread-out-slots: true
io.tmp.dirs: {work}
classloader.check-leaked-classloader: false
classloader.resolve-order: parent-first
heartbeat.timeout: 20000
heartbeat.interval: 3000
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 1 s
"""
# Memory as Flink's start script would have computed it for a task manager of about 1.8 GB. One must have the network
# buffers of a whole job, for when the other has died.
TASK_MANAGER = {
    "taskmanager.cpu.cores": "1.0",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "512m",
    "taskmanager.memory.task.off-heap.size": "0b",
    "taskmanager.memory.managed.size": "384m",
    "taskmanager.memory.network.min": "192m",
    "taskmanager.memory.network.max": "192m",
    "taskmanager.memory.jvm-metaspace.size": "512m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
}


@contextmanager
def flink(work: Path, libraries: Path, more: Sequence[Path] = ()) -> Iterator[Cluster]:
    """A Flink session cluster with two task managers of two slots each, of which a job takes one of each."""
    rest, log = free_port(), work / "cluster"
    conf = work / "conf"
    conf.mkdir(parents=True, exist_ok=True)
    text = FLINK.format(rpc=free_port(), rest=rest, blob=free_port(), work=work)
    (conf / "config.yaml").write_text(text)
    (conf / "flink-conf.yaml").write_text(text)  # as 1.18 and earlier call it
    env = {**os.environ, **JAVA, "FLINK_CONF_DIR": str(conf)}
    java = ["java", "-cp", os.pathsep.join([f"{libraries}/*", *map(str, more)])]
    dynamic = [part for key, value in TASK_MANAGER.items() for part in ("-D", f"{key}={value}")]
    with ExitStack() as stack:
        entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
        command = [*java, "-Xmx512m", entry, "--configDir", str(conf), "--executionMode", "cluster"]
        master = stack.enter_context(service(command, log / "jobmanager.log", env))
        processes = [master.pid]
        for number in range(WORKERS):
            entry = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
            command = [*java[:1], "-Xmx640m", "-XX:MaxDirectMemorySize=384m", *java[1:], entry]
            command += ["--configDir", str(conf), *dynamic]
            processes.append(stack.enter_context(service(command, log / f"taskmanager-{number}.log", env)).pid)
        wait_until(lambda: _told(rest)["taskmanagers"] == WORKERS, "Flink", master)
        yield f"http://localhost:{rest}", processes


def _told(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://localhost:{port}/overview", timeout=5) as answer:
        return dict(json.load(answer))


@contextmanager
def spark(work: Path, jars: Path) -> Iterator[Cluster]:
    """A Spark standalone master with two workers of one core each."""
    port, log = free_port(), work / "cluster"
    home = work / "spark"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "jars").exists():
        (home / "jars").symlink_to(jars)
    env = {**os.environ, "SPARK_HOME": str(home), "SPARK_SCALA_VERSION": "2.12", **JAVA}
    java = ["java", "-Xmx512m", "-cp", f"{jars}/*"]
    address = f"spark://localhost:{port}"
    with ExitStack() as stack:
        entry = "org.apache.spark.deploy.master.Master"
        command = [*java, entry, "--host", "localhost", "--port", str(port), "--webui-port", "0"]
        master = stack.enter_context(service(command, log / "master.log", env))
        wait_until(lambda: listens(port), "Spark's master", master)
        processes = [master.pid]
        for number in range(WORKERS):
            entry = "org.apache.spark.deploy.worker.Worker"
            command = [*java, entry, "--cores", "1", "--memory", "1500m", "--webui-port", "0"]
            command += ["--work-dir", str(work / f"worker-{number}"), address]
            processes.append(stack.enter_context(service(command, log / f"worker-{number}.log", env)).pid)
        yield address, processes
