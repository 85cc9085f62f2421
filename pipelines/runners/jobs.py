"""Jobs that a service or a cluster runs for the driver: named at submission, noted, and ended if the driver is gone.

Flink, Spark and Prism take jobs from a job server. One is started per driver, not one per stage as Beam would, and what
it costs is paid once; a server of the user's own is taken by `--job_endpoint`.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cache, partial
from typing import Any

import apache_beam as beam
import grpc
import psutil
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
)
from apache_beam.portability.api import beam_job_api_pb2 as job_api
from apache_beam.portability.api import beam_job_api_pb2_grpc as job_service
from apache_beam.runners.runner import PipelineState, create_runner
from apache_beam.utils.subprocess_server import pick_port

from pipelines.runners import dataflow

SERVED = ("FlinkRunner", "SparkRunner", "PrismRunner")
DASK = "DaskRunner"
ONE_SHARD_A_TASK = "--dask_partition_size=1"  # else Beam puts 128 elements, here shards, into one
# Else Beam's clients call `pip freeze` for every job, a second each, for a log that nobody asked for.
NO_LIST_OF_PACKAGES = "--experiments=disable_logging_submission_environment"
ENDED = {"DONE", "FAILED", "CANCELLED", "DRAINED", "UPDATED", "FINISHED", "CANCELED"}
PATIENCE = 120.0  # seconds for a cancelled job to have ended
CALL = 20.0  # seconds for an answer of a service
_servers: dict[str, str] = {}  # processes (pid:start) of the job servers that this driver started, by endpoint


class NotEndedError(RuntimeError):
    """A job that a driver left may still run, and could not be ended from here."""


# What Beam's clients say of every job, and what its harness says of every job's end: none of it is news.
NOISE = {
    "apache_beam.utils.subprocess_server": ("Really starting service", "Really destroying service"),
    "root": ("Waiting for grpc channel",),
    "PrismJobServer": ("pipeline done!", "Serving JobManagement"),
    "apache_beam.runners.worker.data_plane": ("Failed to read inputs in the data plane",),
}
READER = "read_grpc_client_inputs"


@cache
def quiet() -> None:
    """Keep what Beam says of every job out of the output."""
    before = threading.excepthook

    def hook(raised: threading.ExceptHookArgs) -> None:
        hung_up = isinstance(raised.exc_value, grpc.RpcError) and raised.thread and raised.thread.name == READER
        if not hung_up:
            before(raised)

    threading.excepthook = hook
    for name, texts in NOISE.items():
        logger = logging.getLogger(None if name == "root" else name)
        logger.addFilter(partial(_is_news, texts))


def _is_news(noise: Sequence[str], record: logging.LogRecord) -> bool:
    return not any(text in record.getMessage() for text in noise)


@dataclass(frozen=True)
class Job:
    """Where a job runs and what it is called there: what it takes to end it.

    `endpoint` is the job service it was given to; `server` the process (pid and start) of one that this driver started;
    `cluster` the address of a cluster in which jobs outlive their server.
    """

    runner: str
    name: str
    id: str = ""
    endpoint: str = ""
    cluster: str = ""
    server: str = ""
    project: str = ""
    region: str = ""

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in asdict(self).items() if value)

    @property
    def outlives_driver(self) -> bool:
        """Whether the job, or the server it was given to, goes on when this process is killed."""
        return self.runner == dataflow.RUNNER or bool(self.cluster) or self.endpoint not in ("", "embed")

    @staticmethod
    def parse(text: str) -> Job:
        """The job that `str` described. Raises NotEndedError for any other text."""
        given = dict(part.partition("=")[::2] for part in text.split())
        if not {"runner", "name"} <= set(given) <= {f.name for f in fields(Job)}:
            raise NotEndedError(f"{text!r} does not say which job of which runner it is")
        return Job(**given)


def arguments(runner: str, options: Sequence[str], stage: str) -> list[str]:
    """What a runner needs besides the options given: a name for the job, and where its job server is."""
    quiet()
    names = {option.partition("=")[0] for option in options}
    added = []
    if runner == DASK:
        return [] if names & {"--dask_partition_size", "--dask_npartitions"} else [ONE_SHARD_A_TASK]
    if runner != dataflow.RUNNER:
        added.append(NO_LIST_OF_PACKAGES)
    if "--job_name" not in names:
        word = re.sub(r"[^a-z0-9]+", "-", stage.lower()).strip("-")
        added.append(f"--job_name=massivetext-{word}-{uuid.uuid4().hex[:8]}")
    if runner in SERVED and not names & {"--job_endpoint", "--flink_submit_uber_jar", "--spark_submit_uber_jar"}:
        added.append(f"--job_endpoint={serve(runner, tuple(options))}")
    return added


def beam_name(runner: str) -> str:
    """What Beam calls the runner: of Dask's it knows only the class."""
    return "apache_beam.runners.dask.dask_runner.DaskRunner" if runner == DASK else runner


@cache
def serve(runner: str, options: tuple[str, ...]) -> str:
    """Endpoint of the job server that this driver uses until it ends; the first call starts it.

    Must be called from the main thread: Beam stops its servers on an interrupt by a handler of that signal.
    """
    parsed = PipelineOptions([*options, f"--runner={runner}"])
    server = parsed.view_as(JobServerOptions)
    server.job_port = server.job_port or pick_port(None)[0]
    before = {child.pid for child in psutil.Process().children()}
    create_runner(runner).default_job_server(parsed).start()
    endpoint = f"localhost:{server.job_port}"
    for child in psutil.Process().children():
        if child.pid not in before:
            _servers[endpoint] = f"{child.pid}:{child.create_time()}"
    return endpoint


class Running:
    """A job that was submitted. `note` is told what it takes to end it, then its id, and '' at its end."""

    def __init__(self, pipeline: beam.Pipeline, note: Callable[[str], None]) -> None:
        self.note = note
        self._tell(describe(pipeline.options))
        self.result = pipeline.run()
        self._tell(replace(self.job, id=_id(self.result)))

    def _tell(self, job: Job) -> None:
        self.job = job
        if job.outlives_driver:
            self.note(str(job))

    def wait(self) -> None:
        """Return once the job is done. Raises what it raised, RuntimeError if it was cancelled."""
        try:
            state = self.result.wait_until_finish()
        finally:
            client = getattr(self.result, "client", None)
            if client is not None:  # of Dask: Beam leaves it, and a cluster of its own, to the end of the process
                client.close()
        if state == PipelineState.CANCELLED:
            raise RuntimeError(f"somebody cancelled the job: {self.job}")
        if self.job.outlives_driver:
            self.note("")

    def stop(self) -> None:
        """End the job, for a driver that is interrupted; its own job server ends with it."""
        if self.job.outlives_driver:
            end(str(replace(self.job, server="")) if self.job.cluster else str(self.job))
            self.note("")


def describe(options: PipelineOptions) -> Job:
    """The job that a pipeline of these options will be."""
    runner = options.view_as(StandardOptions).runner
    cloud = options.view_as(GoogleCloudOptions)
    endpoint = options.view_as(PortableOptions).job_endpoint or ""
    job = Job(runner, cloud.job_name or "unnamed", endpoint=endpoint, server=_servers.get(endpoint, ""))
    if runner == dataflow.RUNNER:
        return replace(job, project=cloud.project or "", region=cloud.region or "")
    master = options.view_as(FlinkRunnerOptions).flink_master
    if runner == "FlinkRunner" and not master.startswith("["):
        return replace(job, cluster=master if "://" in master else f"http://{master}")
    return job


def _id(result: Any) -> str:
    """The id that a service gave the job, '' from runners that give none."""
    if hasattr(result, "job_id"):
        return str(result.job_id())
    return str(getattr(result, "_job_id", ""))


def end(text: str, options: Sequence[str] = ()) -> None:
    """Cancel a job that was noted, and return once it has ended. Raises NotEndedError if that cannot be had.

    `options` are those of the command that goes on; Dataflow's client takes its credentials from them.
    """
    job = Job.parse(text)
    try:
        if job.server:  # Spark and Prism, and Flink without a cluster, run in it
            _stop(job.server)
        if job.cluster:
            _wait(lambda: _cancel_in_flink(job))
        elif job.runner == dataflow.RUNNER:
            _wait(_canceller_in_dataflow(job, options))
        elif not job.server:
            _wait(_canceller_in_service(job))
    except (OSError, grpc.RpcError, grpc.FutureTimeoutError, psutil.Error) as error:
        raise NotEndedError(f"its service does not answer: {type(error).__name__} {error}") from error


def _wait(step: Callable[[], bool]) -> None:
    """Call `step` until it says that the job has ended."""
    until = time.monotonic() + PATIENCE
    while not step():
        if time.monotonic() > until:
            raise NotEndedError(f"it was cancelled, but has not ended in {PATIENCE:.0f} s")
        time.sleep(0.5)


def _stop(server: str) -> None:
    pid, _, started = server.partition(":")
    try:
        process = psutil.Process(int(pid))
        if str(process.create_time()) == started:
            process.kill()
            process.wait(CALL)
    except psutil.NoSuchProcess:
        return


def _cancel_in_flink(job: Job) -> bool:
    """Whether no job of this name runs in the cluster; those that do are cancelled."""
    with urllib.request.urlopen(f"{job.cluster}/jobs/overview", timeout=CALL) as answer:
        jobs = json.load(answer)["jobs"]
    left = [found for found in jobs if found["name"] == job.name and found["state"] not in ENDED]
    for found in left:
        if found["state"] != "CANCELLING":
            url = f"{job.cluster}/jobs/{found['jid']}?mode=cancel"
            urllib.request.urlopen(urllib.request.Request(url, method="PATCH"), timeout=CALL).close()
    return not left


def _canceller_in_service(job: Job) -> Callable[[], bool]:
    channel = grpc.insecure_channel(job.endpoint)
    service = job_service.JobServiceStub(channel)

    def step() -> bool:
        known = service.GetJobs(job_api.GetJobsRequest(), timeout=CALL).job_info
        # Its id begins with the name; a driver killed while it submitted the job never knew the rest.
        left = [
            found.job_id
            for found in known
            if (found.job_id == job.id or found.job_id.startswith(job.name))
            and job_api.JobState.Enum.Name(found.state) not in ENDED
        ]
        for found in left:
            service.Cancel(job_api.CancelJobRequest(job_id=found), timeout=CALL)
        return not left

    return step


def _canceller_in_dataflow(job: Job, options: Sequence[str]) -> Callable[[], bool]:
    from apache_beam.runners.dataflow.internal.apiclient import DataflowApplicationClient

    there = PipelineOptions([*options, f"--project={job.project}", f"--region={job.region}"])
    client = DataflowApplicationClient(there)
    known = job.id or client.job_id_for_name(job.name)

    def step() -> bool:
        if not known:
            return True  # it was never submitted
        state = client.get_job(known).current_state.name.removeprefix("JOB_STATE_")
        if state not in {*ENDED, "CANCELLING"}:
            client.modify_job_state(known, "JOB_STATE_CANCELLED")
        return state in ENDED

    return step
