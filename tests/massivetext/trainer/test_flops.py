"""Counted operations against published ratios, our earlier measurements, and the traced program."""

from __future__ import annotations

from dataclasses import replace

import pytest

from massivetext.trainer.config import MODELS, ModelConfig, parameter_count
from massivetext.trainer.flops import per_token, published_forward

# Chinchilla, Table A4: FLOPs by the list of appendix F over 6 N D, by size in millions; shapes as in Table A9.
TABLE_A4 = [
    (73, (10, 10, 64, 640), 1.03),
    (305, (20, 16, 64, 1024), 1.10),
    (552, (24, 10, 128, 1280), 1.08),
    (1143, (26, 14, 128, 1792), 1.04),
    (1593, (28, 16, 128, 2048), 1.03),
    (6796, (40, 28, 128, 3584), 0.99),
]


@pytest.mark.parametrize(("millions", "shape", "ratio"), TABLE_A4)
def test_the_published_list_gives_the_published_ratios_without_the_embedding_terms(
    millions: int, shape: tuple[int, int, int, int], ratio: float
) -> None:
    config = ModelConfig("", *shape, 0, 0)
    assert round(parameter_count(config) / 1e6) in (millions, millions + 1)
    trained = 3 * published_forward(config, 2048, embeddings=False)
    assert trained / (6 * parameter_count(config) * 2048) == pytest.approx(ratio, abs=0.006)


def test_with_the_embedding_terms_the_smallest_ratio_is_far_from_the_published_one() -> None:
    config = ModelConfig("", *TABLE_A4[0][1], 0, 0)
    ratio = 3 * published_forward(config, 2048) / (6 * parameter_count(config) * 2048)
    assert ratio == pytest.approx(1.58, abs=0.01)


@pytest.mark.parametrize(
    ("name", "causal", "flops"),
    [
        ("44m", True, 3.25e8),
        ("117m", True, 8.27e8),
        ("417m", True, 2.67e9),
        ("1.4b", True, 8.55e9),
        ("7.1b", True, 4.19e10),
        ("chinchilla-70b", True, 4.00e11),
        ("280b", True, 1.57e12),
        ("chinchilla-70b", False, 4.123e11),
        ("280b", False, 1.598e12),
    ],
)
def test_training_on_a_token_takes_the_known_operations(name: str, causal: bool, flops: float) -> None:
    assert per_token(MODELS[name], causal) == pytest.approx(flops, rel=5e-3)


def products(jaxpr) -> int:  # type: ignore[no-untyped-def]
    """FLOPs of every dot_general of a traced program, a scan's body as often as it runs."""
    total = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            total += 2 * equation.outvars[0].aval.size * _size(equation.invars[0].aval, contracted)
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        for value in equation.params.values():
            inner = getattr(value, "jaxpr", value)
            total += times * products(inner) if hasattr(inner, "eqns") else 0
    return total


def _size(aval, axes) -> int:  # type: ignore[no-untyped-def]
    size = 1
    for axis in axes:
        size *= aval.shape[axis]
    return size


def test_the_traced_program_multiplies_as_much_as_is_counted() -> None:
    jax = pytest.importorskip("jax")
    from massivetext.trainer.mesh import make_mesh
    from massivetext.trainer.model import first_values, summed_loss

    config = replace(MODELS["44m"], rematerialise=False, vocabulary=512, context=128, compute_dtype="float32")
    rows = jax.ShapeDtypeStruct((16, 128), "int32")
    batch = {"inputs": rows, "targets": rows, "segments": rows, "counted": jax.ShapeDtypeStruct((16, 128), "bool")}
    with jax.set_mesh(make_mesh((1, 1, 1))):
        values = jax.eval_shape(lambda: first_values(config, 0))
        traced = jax.make_jaxpr(jax.grad(lambda v, b: summed_loss(config, v, b)))(values, batch)
    # Traced is more by the projection of the distances, once per batch instead of per token.
    assert products(traced.jaxpr) / (16 * 128) == pytest.approx(per_token(config, causal=False), rel=0.02)
