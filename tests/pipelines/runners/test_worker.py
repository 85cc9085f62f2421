"""A worker process without a container: what a runner tells it becomes what Beam's harness reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from apache_beam.portability.api import beam_provision_api_pb2 as api
from apache_beam.portability.api import beam_provision_api_pb2_grpc as service
from apache_beam.runners.worker import sdk_worker_main

from pipelines.runners import worker


class Runner(service.ProvisionServiceServicer):
    """Tells each worker, by the id it gives, where its services are."""

    def GetProvisionInfo(self, request: object, context: grpc.ServicerContext) -> object:  # noqa: N802
        name = dict(context.invocation_metadata())["worker_id"]
        info = api.ProvisionInfo(runner_capabilities=["a", "b"])
        info.control_endpoint.url = f"localhost:1/{name}"
        info.logging_endpoint.url = "localhost:2"
        info.pipeline_options["beam:option:s3_region_name:v1"] = "somewhere"
        return api.GetProvisionInfoResponse(info=info)


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(1))
    service.add_ProvisionServiceServicer_to_server(Runner(), server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


def test_a_worker_is_told_its_services_options_and_capabilities(endpoint: str) -> None:
    told = worker.environment(worker.provision(endpoint, "7-1"), "7-1")
    assert told["WORKER_ID"] == "7-1"
    assert told["CONTROL_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:1/7-1"'
    assert told["LOGGING_API_SERVICE_DESCRIPTOR"] == 'url: "localhost:2"'
    assert "STATUS_API_SERVICE_DESCRIPTOR" not in told
    assert told["RUNNER_CAPABILITIES"] == "a b"
    assert json.loads(told["PIPELINE_OPTIONS"]) == {"beam:option:s3_region_name:v1": "somewhere"}


def test_beams_harness_accepts_what_it_is_told(endpoint: str) -> None:
    told = worker.environment(worker.provision(endpoint, "7-1"), "7-1")
    del told["LOGGING_API_SERVICE_DESCRIPTOR"]  # the address is nobody's
    assert sdk_worker_main.create_harness(told, dry_run=True) is None
