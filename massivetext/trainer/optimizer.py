"""AdamW as published where published: warm-up, cosine to a tenth, clipping by the global norm."""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jax import Array

from massivetext.trainer.config import ModelConfig, parameter_table
from massivetext.trainer.schedule import Schedule

FIRST_LEARNING_RATE = 1e-7
WARM_UP_STEPS = 1500
FINAL_SHARE = 0.1


def warm_up_steps(steps: int) -> int:
    """Steps of warm-up: 1,500, or a tenth of a run shorter than 15,000 steps."""
    return max(1, min(WARM_UP_STEPS, steps // 10))


def learning_rate(config: ModelConfig, schedule: Schedule, step: int | Array) -> Array:
    """The rate used by update number `step`, counted from 0.

    Linear from 1e-7 to the peak over the warm-up, then a cosine of the records consumed that reaches a tenth of the
    peak with the last.
    """
    warm_up, peak = warm_up_steps(schedule.steps), config.peak_learning_rate
    rising = FIRST_LEARNING_RATE + (peak - FIRST_LEARNING_RATE) * step / warm_up
    batches = step + jnp.maximum(0, step - schedule.doubling_step)
    done = jnp.clip((batches - warm_up) / max(1, schedule.batches - warm_up), 0, 1)
    falling = peak * (FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + jnp.cos(jnp.pi * done)))
    return jnp.where(step < warm_up, rising, falling)


def make_optimizer(config: ModelConfig, schedule: Schedule) -> optax.GradientTransformation:
    """Clipping, then AdamW(0.9, 0.95, 1e-8) with decay 0.1 of the matrices, not of norms and biases."""
    decayed = {name: row.scale > 0 for name, row in parameter_table(config).items()}
    return optax.chain(
        optax.clip_by_global_norm(config.clip),
        optax.adamw(
            lambda step: learning_rate(config, schedule, step),
            b1=0.9,
            b2=0.95,
            eps=1e-8,
            weight_decay=0.1,
            mask=decayed,
        ),
    )
