"""Jobs outside this process: what a runner is told, what is noted of a job, and that ending one ends it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import apache_beam as beam
import psutil
import pytest
from apache_beam.options.pipeline_options import DebugOptions, PipelineOptions
from apache_beam.runners.portability.local_job_service import LocalJobServicer
from apache_beam.runners.portability.stager import Stager

from pipelines.runners import jobs
from pipelines.runners.jobs import Job, NotEndedError, Running

LOOPBACK = ["--runner=PortableRunner", "--environment_type=LOOPBACK", "--no_save_main_session"]


def test_a_job_is_read_back_as_it_was_noted() -> None:
    job = Job("FlinkRunner", "massivetext-near-1a2b", "id_7", "localhost:4711", "http://localhost:8081", "12:3.5")
    assert Job.parse(str(job)) == job


@pytest.mark.parametrize("text", ["2026-11-21_01", "", "runner=FlinkRunner", "runner=a name=b colour=red"])
def test_a_text_that_names_no_job_is_refused(text: str) -> None:
    with pytest.raises(NotEndedError, match="does not say which job"):
        Job.parse(text)


def test_every_stage_is_a_job_of_another_name_that_dataflow_takes() -> None:
    options = ("--job_endpoint=localhost:1",)
    told = [jobs.arguments("FlinkRunner", options, stage) for stage in ("near-rounds/01", "near-rounds/01", "Mix")]
    names = [PipelineOptions(arguments).get_all_options()["job_name"] for arguments in told]
    assert len(set(names)) == 3
    assert all(name.replace("-", "").isalnum() for name in names)
    given = jobs.arguments("PortableRunner", ("--job_name=mine", "--job_endpoint=x"), "mix")
    assert not any(argument.startswith(("--job_name", "--job_endpoint")) for argument in given)


def test_beams_clients_do_not_list_the_packages_of_this_environment_for_every_job(tmp_path: Path) -> None:
    given = jobs.arguments("PortableRunner", ("--job_endpoint=embed", "--experiments=mine"), "mix")
    parsed = PipelineOptions(["--experiments=mine", "--no_save_main_session", *given])
    assert set(parsed.view_as(DebugOptions).experiments) >= {"mine"}
    assert Stager.create_job_resources(parsed, str(tmp_path)) == []


def test_dask_is_told_to_make_a_task_of_every_shard_unless_the_user_says_how_many() -> None:
    assert jobs.arguments("DaskRunner", (), "mix") == ["--dask_partition_size=1"]
    assert jobs.arguments("DaskRunner", ("--dask_npartitions=7",), "mix") == []


def test_what_runs_in_this_process_is_not_noted_and_what_outlives_it_is() -> None:
    def of(*options: str) -> Job:
        return jobs.describe(PipelineOptions(list(options)))

    assert not of("--runner=PortableRunner", "--job_endpoint=embed").outlives_driver
    assert of("--runner=PortableRunner", "--job_endpoint=localhost:8099").outlives_driver
    assert of("--runner=FlinkRunner", "--flink_master=localhost:8081").cluster == "http://localhost:8081"
    assert not of("--runner=FlinkRunner", "--flink_master=[local]").outlives_driver
    assert of("--runner=DataflowRunner", "--project=p", "--region=r").region == "r"


@pytest.fixture
def service() -> Iterator[str]:
    """A job service of Beam's own, as one that a user has running."""
    servicer = LocalJobServicer()
    port = servicer.start_grpc_server()
    yield f"localhost:{port}"
    servicer.stop()


def test_a_job_is_noted_before_and_after_it_has_an_id_and_forgotten_when_done(service: str) -> None:
    noted: list[str] = []
    pipeline = beam.Pipeline(options=PipelineOptions([*LOOPBACK, f"--job_endpoint={service}", "--job_name=mine"]))
    pipeline | beam.Create([1]) | beam.Map(str)
    Running(pipeline, noted.append).wait()
    first, second = (Job.parse(text) for text in noted[:2])
    assert (first.name, first.id, first.endpoint) == ("mine", "", service)
    assert second.id
    assert noted[2:] == [""]


def test_a_job_of_a_running_service_is_cancelled(service: str) -> None:
    waiting, noted = threading.Event(), []
    pipeline = beam.Pipeline(options=PipelineOptions([*LOOPBACK, f"--job_endpoint={service}", "--job_name=mine"]))
    pipeline | beam.Create([1]) | beam.Map(_wait)
    running = Running(pipeline, noted.append)
    threading.Timer(1.0, waiting.set).start()
    waiting.wait()
    jobs.end(noted[-1])
    with pytest.raises(RuntimeError, match=r"cancelled|CANCELLED"):
        running.wait()


def _wait(item: int) -> int:
    threading.Event().wait(5)
    return item


def test_a_job_server_that_was_left_is_stopped_and_another_process_of_its_number_is_not() -> None:
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    process = psutil.Process(left.pid)
    started = process.create_time()
    jobs.end(str(Job("SparkRunner", "mine", server=f"{left.pid}:{started - 9}")))
    assert left.poll() is None
    jobs.end(str(Job("SparkRunner", "mine", server=f"{left.pid}:{started}")))
    assert not process.is_running()
    jobs.end(str(Job("SparkRunner", "mine", server=f"{left.pid}:{started}")))  # gone already


def test_a_service_that_does_not_answer_leaves_the_question_open() -> None:
    with pytest.raises(NotEndedError, match="does not answer"):
        jobs.end("runner=FlinkRunner name=mine cluster=http://127.0.0.1:9")


class Flink(BaseHTTPRequestHandler):
    """Flink's REST interface of jobs, in its two calls."""

    jobs: ClassVar[dict[str, dict[str, str]]] = {}

    def do_GET(self) -> None:
        body = json.dumps({"jobs": list(self.jobs.values())}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
        for job in self.jobs.values():
            if job["state"] == "CANCELLING":
                job["state"] = "CANCELED"

    def do_PATCH(self) -> None:
        number = self.path.removeprefix("/jobs/").removesuffix("?mode=cancel")
        self.jobs[number]["state"] = "CANCELLING"
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_in_a_flink_cluster_only_the_job_of_that_name_is_cancelled() -> None:
    Flink.jobs = {
        number: {"jid": number, "name": name, "state": state}
        for number, name, state in (("1", "mine", "FINISHED"), ("2", "mine", "RUNNING"), ("3", "other", "RUNNING"))
    }
    with ThreadingHTTPServer(("127.0.0.1", 0), Flink) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        jobs.end(f"runner=FlinkRunner name=mine cluster=http://127.0.0.1:{server.server_port}")
        server.shutdown()
    assert [job["state"] for job in Flink.jobs.values()] == ["FINISHED", "CANCELED", "RUNNING"]


class Dataflow(BaseHTTPRequestHandler):
    """Dataflow's REST interface of one job: read it, ask for its end."""

    state = "JOB_STATE_RUNNING"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path.partition("?")[0])
        self._answer()

    def do_PUT(self) -> None:
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert wanted["requestedState"] in (5, "JOB_STATE_CANCELLED")
        type(self).state = "JOB_STATE_CANCELLED"
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"id": "7", "currentState": self.state}).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_job_on_dataflow_is_cancelled_by_its_id() -> None:
    pytest.importorskip("google.cloud.dataflow_v1beta3", reason="apache-beam[gcp] is not installed")
    with ThreadingHTTPServer(("localhost", 0), Dataflow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = ["--no_auth", f"--dataflow_endpoint=http://localhost:{server.server_port}"]
        jobs.end("runner=DataflowRunner name=mine id=7 project=p region=r", options)
        server.shutdown()
    assert Dataflow.state == "JOB_STATE_CANCELLED"
    assert set(Dataflow.asked) == {"/v1b3/projects/p/locations/r/jobs/7"}
