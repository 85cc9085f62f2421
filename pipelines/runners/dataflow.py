"""What a job on Google Cloud Dataflow needs besides the options that a user gives."""

from __future__ import annotations

from collections.abc import Sequence

RUNNER = "DataflowRunner"
# Below this estimate in CPU seconds a stage takes less than a job's start, two to four minutes.
START_UP_SECONDS = 180.0
DEFAULTS = (
    "--sdk_location=container",  # the image holds Beam; nothing is fetched at a worker's start
    "--number_of_worker_harness_threads=1",  # one shard at a time per process: a gigabyte each
    "--autoscaling_algorithm=NONE",  # it counts the bytes of shard numbers, and would keep one worker
)
EXPERIMENT = "use_runner_v2"


def arguments(options: Sequence[str]) -> list[str]:
    """The options of a job: those given, and what they leave open. Raises ValueError without an image."""
    names = {option.partition("=")[0] for option in options}
    if not names & {"--sdk_container_image", "--worker_harness_container_image"}:
        raise ValueError(
            f"--runner={RUNNER} needs --sdk_container_image=IMAGE, built from the Dockerfile: docs/dataflow.md"
        )
    added = [default for default in DEFAULTS if default.partition("=")[0] not in names]
    if f"--experiments={EXPERIMENT}" not in options:
        added.append(f"--experiments={EXPERIMENT}")
    return [f"--runner={RUNNER}", "--no_save_main_session", *added, *options]
