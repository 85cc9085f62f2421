"""A Beam worker process outside a container: what a runner starts for `--environment_type=PROCESS`.

`massivetext-worker` needs this package and its libraries installed where it runs; nothing is staged for it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import grpc
from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
from apache_beam.runners.worker import sdk_worker_main
from google.protobuf import json_format

from pipelines.orphan import end_with_parent

PATIENCE = 60.0  # seconds for the runner to say where its services are


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="massivetext-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="what the runner calls this worker")
    parser.add_argument("--provision_endpoint", required=True, metavar="HOST:PORT", help="who says where the rest is")
    arguments, _ = parser.parse_known_args(argv)
    info = provision(arguments.provision_endpoint, arguments.id)
    end_with_parent()
    os.environ.update(environment(info, arguments.id))
    sdk_worker_main.main(sys.argv)


def provision(endpoint: str, worker: str) -> Any:
    """The runner's ProvisionInfo for this worker."""
    with grpc.insecure_channel(endpoint) as channel:
        grpc.channel_ready_future(channel).result(timeout=PATIENCE)
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return stub.GetProvisionInfo(request, metadata=[("worker_id", worker)], timeout=PATIENCE).info


def environment(info: Any, worker: str) -> dict[str, str]:
    """The variables by which Beam's harness is told its worker id, options, and services."""
    told = {"WORKER_ID": worker, "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options)}
    for name in ("control", "logging", "status"):
        url = getattr(info, f"{name}_endpoint").url
        if url:
            told[f"{name.upper()}_API_SERVICE_DESCRIPTOR"] = f'url: "{url}"'
    if info.runner_capabilities:
        told["RUNNER_CAPABILITIES"] = " ".join(info.runner_capabilities)
    return told


if __name__ == "__main__":
    main()
