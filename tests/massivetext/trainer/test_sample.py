"""Weights written and read, and text generated from them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("safetensors")

from massivetext.trainer.config import ModelConfig  # noqa: E402
from massivetext.trainer.mesh import make_mesh  # noqa: E402
from massivetext.trainer.model import first_values, hidden_states, logits_of  # noqa: E402
from massivetext.trainer.sample import Sampling, generate  # noqa: E402
from massivetext.trainer.weights import FILE, load_weights, save_weights  # noqa: E402
from pipelines.tokenization.tokenizer import Encoder  # noqa: E402

CONFIG = ModelConfig(
    "test", 1, 2, 8, 32, 0, 0, context=16, vocabulary=400, rematerialise=False, compute_dtype="float32"
)
PROMPT = "The river"


@pytest.fixture(scope="module")
def run(text_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with untrained weights."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "tokenizer.model").write_bytes((text_folder / "tokenizer.model").read_bytes())
    with jax.set_mesh(make_mesh((1, 1, 1))):
        save_weights(folder, CONFIG, first_values(CONFIG, 0))
    return folder


def test_weights_and_settings_come_back_as_they_were(run: Path) -> None:
    config, arrays = load_weights(run)
    assert config == CONFIG
    values = first_values(CONFIG, 0)
    assert set(arrays) == set(values)
    for name, value in values.items():
        np.testing.assert_array_equal(arrays[name], value, err_msg=name)


def test_the_same_seed_gives_the_same_text_and_another_gives_another(run: Path) -> None:
    first, again, other = (generate(run, PROMPT, Sampling(length=20, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert first.startswith(PROMPT)


def test_at_temperature_nought_the_likeliest_token_follows_also_beyond_the_context(run: Path) -> None:
    encoder = Encoder((run / "tokenizer.model").read_bytes())
    tokens = [encoder.eos, *map(int, encoder.encode([PROMPT])[0])]
    with jax.set_mesh(make_mesh((1, 1, 1))):
        values = first_values(CONFIG, 0)
        logits = jax.jit(lambda row: logits_of(values, hidden_states(CONFIG, values, row, None))[0])
        for _ in range(15):
            seen = tokens[-CONFIG.context :]
            row = np.pad(np.array([seen]), ((0, 0), (0, CONFIG.context - len(seen))), constant_values=7)
            tokens.append(int(logits(row)[len(seen) - 1].argmax()))
    assert len(tokens) > CONFIG.context
    assert encoder.eos not in tokens[1:]
    assert generate(run, PROMPT, Sampling(length=15, temperature=0)) == encoder.decode(tokens[1:])


def test_the_likeliest_of_one_is_the_likeliest(run: Path) -> None:
    sharp = generate(run, PROMPT, Sampling(length=8, temperature=0))
    assert generate(run, PROMPT, Sampling(length=8, top_k=1, seed=5)) == sharp


def test_a_folder_without_weights_says_when_they_are_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no weights\.safetensors, which a run writes when it ends or is stopped"):
        generate(tmp_path, PROMPT, Sampling())


def test_a_broken_file_and_another_tokenizer_are_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes((run / FILE).read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"weights\.safetensors is no model written by this version"):
        load_weights(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes((run / "tokenizer.model").read_bytes())
    with jax.set_mesh(make_mesh((1, 1, 1))):
        smaller = replace(CONFIG, vocabulary=300)
        save_weights(tmp_path, smaller, first_values(smaller, 0))
    with pytest.raises(ValueError, match="the tokenizer has 400 pieces, the model 300"):
        generate(tmp_path, PROMPT, Sampling())
