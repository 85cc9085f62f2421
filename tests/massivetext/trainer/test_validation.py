"""Bits per byte against the decoded text and the loss of every token."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("grain")

from massivetext.trainer.config import ModelConfig  # noqa: E402
from massivetext.trainer.data import Record, as_batch, stored_records  # noqa: E402
from massivetext.trainer.manifest import TrainingData, read_manifest  # noqa: E402
from massivetext.trainer.mesh import make_mesh  # noqa: E402
from massivetext.trainer.model import first_values, summed_loss  # noqa: E402
from massivetext.trainer.validation import Validation, text_bytes  # noqa: E402
from pipelines.tokenization.tokenizer import Encoder, load  # noqa: E402

CONFIG = ModelConfig(
    "test", 1, 2, 8, 32, 0, 0, context=16, vocabulary=400, rematerialise=False, compute_dtype="float32"
)


@pytest.fixture(scope="module")
def data(text_folder: Path) -> TrainingData:
    return read_manifest(text_folder)


def held_out(data: TrainingData) -> list[Record]:
    stored = stored_records(data, data.valid["books"])
    return [stored[i] for i in range(len(stored))]


def test_the_bytes_are_those_of_the_documents(data: TrainingData, held_out_texts: list[str]) -> None:
    assert text_bytes(load(str(data.tokenizer)), held_out(data)) == sum(len(text.encode()) for text in held_out_texts)
    assert not "".join(held_out_texts).isascii()


def test_a_blank_that_the_tokenizer_put_before_each_document_is_no_byte(make_tokenizer: Callable[..., bytes]) -> None:
    encoder = Encoder(make_tokenizer(400, dummy_prefix=True))
    texts = ["The mill.", "A letter — twice."]
    ids = np.concatenate([np.append(tokens, encoder.eos) for tokens in encoder.encode(texts)]).astype(np.int32)
    assert text_bytes(encoder, [(ids, len(ids))]) == sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize("rows", [1, 5])
def test_bits_per_byte_are_the_bits_of_all_tokens_over_the_bytes(data: TrainingData, rows: int) -> None:
    mesh, read = make_mesh((1, 1, 1)), held_out(data)
    with jax.set_mesh(mesh):
        parameters = first_values(CONFIG, 0)
        found = Validation(data, CONFIG, rows, 100, mesh).measure(parameters)
        nats = float(summed_loss(CONFIG, parameters, as_batch(read, data, CONFIG.context)))
    assert found == {"books": pytest.approx(nats / math.log(2) / text_bytes(load(str(data.tokenizer)), read), rel=1e-5)}


def test_an_untrained_model_needs_about_the_log_of_the_vocabulary_per_token(data: TrainingData) -> None:
    mesh, read = make_mesh((1, 1, 1)), held_out(data)
    tokens = sum(length for _, length in read)
    with jax.set_mesh(mesh):
        found = Validation(data, CONFIG, 4, 100, mesh).measure(first_values(CONFIG, 0))
    bytes_per_token = text_bytes(load(str(data.tokenizer)), read) / tokens
    assert found["books"] * bytes_per_token == pytest.approx(math.log2(400), abs=0.4)


def test_no_more_records_are_read_than_asked_for(data: TrainingData) -> None:
    mesh, read = make_mesh((1, 1, 1)), held_out(data)[:2]
    with jax.set_mesh(mesh):
        parameters = first_values(CONFIG, 0)
        found = Validation(data, CONFIG, 4, 2, mesh).measure(parameters)
        nats = float(summed_loss(CONFIG, parameters, as_batch(read, data, CONFIG.context)))
    assert found["books"] == pytest.approx(nats / math.log(2) / text_bytes(load(str(data.tokenizer)), read), rel=1e-5)


def test_without_held_out_documents_nothing_is_measured(data: TrainingData) -> None:
    mesh = make_mesh((1, 1, 1))
    with jax.set_mesh(mesh):
        assert Validation(replace(data, valid={}), CONFIG, 4, 100, mesh).measure(first_values(CONFIG, 0)) == {}
