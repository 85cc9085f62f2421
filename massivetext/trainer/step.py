"""One update of parameters and optimizer state from one global batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from massivetext.trainer.config import ModelConfig
from massivetext.trainer.data import Batch
from massivetext.trainer.mesh import BATCH, parameter_shardings
from massivetext.trainer.model import Parameters, first_values, summed_loss
from massivetext.trainer.optimizer import make_optimizer
from massivetext.trainer.schedule import Schedule

State = dict[str, Any]
_ROWS = PartitionSpec(None, BATCH, None)
Update = Callable[[State, dict[str, Array]], tuple[State, dict[str, Array]]]


def first_state(config: ModelConfig, schedule: Schedule, seed: int, mesh: Mesh) -> State:
    """Parameters and optimizer state before step 1, placed on the mesh; call it within `jax.set_mesh`."""
    shardings = parameter_shardings(config, mesh)
    parameters = jax.jit(partial(first_values, config, seed), out_shardings=shardings)()
    return {"parameters": parameters, "optimizer": jax.jit(make_optimizer(config, schedule).init)(parameters)}


def place(batch: Batch, passes: int, mesh: Mesh) -> dict[str, Array]:
    """The batch as [passes, rows, context] arrays, rows split over the mesh; each host keeps only its part."""
    sharding = NamedSharding(mesh, _ROWS)
    folded = {name: array.reshape(passes, -1, array.shape[-1]) for name, array in batch.items()}
    return {
        name: jax.make_array_from_callback(array.shape, sharding, array.__getitem__) for name, array in folded.items()
    }


def own_rows(passes: int, rows: int, mesh: Mesh) -> NDArray[np.bool_]:
    """Whether `place` asks this host for a row, bool [passes * rows]; `rows` is per pass."""
    asked = np.zeros((passes, rows, 1), bool)
    for index in NamedSharding(mesh, _ROWS).addressable_devices_indices_map(asked.shape).values():
        asked[index] = True
    return asked.reshape(-1)


def _loss_and_gradients(
    config: ModelConfig, parameters: Parameters, batch: dict[str, Array]
) -> tuple[Array, Parameters]:
    """Mean loss over all targets that count, and its float32 gradients, summed over the passes."""
    total = jnp.maximum(jnp.sum(batch["counted"]), 1)
    one_pass = jax.value_and_grad(lambda values, part: summed_loss(config, values, part) / total)
    if batch["inputs"].shape[0] == 1:
        return one_pass(parameters, {name: array[0] for name, array in batch.items()})
    empty = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, parameters))
    (loss, gradients), _ = jax.lax.scan(
        lambda sums, part: (jax.tree.map(jnp.add, sums, one_pass(parameters, part)), None), empty, batch
    )
    return loss, gradients


def make_update(config: ModelConfig, schedule: Schedule) -> Update:
    """A compiled (state, batch) -> (next state, loss and gradient norm); the given state is used up."""
    optimizer = make_optimizer(config, schedule)

    def update(state: State, batch: dict[str, Array]) -> tuple[State, dict[str, Array]]:
        loss, gradients = _loss_and_gradients(config, state["parameters"], batch)
        changes, optimizer_state = optimizer.update(gradients, state["optimizer"], state["parameters"])
        parameters = optax.apply_updates(state["parameters"], changes)
        measured = {"loss": loss, "gradient_norm": optax.global_norm(gradients)}
        return {"parameters": parameters, "optimizer": optimizer_state}, measured

    return jax.jit(update, donate_argnums=0)
