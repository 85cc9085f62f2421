"""One mesh of devices with three explicit axes, and the place of every array on it.

`data` and `fsdp` split the batch, `fsdp` also the weights along the width, `tensor` splits heads, feed-forward and
vocabulary, and the residual along time.
"""

from __future__ import annotations

import math

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from massivetext.trainer.config import ModelConfig, parameter_table

AXES = ("data", "fsdp", "tensor")
BATCH = ("data", "fsdp")
_PLACES = {"width": "fsdp", "heads": "tensor", "forward": "tensor", "vocabulary": "tensor"}


def make_mesh(shape: tuple[int, int, int] | None = None) -> Mesh:
    """A mesh of (data, fsdp, tensor) devices; by default all devices along fsdp."""
    devices = jax.devices()
    sides = shape or (1, len(devices), 1)
    wanted = math.prod(sides)
    if min(sides) < 1 or wanted > len(devices):
        raise ValueError(f"mesh {sides} wants {wanted} devices; there are {len(devices)}: give a smaller --mesh")
    return jax.make_mesh(sides, AXES, devices=devices[:wanted])


def check_fit(config: ModelConfig, mesh: Mesh, rows: int) -> None:
    """Raise ValueError naming the first size that the mesh does not divide; `rows` is per pass."""
    data, fsdp, tensor = (mesh.shape[axis] for axis in AXES)
    needs = (
        ("rows of a pass", rows, data * fsdp, "data * fsdp"),
        ("context", config.context, data * fsdp * tensor, "data * fsdp * tensor"),
        ("width", config.width, math.lcm(fsdp, tensor), "fsdp and tensor"),
        ("heads", config.heads, tensor, "tensor"),
        ("vocabulary", config.vocabulary, tensor, "tensor"),
    )
    for name, size, divisor, axes in needs:
        if size % divisor:
            raise ValueError(
                f"mesh {data},{fsdp},{tensor}: {name} is {size}, and must be a multiple of {axes} = {divisor}; "
                "change --mesh, --batch or --accumulate"
            )


def parameter_specs(config: ModelConfig) -> dict[str, PartitionSpec]:
    """The partition of every parameter by name."""
    return {
        name: PartitionSpec(*(_PLACES.get(axis or "") for axis in row.axes))
        for name, row in parameter_table(config).items()
    }


def parameter_shardings(config: ModelConfig, mesh: Mesh) -> dict[str, NamedSharding]:
    """The sharding of every parameter by name."""
    return {name: NamedSharding(mesh, spec) for name, spec in parameter_specs(config).items()}
