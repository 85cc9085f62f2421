"""Dataflow without Dataflow: every job is described, checked and kept, and then run by the local runner instead."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from massivetext import build, options
from massivetext.stages import NAMES
from pipelines import files, mix, pack, tokens
from pipelines.cut import Cutting
from pipelines.engine import Engine, beam_options
from pipelines.identify import Identify
from pipelines.packing.quotas import Available, Boundary, SubsetPlan
from pipelines.packing.records import Layout
from pipelines.packing.scatter import Scatter, Target
from pipelines.runners import dataflow
from pipelines.stage import Result, Stage
from pipelines.stores import use_options
from pipelines.substrings.excise import Cut
from pipelines.substrings.windows import Anchors, Windows

apiclient = pytest.importorskip(
    "apache_beam.runners.dataflow.internal.apiclient", reason="needs the extra gcp: pip install '.[gcp]'"
)
pytest.importorskip("google.cloud.dataflow_v1beta3", reason="needs the extra gcp: pip install '.[gcp]'")

IMAGE = "europe-docker.pkg.dev/some-project/images/massivetext:1"
OPTIONS = (
    "--project=some-project",
    "--region=europe-west4",
    "--temp_location=gs://bucket/temp",
    "--staging_location=gs://bucket/staging",
    "--job_name=offline",
    f"--sdk_container_image={IMAGE}",
    "--num_workers=8",
    "--dry_run=True",
    "--no_auth",
)
MEGABYTE = 1 << 20
INPUT_FILES = 100_000


@dataclass
class Job:
    """A job as it would be submitted."""

    proto: beam_runner_api_pb2.Pipeline
    description: dict[str, Any] = field(default_factory=dict)


def described(result: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """The job of a dry run with its description; what would be staged goes into `folder`."""
    from google.auth.credentials import AnonymousCredentials

    def stage_file(self: Any, place: str, name: str, stream: Any, *_: Any, **__: Any) -> None:
        (folder / name).write_bytes(stream.read())

    with monkeypatch.context() as patched:
        patched.setattr(apiclient.DataflowApplicationClient, "stage_file", stage_file)
        patched.setattr("google.auth.default", lambda **_: (AnonymousCredentials(), "some-project"))
        client = apiclient.DataflowApplicationClient(result.job.options, result.job.root_staging_location)
        client._enable_caching = False
        client.create_job_description(result.job)
    proto = beam_runner_api_pb2.Pipeline.FromString((folder / "pipeline.pb").read_bytes())
    return Job(proto, json.loads(result.job.json()))


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Results of the dry runs of every pipeline that runs meanwhile; each is then run on this machine."""
    found: list[Any] = []
    within: list[bool] = []
    original = beam.Pipeline.run

    def run(pipeline: beam.Pipeline, *arguments: Any, **named: Any) -> Any:
        if not within and not isinstance(pipeline.runner, FnApiRunner):
            proto = pipeline.to_runner_api()
            within.append(True)  # Beam runs what it read back from the description by the same method
            found.append(original(pipeline))
            within.clear()
            options = PipelineOptions(["--runner=FnApiRunner", "--direct_running_mode=in_memory"])
            pipeline = beam.Pipeline.from_runner_api(proto, FnApiRunner(), options)
        return original(pipeline, *arguments, **named)

    monkeypatch.setattr(beam.Pipeline, "run", run)
    yield found
    use_options([])


def test_every_job_of_a_build_is_valid_and_does_the_work(
    sample: Path, built: Path, tmp_path: Path, jobs: list[Any]
) -> None:
    where = ["--input", str(sample), "--output", str(tmp_path / "out"), "--vocabulary", "1024", "--small-stages", "0"]
    build.run(["--mixture", "gopher", *where, "--runner", dataflow.RUNNER, *OPTIONS])
    assert len(jobs) > 2 * len(NAMES)
    for result in jobs:
        assert result.job.proto_pipeline.ByteSize() < MEGABYTE
    made, wanted = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "train").iterdir()}
        for folder in (tmp_path / "out", built)
    )
    assert made == wanted


@dataclass(frozen=True)
class Write:
    """Work that writes its shard's number."""

    out: str

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        return Result([files.write_bytes(f"{self.out}/{shard:05d}.txt", str(shard).encode())])


def write_stage(folder: Path) -> Stage:
    return Stage("write", str(folder / "write"), "code", {}, dict.fromkeys(range(20), 1), {n: n for n in range(20)})


def test_the_job_names_our_image_one_thread_and_no_main_session(
    tmp_path: Path, jobs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(dataflow.RUNNER, options=OPTIONS)
    engine.run_shards(write_stage(tmp_path), Write(str(tmp_path / "write")), 1.0)
    assert sorted(path.name for path in (tmp_path / "write").glob("*.txt")) == [f"{n:05d}.txt" for n in range(20)]
    (result,) = jobs
    job = described(result, tmp_path, monkeypatch)
    environment = job.description["environment"]
    pool = environment["workerPools"][0]
    assert {image["containerImage"] for image in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert {"use_runner_v2", "use_multiple_sdk_containers"} <= set(environment["experiments"])
    assert pool["numWorkers"] == 8
    assert pool["autoscalingSettings"]["algorithm"].endswith("_NONE")
    options = environment["sdkPipelineOptions"]["options"]
    assert options["number_of_worker_harness_threads"] == 1
    assert not options["save_main_session"]
    assert options["sdk_location"] == "container"
    images = {
        beam_runner_api_pb2.DockerPayload.FromString(e.payload).container_image
        for e in job.proto.components.environments.values()
    }
    assert images == {IMAGE}
    staged = [str(d) for e in job.proto.components.environments.values() for d in e.dependencies]
    assert not [name for name in staged if "main_session" in name or ".tar" in name or ".whl" in name]


def test_every_shard_is_a_bundle_of_its_own(tmp_path: Path, jobs: list[Any]) -> None:
    Engine(dataflow.RUNNER, options=OPTIONS).run_shards(write_stage(tmp_path), Write(str(tmp_path / "write")), 1.0)
    transforms = jobs[0].job.proto_pipeline.components.transforms
    by_name = {t.unique_name: t for t in transforms.values()}
    (run,) = (t for name, t in by_name.items() if name == "write/Run")
    producers = {output: t for t in transforms.values() for output in t.outputs.values()}
    (source,) = run.inputs.values()
    urns = {t.spec.urn for t in transforms.values() if source in t.outputs.values()}
    assert "beam:transform:reshuffle:v1" in urns, producers[source].unique_name


def test_an_image_must_be_named_and_what_is_given_wins() -> None:
    with pytest.raises(ValueError, match="--sdk_container_image=IMAGE"):
        dataflow.arguments(["--project=p"])
    made = dataflow.arguments([f"--sdk_container_image={IMAGE}", "--autoscaling_algorithm=THROUGHPUT_BASED"])
    assert "--autoscaling_algorithm=NONE" not in made


def test_small_stages_run_in_the_driver(tmp_path: Path, jobs: list[Any]) -> None:
    engine = Engine(dataflow.RUNNER, options=OPTIONS, small=1000.0)
    engine.run_shards(write_stage(tmp_path), Write(str(tmp_path / "write")), 1.0)
    assert not jobs
    assert len(list((tmp_path / "write").glob("*.txt"))) == 20


def big_works(out: str) -> dict[str, Any]:
    """The works that know something of every shard, for 100,000 of them."""
    roles = {shard: ("full", "reference", "none")[shard % 3] for shard in range(INPUT_FILES)}
    rates = {shard: 1 / (1 + shard % 6) for shard in range(INPUT_FILES)}
    layout, available = Layout(2048, 32_000, 2), Available()
    parts = [
        SubsetPlan(f"s{i}", tuple(range(i, INPUT_FILES, 6)), 0.1, 0.1, 1.0, available, 9, 9, 0, 9, Boundary(1, 1, 1, 1))
        for i in range(6)
    ]
    plans = {shard: part for part in parts for shard in part.sources}
    of_output = [Target(f"s{i % 6}", "train", i, INPUT_FILES, i, 0) for i in range(INPUT_FILES)]
    return {
        "sample": tokens.Sample(out, (out,), out, rates, 7, "nfkc"),
        "anchors": Anchors(out, out, roles, 50),
        "windows": Windows(out, out, out, roles, 50),
        "final": Cut(out, out, out, out, roles, Cutting(50, 10, "keep_one")),
        "histogram": mix.Histogram(out, out, dict.fromkeys(range(INPUT_FILES), 1)),
        "scatter": Scatter(out, out, out, 7, layout, plans),
        "pack": pack.Pack(out, out, out, layout, of_output, {part.name: part.sources for part in parts}),
    }


class RecordedError(Exception):
    """The pipeline was built, which is all that is wanted."""


@pytest.mark.parametrize("name", ["sample", "anchors", "windows", "final", "histogram", "scatter", "pack"])
def test_a_job_for_100000_input_files_is_below_a_megabyte(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []

    def run(pipeline: beam.Pipeline, *_: Any, **__: Any) -> Any:
        found.append(pipeline.to_runner_api().ByteSize())
        raise RecordedError

    monkeypatch.setattr(beam.Pipeline, "run", run)
    folder = str(tmp_path / "stage")
    todo = Stage(name, folder, "code", {}, dict.fromkeys(range(INPUT_FILES), 1), dict.fromkeys(range(INPUT_FILES), 1))
    with pytest.raises(RecordedError):
        Engine(dataflow.RUNNER, options=OPTIONS).run_shards(todo, big_works(folder)[name], 1.0)
    use_options([])
    assert found[0] < MEGABYTE, f"{found[0]:,} bytes"


def test_an_exchange_of_100000_input_files_is_below_a_megabyte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    def run(pipeline: beam.Pipeline, *_: Any, **__: Any) -> Any:
        found.append(pipeline.to_runner_api().ByteSize())
        raise RecordedError

    monkeypatch.setattr(beam.Pipeline, "run", run)
    folder = str(tmp_path / "stage")
    every = dict.fromkeys(range(INPUT_FILES), 1)
    todo = Stage("identify", folder, "code", {}, every, every, exchanges=True)
    with pytest.raises(RecordedError):
        Engine(dataflow.RUNNER, options=OPTIONS).run_exchange(todo, Identify(folder, folder), 1 << 40)
    use_options([])
    assert found[0] < MEGABYTE


def test_the_commands_of_the_page_name_known_options() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "dataflow.md").read_text().replace("\\\n", " ")
    (command,) = [line for line in page.splitlines() if line.startswith("python -m massivetext.build")]
    given, unknown = options.parser(None).parse_known_args(shlex.split(command)[3:])
    assert given.runner == dataflow.RUNNER
    build._check_unknown(unknown, given.runner, [])
    assert {option.partition("=")[0].lstrip("-") for option in unknown} <= beam_options()
    assert set(re.findall(r"`(--\w+)=?\w*`", page)) >= {default.partition("=")[0] for default in dataflow.DEFAULTS}
