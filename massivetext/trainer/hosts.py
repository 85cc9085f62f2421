"""Several processes as one: how they meet, which of them writes, and how they agree."""

from __future__ import annotations

import os

import jax
import numpy as np
from jax.experimental import multihost_utils


def join(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Meet the other processes, before any device is used; alone where nothing is said.

    What is None comes from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID, and then, once there is a
    coordinator, from the cluster (SLURM, MPI, Kubernetes, Cloud TPU) as far as JAX knows it.
    """
    coordinator = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
    if coordinator is None:
        return
    numbers = {"num_processes": processes, "process_id": process}
    for name, variable in (("num_processes", "JAX_NUM_PROCESSES"), ("process_id", "JAX_PROCESS_ID")):
        if numbers[name] is None and variable in os.environ:
            numbers[name] = int(os.environ[variable])
    try:
        jax.distributed.initialize(None if coordinator == "auto" else coordinator, **numbers)
    except RuntimeError as error:
        raise ValueError(
            f"no meeting of the processes at {coordinator}: {str(error).splitlines()[0]}; give every process the same "
            "--coordinator and --processes, and each its own --process from 0"
        ) from error


def on_cpu() -> bool:
    """Whether the devices are CPUs; asked only once the processes have met."""
    return bool(jax.default_backend() == "cpu")


def is_first() -> bool:
    """Whether this process is the one that reports and writes."""
    return bool(jax.process_index() == 0)


def wait_for_all(where: str) -> None:
    """Return when every process has come to this place, named the same by all."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(where)


def any_of(mine: bool) -> bool:
    """Whether it is so in any process; to be asked by all of them at the same step."""
    if jax.process_count() == 1:
        return mine
    return bool(np.any(multihost_utils.process_allgather(np.array(mine))))
