"""The published schedule at its corners, and the parts of the update."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

jax = pytest.importorskip("jax")

from massivetext.trainer.config import MODELS, parameter_table  # noqa: E402
from massivetext.trainer.optimizer import learning_rate, make_optimizer, warm_up_steps  # noqa: E402
from massivetext.trainer.schedule import Schedule  # noqa: E402

MODEL = replace(MODELS["44m"], vocabulary=8)


def rate(steps: int, step: int, doubles: bool = False) -> float:
    return float(learning_rate(MODEL, Schedule(steps, 8, doubles), step))


def test_the_warm_up_rises_from_1e_7_to_the_peak_over_1500_steps() -> None:
    assert rate(100_000, 0) == pytest.approx(1e-7)
    assert rate(100_000, 750) == pytest.approx((1e-7 + 6e-4) / 2)
    assert rate(100_000, 1500) == pytest.approx(6e-4)
    assert rate(100_000, 1400) < rate(100_000, 1500) > rate(100_000, 3000)


def test_the_cosine_falls_to_a_tenth_and_stays() -> None:
    assert rate(100_000, (1500 + 100_000) // 2) == pytest.approx(0.55 * 6e-4, rel=1e-4)
    assert rate(100_000, 100_000) == pytest.approx(6e-5)
    assert rate(100_000, 120_000) == pytest.approx(6e-5)


def test_the_cosine_follows_the_records_when_the_batch_doubles() -> None:
    # Of 90,000 steps 60,000 come before the doubling: they hold half the records.
    constant, doubled = (rate(120_000, 60_000), rate(90_000, 60_000, doubles=True))
    assert doubled == pytest.approx(constant)
    assert rate(90_000, 75_000, doubles=True) == pytest.approx(rate(120_000, 90_000))
    assert rate(90_000, 90_000, doubles=True) == pytest.approx(6e-5)


def test_short_runs_warm_up_over_a_tenth_of_their_steps() -> None:
    assert [warm_up_steps(steps) for steps in (1, 9, 20, 14_999, 15_000, 10**6)] == [1, 1, 2, 1499, 1500, 1500]


def test_a_run_of_one_step_has_a_rate() -> None:
    assert rate(1, 0) == pytest.approx(1e-7)


def first_update(gradient: float, clip: float) -> dict[str, np.ndarray]:
    """The change of every parameter, all of them 2, at the peak rate after two equal gradients."""
    model = replace(MODEL, layers=1, heads=1, key_size=2, width=4, clip=clip, peak_learning_rate=0.5)
    values = {name: np.full(row.shape, 2.0, "f4") for name, row in parameter_table(model).items()}
    gradients = {name: np.full_like(value, gradient) for name, value in values.items()}
    optimizer = make_optimizer(model, Schedule(10))

    @jax.jit
    def updated_twice():  # type: ignore[no-untyped-def]
        _, state = optimizer.update(gradients, optimizer.init(values), values)
        return optimizer.update(gradients, state, values)[0]

    return updated_twice()


def test_only_matrices_decay_by_a_tenth_of_the_rate() -> None:
    changes = first_update(gradient=1.0, clip=1e9)
    np.testing.assert_allclose(changes["query"], -0.5 * (1 + 0.1 * 2), rtol=1e-4)
    np.testing.assert_allclose(changes["embedding"], -0.5 * (1 + 0.1 * 2), rtol=1e-4)
    for name in ("attention_norm", "content_bias", "expand_bias", "logit_bias", "final_norm"):
        np.testing.assert_allclose(changes[name], -0.5, rtol=1e-4, err_msg=name)


def test_gradients_are_clipped_by_their_global_norm() -> None:
    # Clipped to a norm near Adam's epsilon the update shrinks; Adam alone would not notice a scale.
    assert abs(first_update(gradient=1.0, clip=1e-7)["final_norm"]).max() < 0.4
    assert MODELS["7.1b"].clip == MODELS["280b"].clip == 0.25
    assert {MODELS[name].clip for name in ("44m", "117m", "417m", "1.4b")} == {1.0}
