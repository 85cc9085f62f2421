"""The Gopher model as pure functions of a dict of arrays: first values, hidden states, summed loss."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.sharding import PartitionSpec

from massivetext.trainer.config import ModelConfig, parameter_table
from massivetext.trainer.mesh import BATCH, parameter_specs

Parameters = dict[str, Array]
_WHOLE = PartitionSpec(BATCH, None, None)
_BY_TIME = PartitionSpec(BATCH, "tensor", None)
_BY_LAST = PartitionSpec(BATCH, None, "tensor")
_BY_HEAD = PartitionSpec(BATCH, None, "tensor", None)
_PARTIAL_SUM = PartitionSpec(BATCH, None, None, unreduced={"tensor"})


def first_values(config: ModelConfig, seed: int) -> Parameters:
    """The float32 parameters before training."""
    table = parameter_table(config)
    keys = dict(zip(table, jax.random.split(jax.random.key(seed), len(table)), strict=True))
    return {
        name: row.mean + row.scale * jax.random.normal(keys[name], row.shape, jnp.float32)
        if row.scale
        else jnp.full(row.shape, row.mean, jnp.float32)
        for name, row in table.items()
    }


def root_mean_square_norm(x: Array, scale: Array) -> Array:
    """`x` with a root mean square of 1 along its last axis, times `scale`; computed in float32."""
    wide = x.astype(jnp.float32)
    wide = wide * jax.lax.rsqrt(jnp.mean(wide * wide, axis=-1, keepdims=True) + 1e-6)
    return (wide * scale).astype(x.dtype)


def sinusoids(distances: int, width: int) -> Array:
    """[distances, width] sines, then cosines, of each distance at width / 2 frequencies (Dai et al. 2019)."""
    frequencies = 10_000.0 ** (-jnp.arange(0, width, 2) / width)
    angles = jnp.arange(distances)[:, None] * frequencies
    return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)


def align_distances(scores: Array) -> Array:
    """[..., i, j] scores of distance i - j from [..., i, n] of distance time - 1 - n; entries with j > i mean nothing.

    Row i must move left by time - 1 - i. One column of padding makes every row one longer than the time, so that in
    the flat memory each row starts one place later than the last (Dai et al. 2019, appendix B).
    """
    *lead, time, _ = scores.shape
    padded = jnp.pad(scores, [(0, 0)] * (len(lead) + 1) + [(1, 0)])
    return padded.reshape(*lead, time + 1, time)[..., 1:, :]


def attend(
    query: Array,
    key: Array,
    value: Array,
    distance: Array,
    content_bias: Array,
    distance_bias: Array,
    segments: Array | None,
) -> Array:
    """[rows, time, heads, size] causal attention with relative positions.

    `distance` [time, heads, size] is the projected sinusoid of each distance, the biases are [heads, size].
    `segments` [rows, time] keeps attention within equal numbers.
    """
    time, scale = query.shape[1], query.shape[-1] ** -0.5
    product = partial(jnp.einsum, preferred_element_type=jnp.promote_types(query.dtype, jnp.float32))
    content = product("bihk,bjhk->bhij", (query + content_bias) * scale, key)
    by_distance = product("bihk,nhk->bhin", (query + distance_bias) * scale, distance[::-1])
    seen = jnp.tril(jnp.ones((time, time), bool))
    if segments is not None:
        seen = seen & (segments[:, None, :, None] == segments[:, None, None, :])
    scores = jnp.where(seen, content + align_distances(by_distance), -1e30)
    return jnp.einsum("bhij,bjhk->bihk", jax.nn.softmax(scores, axis=-1).astype(value.dtype), value)


def _gathered(weight: Array, spec: PartitionSpec, dtype: jnp.dtype) -> Array:
    """A matrix in the compute type, whole along fsdp; its gradient is scattered over fsdp and summed over data."""
    if weight.ndim == 1:
        return weight
    if "fsdp" not in spec:
        return weight.astype(dtype)
    copy = jax.reshard(weight.astype(dtype), PartitionSpec(*spec, reduced={"data"}))
    whole = (None if axis == "fsdp" else axis for axis in spec)
    return jax.reshard(copy, PartitionSpec(*whole, reduced={"data", "fsdp"}))


def _attention(x: Array, layer: Parameters, waves: Array, segments: Array | None) -> Array:
    """What attention adds to the residual; every device projects its own share of the distances."""
    normed = jax.reshard(root_mean_square_norm(x, layer["attention_norm"]), _WHOLE)
    query, key, value = (
        jnp.einsum("btd,dhk->bthk", normed, layer[name], out_sharding=_BY_HEAD) for name in ("query", "key", "value")
    )
    distance = jnp.einsum("nd,dhk->nhk", waves, layer["distance"], out_sharding=PartitionSpec(BATCH, "tensor", None))
    distance = jax.reshard(distance, PartitionSpec(None, "tensor", None))
    mixed = jax.shard_map(attend, out_specs=_BY_HEAD)(
        query, key, value, distance, layer["content_bias"], layer["distance_bias"], segments
    )
    added = jnp.einsum("bthk,hkd->btd", mixed, layer["attended"], out_sharding=_PARTIAL_SUM)
    return jax.reshard(added, _BY_TIME) + layer["attended_bias"].astype(x.dtype)


def _feed_forward(x: Array, layer: Parameters) -> Array:
    normed = jax.reshard(root_mean_square_norm(x, layer["forward_norm"]), _WHOLE)
    wide = jnp.einsum("btd,df->btf", normed, layer["expand"], out_sharding=_BY_LAST)
    wide = jax.nn.gelu(wide + layer["expand_bias"].astype(x.dtype))
    added = jnp.einsum("btf,fd->btd", wide, layer["contract"], out_sharding=_PARTIAL_SUM)
    return jax.reshard(added, _BY_TIME) + layer["contract_bias"].astype(x.dtype)


def hidden_states(config: ModelConfig, parameters: Parameters, inputs: Array, segments: Array | None) -> Array:
    """[rows, time, width] after the last norm, in the compute type; `inputs` are [rows, time] token ids."""
    dtype = jnp.dtype(config.compute_dtype)
    specs = parameter_specs(config)
    stacked = {name: parameters[name] for name, row in parameter_table(config).items() if row.axes[0] == "layers"}
    waves = jax.reshard(sinusoids(inputs.shape[1], config.width).astype(dtype), PartitionSpec(BATCH, None))
    embedding = jax.reshard(parameters["embedding"].astype(dtype), PartitionSpec(None, "tensor"))
    x = jax.reshard(embedding.at[inputs].get(out_sharding=_BY_LAST), _BY_TIME)

    def apply(x: Array, layer: Parameters) -> Array:
        layer = {name: _gathered(weight, PartitionSpec(*specs[name][1:]), dtype) for name, weight in layer.items()}
        x = x + _attention(x, layer, waves, segments)
        return x + _feed_forward(x, layer)

    if config.rematerialise:
        apply = jax.checkpoint(apply)
    x, _ = jax.lax.scan(lambda x, layer: (apply(x, layer), None), x, stacked)
    return root_mean_square_norm(x, parameters["final_norm"])


def logits_of(parameters: Parameters, hidden: Array) -> Array:
    """[rows, time, vocabulary] float32 logits of the next token."""
    hidden = jax.reshard(hidden, _WHOLE)
    embedding = _gathered(parameters["embedding"], PartitionSpec("tensor", "fsdp"), hidden.dtype)
    logits = jnp.einsum("btd,vd->btv", hidden, embedding, out_sharding=_BY_LAST, preferred_element_type=jnp.float32)
    return logits + parameters["logit_bias"]


def _token_losses(config: ModelConfig, parameters: Parameters, hidden: Array, targets: Array) -> Array:
    """[rows, time] nats of each target."""
    logits = logits_of(parameters, hidden)
    # A comparison instead of a look-up keeps the vocabulary split over `tensor`.
    at_target = targets[..., None] == jnp.arange(config.vocabulary)
    return jax.nn.logsumexp(logits, axis=-1) - jnp.sum(jnp.where(at_target, logits, 0), axis=-1)


def summed_loss(config: ModelConfig, parameters: Parameters, batch: dict[str, Array]) -> Array:
    """Nats summed over the targets that count.

    `batch` holds [rows, time] arrays: inputs, targets and segments as int32, counted as bool.
    """
    segments = batch["segments"] if config.mask_documents else None
    hidden = hidden_states(config, parameters, batch["inputs"], segments)
    token_losses = partial(_token_losses, config)
    if config.rematerialise:  # logits are the largest array of all
        token_losses = jax.checkpoint(token_losses)
    losses = token_losses(parameters, hidden, batch["targets"])
    return jnp.sum(jnp.where(batch["counted"], losses, 0))
