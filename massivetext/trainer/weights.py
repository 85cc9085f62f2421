"""A trained model as one safetensors file: float32 arrays by parameter name, the model's settings as metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import jax
import numpy as np
from jax.experimental import multihost_utils
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from massivetext.trainer.config import ModelConfig
from massivetext.trainer.hosts import is_first
from massivetext.trainer.model import Parameters

FILE = "weights.safetensors"
_METADATA = "massivetext.model"


def save_weights(folder: Path, config: ModelConfig, parameters: Parameters) -> None:
    """Write the file; every process must call it, the first one writes and needs memory for all parameters."""
    whole = {name: _whole(array) for name, array in parameters.items()}
    if is_first():
        path = folder / FILE
        # Written beside and renamed: a file of that name is always whole.
        partial = path.with_suffix(".partial")
        try:
            save_file(whole, partial, {_METADATA: json.dumps(asdict(config))})
        except SafetensorError as error:
            partial.unlink(missing_ok=True)
            raise OSError(f"{path} could not be written: {error}; free some space and run the same command") from error
        partial.chmod(0o644)  # the library leaves it to its owner alone
        partial.rename(path)


def load_weights(folder: Path) -> tuple[ModelConfig, Mapping[str, NDArray[np.float32]]]:
    """(settings, arrays by name) of a model; ValueError where the folder has none that this version reads."""
    path = folder / FILE
    if not path.is_file():
        raise ValueError(f"{folder} has no {FILE}, which a run writes when it ends or is stopped: train first")
    try:
        with safe_open(path, "numpy") as file:
            settings = json.loads(file.metadata()[_METADATA])
            return ModelConfig(**settings), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no model written by this version ({error}); train again") from error


def _whole(array: jax.Array) -> NDArray[np.float32]:
    if jax.process_count() == 1:
        return np.asarray(array)
    return np.asarray(multihost_utils.process_allgather(array, tiled=True))
