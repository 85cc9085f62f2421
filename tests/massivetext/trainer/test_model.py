"""The model against literal definitions, on one device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from massivetext.trainer import model  # noqa: E402
from massivetext.trainer.config import ModelConfig, parameter_table  # noqa: E402
from massivetext.trainer.mesh import make_mesh  # noqa: E402

CONFIG = ModelConfig(
    "test", 2, 2, 8, 24, 1e-3, 0, context=16, vocabulary=50, rematerialise=False, compute_dtype="float32"
)
EOS = 1
compiled = partial(jax.jit, static_argnums=0, compiler_options={"xla_backend_optimization_level": 0})
hidden_states = compiled(model.hidden_states)
summed_loss = compiled(model.summed_loss)
gradients = compiled(jax.grad(model.summed_loss, argnums=1))
first_values = compiled(model.first_values, static_argnums=(0, 1))


@pytest.fixture(autouse=True)
def one_device() -> Iterator[None]:
    with jax.set_mesh(make_mesh((1, 1, 1))):
        yield


def random_parameters(config: ModelConfig, seed: int = 0) -> dict[str, object]:
    """First values with noise on top, so that no bias is zero and no norm one."""
    rng = np.random.default_rng(seed)
    values = first_values(config, seed)
    return {name: value + 0.1 * rng.normal(size=value.shape).astype("f4") for name, value in values.items()}


def batch_of(inputs: np.ndarray, targets: np.ndarray | None = None, counted: np.ndarray | None = None) -> dict:
    return {
        "inputs": inputs,
        "targets": inputs if targets is None else targets,
        "segments": np.cumsum(inputs == EOS, axis=1),
        "counted": np.ones(inputs.shape, bool) if counted is None else counted,
    }


def attention_by_pairs(q, k, v, waves, projection, u, w, segments):  # type: ignore[no-untyped-def]
    """A_ij = ((q_i + u) k_j + (q_i + w) W_R R_(i-j)) / sqrt(size), Dai et al. 2019, a pair at a time in float64."""
    out = np.zeros_like(q)
    for row, i, head in np.ndindex(q.shape[:3]):
        seen = [j for j in range(i + 1) if segments is None or segments[row, j] == segments[row, i]]
        scores = np.array(
            [
                (q[row, i, head] + u[head]) @ k[row, j, head]
                + (q[row, i, head] + w[head]) @ (waves[i - j] @ projection[:, head])
                for j in seen
            ]
        )
        weights = np.exp(scores / math.sqrt(q.shape[-1]))
        out[row, i, head] = weights / weights.sum() @ v[row, seen, head]
    return out


@pytest.mark.parametrize("masked", [False, True])
def test_attention_equals_its_definition_pair_by_pair(masked: bool) -> None:
    rng = np.random.default_rng(0)
    rows, time, heads, size, width = 2, 19, 3, 8, 12
    q, k, v = (rng.normal(size=(rows, time, heads, size)) for _ in range(3))
    u, w, projection = (rng.normal(size=shape) for shape in ((heads, size), (heads, size), (width, heads, size)))
    angles = np.arange(time)[:, None] * 10_000.0 ** (-np.arange(0, width, 2) / width)
    waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    segments = np.cumsum(rng.random((rows, time)) < 0.2, axis=1) if masked else None
    want = attention_by_pairs(q, k, v, waves, projection, u, w, segments)
    distance = np.einsum("nd,dhk->nhk", waves, projection)
    got = model.attend(*(jax.numpy.asarray(x, "float32") for x in (q, k, v, distance, u, w)), segments)
    np.testing.assert_allclose(got, want, atol=5e-6)


def attention_by_rotation(q, k, v, projection, u, w):  # type: ignore[no-untyped-def]
    """The same without any distance: the sine and cosine of i - j are split into those of i and of j.

    So the position term is a plain product of a query, rotated by its place i, with the absolute waves of j.
    """
    time, width = q.shape[1], projection.shape[0]
    angles = np.arange(time)[:, None] * 10_000.0 ** (-np.arange(0, width, 2) / width)
    sine, cosine = np.sin(angles), np.cos(angles)
    by_wave = np.einsum("bihk,dhk->bihd", q + w, projection)
    of_sine, of_cosine = np.split(by_wave, 2, axis=-1)
    at = (None, slice(None), None)
    for_cosine = of_sine * sine[at] + of_cosine * cosine[at]
    for_sine = of_cosine * sine[at] - of_sine * cosine[at]
    scores = np.einsum("bihk,bjhk->bhij", q + u, k)
    scores += np.einsum("bihf,jf->bhij", for_cosine, cosine) + np.einsum("bihf,jf->bhij", for_sine, sine)
    weights = np.where(np.tril(np.ones((time, time), bool)), np.exp(scores / math.sqrt(q.shape[-1])), 0)
    return np.einsum("bhij,bjhk->bihk", weights / weights.sum(-1, keepdims=True), v)


def test_attention_equals_its_trigonometric_form_in_float64() -> None:
    rng = np.random.default_rng(3)
    q, k, v = (rng.normal(size=(2, 23, 3, 8)) for _ in range(3))
    u, w, projection = (rng.normal(size=shape) for shape in ((3, 8), (3, 8), (12, 3, 8)))
    want = attention_by_rotation(q, k, v, projection, u, w)
    with jax.enable_x64(True):
        distance = jax.numpy.einsum("nd,dhk->nhk", model.sinusoids(23, 12), projection)
        got = np.asarray(model.attend(*map(jax.numpy.asarray, (q, k, v, distance, u, w)), None))
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)


def test_sinusoids_are_those_of_the_distances() -> None:
    angles = np.arange(40)[:, None] * 10_000.0 ** (-np.arange(0, 12, 2) / 12)
    np.testing.assert_allclose(model.sinusoids(40, 12), np.concatenate([np.sin(angles), np.cos(angles)], 1), atol=5e-6)


def test_distances_are_aligned_with_keys() -> None:
    by_distance = jax.numpy.arange(6)[::-1] * jax.numpy.ones((6, 1))
    aligned = model.align_distances(by_distance)
    assert all(aligned[i, j] == i - j for i in range(6) for j in range(i + 1))


def test_the_norm_divides_by_the_root_mean_square_without_centring() -> None:
    x = np.random.default_rng(0).normal(3, 2, (5, 64)).astype("f4")
    want = x / np.sqrt((x.astype("f8") ** 2).mean(-1, keepdims=True)) * 2
    np.testing.assert_allclose(model.root_mean_square_norm(x, np.full(64, 2.0)), want, rtol=1e-5)


def test_a_token_has_no_influence_on_earlier_positions() -> None:
    parameters = random_parameters(CONFIG)
    inputs = np.random.default_rng(1).integers(2, 50, (2, 16))
    changed = inputs.copy()
    changed[0, 9] = (inputs[0, 9] + 1) % 50
    before, after = (np.asarray(hidden_states(CONFIG, parameters, x, None)) for x in (inputs, changed))
    np.testing.assert_array_equal(before[0, :9], after[0, :9])
    assert (np.abs(before[0, 9:] - after[0, 9:]).max(axis=1) > 1e-4).all()


def test_with_the_document_mask_a_packed_document_reads_as_if_alone() -> None:
    parameters = random_parameters(CONFIG)
    alone = np.append(EOS, np.random.default_rng(1).integers(2, 50, 7))[None]
    packed = np.concatenate([[[EOS, 5, 6, 7, 8, 9, 10, 11]], alone], axis=1)
    segments = np.cumsum(packed == EOS, axis=1)
    masked = hidden_states(CONFIG, parameters, packed, segments)[:, 8:]
    np.testing.assert_allclose(masked, hidden_states(CONFIG, parameters, alone, None), atol=1e-5)
    assert np.abs(hidden_states(CONFIG, parameters, packed, None)[:, 8:] - masked).max() > 0.01


def test_the_mask_flag_decides_the_loss() -> None:
    inputs = np.random.default_rng(1).integers(2, 50, (2, 16))
    inputs[:, 7] = EOS
    batch, parameters = batch_of(inputs), random_parameters(CONFIG)
    free, masked = (summed_loss(replace(CONFIG, mask_documents=flag), parameters, batch) for flag in (False, True))
    assert abs(free - masked) > 0.01


def test_the_loss_is_minus_the_log_probability_of_the_targets_that_count() -> None:
    rng, parameters = np.random.default_rng(2), random_parameters(CONFIG)
    inputs, targets = rng.integers(0, 50, (2, 16)), rng.integers(0, 50, (2, 16))
    counted = rng.random((2, 16)) < 0.5
    hidden = np.asarray(hidden_states(CONFIG, parameters, inputs, None), "f8")
    logits = hidden @ np.asarray(parameters["embedding"], "f8").T + np.asarray(parameters["logit_bias"], "f8")
    log_shares = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    want = -np.take_along_axis(log_shares, targets[..., None], -1)[..., 0][counted].sum()
    assert float(summed_loss(CONFIG, parameters, batch_of(inputs, targets, counted))) == pytest.approx(want, rel=1e-5)


def test_the_first_loss_is_about_the_log_of_the_vocabulary() -> None:
    config = replace(CONFIG, vocabulary=4096, width=64, heads=4, key_size=16)
    rng = np.random.default_rng(0)
    inputs, targets = rng.integers(0, 4096, (2, 16, 16))
    loss = float(summed_loss(config, first_values(config, 0), batch_of(inputs, targets))) / inputs.size
    assert loss == pytest.approx(math.log(4096), abs=0.25)


def test_rematerialisation_changes_no_gradient() -> None:
    batch = batch_of(np.random.default_rng(1).integers(0, 50, (2, 16)))
    parameters = random_parameters(CONFIG)
    plain, again = (gradients(replace(CONFIG, rematerialise=flag), parameters, batch) for flag in (False, True))
    for name in plain:
        np.testing.assert_allclose(plain[name], again[name], atol=2e-5, err_msg=name)


def test_bfloat16_computation_keeps_a_float32_loss_near_that_of_float32() -> None:
    batch, parameters = batch_of(np.random.default_rng(1).integers(0, 50, (2, 16))), random_parameters(CONFIG)
    exact, short = (
        summed_loss(replace(CONFIG, compute_dtype=dtype), parameters, batch) for dtype in ("float32", "bfloat16")
    )
    assert short.dtype == exact.dtype
    assert 0 < abs(float(short) - float(exact)) < 0.02 * float(exact)


def test_first_values_are_those_of_the_table() -> None:
    config = replace(CONFIG, vocabulary=4096, width=64, heads=4, key_size=16)
    values = first_values(config, 0)
    for name, row in parameter_table(config).items():
        assert values[name].shape == row.shape
        assert float(values[name].mean()) == pytest.approx(row.mean, abs=0.01), name
        assert float(values[name].std()) == pytest.approx(row.scale, rel=0.1), name
