"""Text that a trained model goes on with after a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from massivetext.trainer.config import ModelConfig
from massivetext.trainer.mesh import make_mesh, parameter_shardings
from massivetext.trainer.model import Parameters, hidden_states, logits_of
from massivetext.trainer.weights import load_weights
from pipelines.tokenization import tokenizer

_SHORTEST = 32


@dataclass(frozen=True)
class Sampling:
    """At most `length` tokens; temperature 0 takes the likeliest, `top_k` 0 leaves the choice among all tokens."""

    length: int = 100
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0


def generate(folder: Path, prompt: str, sampling: Sampling) -> str:
    """The prompt and what the model of a run's folder goes on with, up to the end of the document.

    The same for the same file, prompt and settings on the same kind of device.
    """
    config, arrays = load_weights(folder)
    encoder = tokenizer.load(str(folder / "tokenizer.model"))
    if encoder.vocabulary != config.vocabulary:
        raise ValueError(
            f"{folder}: the tokenizer has {encoder.vocabulary} pieces, the model {config.vocabulary}; "
            "put back the tokenizer.model of the training data"
        )
    if jax.default_backend() == "cpu":
        config = replace(config, compute_dtype="float32")
    mesh = make_mesh((1, 1, 1))
    with jax.set_mesh(mesh):
        parameters = {
            name: jax.device_put(arrays[name], place) for name, place in parameter_shardings(config, mesh).items()
        }
        begun = [encoder.eos, *map(int, encoder.encode([prompt])[0])]
        added = list(_tokens(config, parameters, begun, encoder.eos, sampling))
    return encoder.decode([*begun[1:], *added])


def _tokens(
    config: ModelConfig, parameters: Parameters, begun: list[int], eos: int, sampling: Sampling
) -> Iterator[int]:
    """Tokens after those begun; the model sees the last `context` of them."""
    choose = jax.jit(partial(_next_token, config, sampling.temperature, sampling.top_k))
    key = jax.random.key(sampling.seed)
    tokens = list(begun)
    for number in range(sampling.length):
        seen = tokens[-config.context :]
        # Padded at the end, which causal attention cannot see, so that few lengths are compiled.
        length = min(config.context, max(_SHORTEST, 1 << (len(seen) - 1).bit_length()))
        row = np.zeros((1, length), np.int32)
        row[0, : len(seen)] = seen
        token = int(choose(parameters, row, len(seen) - 1, jax.random.fold_in(key, number)))
        if token == eos:
            return
        tokens.append(token)
        yield token


def _next_token(
    config: ModelConfig,
    temperature: float,
    top_k: int,
    parameters: Parameters,
    row: jax.Array,
    last: jax.Array,
    key: jax.Array,
) -> jax.Array:
    """The token after place `last` of a row [1, time]."""
    segments = None
    if config.mask_documents:
        segments = jnp.zeros_like(row)  # A row is one document: its only separator comes first.
    hidden = hidden_states(config, parameters, row, segments)
    logits = logits_of(parameters, jax.lax.dynamic_slice_in_dim(hidden, last, 1, axis=1))
    logits = jax.reshard(logits, PartitionSpec())[0, 0]
    if not temperature:
        return jnp.argmax(logits)
    if 0 < top_k < config.vocabulary:
        logits = jnp.where(logits >= jax.lax.top_k(logits, top_k)[0][-1], logits, -jnp.inf)
    return jax.random.categorical(key, logits / temperature)
