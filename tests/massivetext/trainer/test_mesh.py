"""Loss and gradients over meshes of eight simulated devices, in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("jax")

REPOSITORY = Path(__file__).resolve().parents[3]
EIGHT_DEVICES = "--xla_force_host_platform_device_count=8"
PROGRAM = """
import json, sys
import jax, numpy as np
from massivetext.trainer.config import ModelConfig
from massivetext.trainer.mesh import make_mesh, parameter_shardings
from massivetext.trainer.schedule import Schedule
from massivetext.trainer.step import first_state, make_update, place
from massivetext.trainer.model import summed_loss

config = ModelConfig("test", 2, 8, 4, 32, 1e-3, 0, context=32, vocabulary=64, mask_documents=True,
                     compute_dtype="float32")
tokens = np.random.default_rng(0).integers(0, 64, (8, 32)).astype("i4")
batch = {"inputs": tokens, "targets": tokens[::-1], "segments": np.cumsum(tokens == 1, 1, dtype="i4"),
         "counted": tokens % 7 > 0}

def measure(shape):
    mesh = make_mesh(shape)
    with jax.set_mesh(mesh):
        values = first_state(config, Schedule(10), 0, mesh)["parameters"]
        parts = {name: array[0] for name, array in place(batch, 1, mesh).items()}
        loss, found = jax.jit(jax.value_and_grad(lambda v: summed_loss(config, v, parts)))(values)
        assert all(found[name].sharding.spec == values[name].sharding.spec for name in found)
        found = {name: np.asarray(array) for name, array in found.items()}
        state, update = first_state(config, Schedule(10), 0, mesh), make_update(config, Schedule(10))
        for _ in range(3):
            state, measured = update(state, place(batch, 1, mesh))
        return float(loss), float(measured["loss"]), found

shapes = [(1, 1, 1), (8, 1, 1), (1, 8, 1), (1, 1, 8), (2, 2, 2), (4, 1, 2), (1, 4, 2), (2, 4, 1)]
want, want_later, gradients = measure(shapes[0])
assert want_later < want
for shape in shapes[1:]:
    loss, later, found = measure(shape)
    worst = max(np.abs(found[name] - array).max() / np.abs(array).max() for name, array in gradients.items())
    print(json.dumps({"mesh": shape, "loss": abs(loss / want - 1), "later": abs(later / want_later - 1),
                      "gradient": float(worst)}))
"""


@pytest.mark.slow
def test_loss_and_gradients_do_not_depend_on_the_mesh() -> None:
    flags = {"XLA_FLAGS": f"{EIGHT_DEVICES} --xla_backend_optimization_level=0", "JAX_PLATFORMS": "cpu"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY, env=os.environ | flags, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    measured = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(measured) == 7
    assert all(row["loss"] < 1e-5 and row["later"] < 1e-4 and row["gradient"] < 1e-4 for row in measured), measured
