"""Training is a function of the sample, encoding is lossless, and a user's own model is checked."""

from __future__ import annotations

import hashlib
import io
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import documents
from pipelines.tokenization import tokenizer, vocabulary
from pipelines.tokenization.tokenizer import Encoder
from pipelines.tokens import SAMPLE_SCHEMA

PIECES = 2_000
CANONICAL = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
AWKWARD = [
    "",
    " ",
    "\n",
    "\t",
    "\0",
    "a\0b",
    "\r",
    "a\rb\r\nc",
    "  \t\n\n x",
    "a\u2581b",
    "\u2581",
    " \u2581\u2581 \n\u2581",
    "日本語の文章",
    "😀👩‍👩‍👧",
    "e\u0301 é",
    "\ufeffx",
    "\u2585",
    "\ufffd",
    "</s>",
    "<unk>",
    "<0x41>",
    "\u2047",
    " " * 500,
    "\n" * 300,
    "x" * 5_000,
    "١٢٣ 0123456789",
    "\U0010ffff",
]


def stdlib_sources() -> list[str]:
    """The source texts of some modules of the running Python."""
    folder = Path(json.__file__).parent.parent
    names = [
        "argparse.py",
        "ast.py",
        "cgi.py",
        "csv.py",
        "dis.py",
        "json/decoder.py",
        "json/encoder.py",
        "random.py",
    ]
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def write_sample(path: Path, texts: list[str]) -> str:
    ids = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
    table = pa.table({"id": ids, "text": texts}, schema=SAMPLE_SCHEMA)
    documents.write_batches(str(path), SAMPLE_SCHEMA, [table])
    return str(path)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    sample = write_sample(folder / "sample.parquet", stdlib_sources())
    vocabulary.train([sample], str(folder / "tokenizer.model"), PIECES)
    return str(folder / "tokenizer.model")


@pytest.fixture(scope="module")
def encoder(model: str) -> Encoder:
    return tokenizer.load(model)


def test_two_trainings_give_the_same_bytes_however_the_sample_is_spread_over_files(model: str, tmp_path: Path) -> None:
    texts = stdlib_sources()
    random.Random(5).shuffle(texts)
    samples = [write_sample(tmp_path / f"{i}.parquet", texts[i::3]) for i in range(3)]
    written = vocabulary.train(samples, str(tmp_path / "other" / "m.model"), PIECES)
    assert written.sha256 == hashlib.sha256(Path(model).read_bytes()).hexdigest()
    assert str(tmp_path).encode() not in Path(model).read_bytes()


def test_the_model_has_the_wanted_pieces_and_the_agreed_controls(encoder: Encoder, model: str) -> None:
    assert encoder.vocabulary == PIECES
    assert encoder.exact
    assert encoder.dtype == np.uint16
    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    assert processor.id_to_piece(encoder.eos) == "</s>"
    assert processor.is_control(encoder.eos)
    assert (processor.bos_id(), processor.pad_id()) == (-1, -1)
    assert processor.id_to_piece(processor.unk_id()) == "<unk>"


def test_no_piece_crosses_a_line_end_or_joins_two_digits(model: str) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    pieces = [processor.id_to_piece(i) for i in range(processor.get_piece_size()) if not processor.is_byte(i)]
    assert [piece for piece in pieces if "\n" in piece] == ["\n"]
    assert [piece for piece in pieces if "\t" in piece] == ["\t"]
    assert not [piece for piece in pieces if sum(c.isdigit() for c in piece) > 1]
    assert any(set(piece) == {"\u2581"} and len(piece) > 3 for piece in pieces)


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_text_comes_back_as_it_was(encoder: Encoder, text: str) -> None:
    (ids,) = encoder.encode([text])
    assert encoder.decode(ids) == text
    assert encoder.bounds(ids)[-1] == len(text.encode())


@settings(max_examples=300, deadline=None)
@given(st.lists(CANONICAL, max_size=4))
def test_any_text_comes_back_as_it_was_with_each_token_in_its_place(encoder: Encoder, texts: list[str]) -> None:
    for text, ids in zip(texts, encoder.encode(texts), strict=True):
        assert encoder.decode(ids) == text
        bounds = encoder.bounds(ids)
        assert bounds[-1] == len(text.encode())
        assert (np.diff(bounds) > 0).all()


def test_every_token_stands_at_its_bounds(encoder: Encoder) -> None:
    text = "def naïve(x):\n\treturn '日本' + x  # \u2581 and more\n"
    (ids,) = encoder.encode([text])
    bounds = encoder.bounds(ids)
    for token, start, end in zip(ids, bounds, bounds[1:], strict=False):
        if end - start > 1:
            assert encoder.decode([token]).encode() == text.encode()[start:end]


def test_too_little_text_is_refused_with_the_number_that_is_possible(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "s.parquet", ["a short text that allows only a few pieces\n" * 3])
    with pytest.raises(
        ValueError, match=r"the text allows \d+ pieces, 4096 were wanted: lower --vocabulary"
    ) as refused:
        vocabulary.train([sample], str(tmp_path / "m.model"), 4_096)
    possible = int(str(refused.value).split()[3])
    assert not (tmp_path / "m.model").exists()
    vocabulary.train([sample], str(tmp_path / "m.model"), possible)
    assert tokenizer.load(str(tmp_path / "m.model")).vocabulary == possible


def test_an_empty_sample_and_a_vocabulary_below_the_characters_are_refused(tmp_path: Path) -> None:
    empty = write_sample(tmp_path / "e.parquet", [])
    with pytest.raises(ValueError, match="no text to train on, so 0 pieces"):
        vocabulary.train([empty], str(tmp_path / "m.model"), 4_096)
    sample = write_sample(tmp_path / "s.parquet", stdlib_sources())
    with pytest.raises(ValueError, match=r"characters alone need \d+ pieces, 270 were wanted: raise --vocabulary"):
        vocabulary.train([sample], str(tmp_path / "m.model"), 270)


def test_lines_with_marks_of_the_trainer_do_not_disturb_it(tmp_path: Path) -> None:
    texts = [text.replace("self", "se\u2581lf\u2585\0") for text in stdlib_sources()]
    vocabulary.train([write_sample(tmp_path / "s.parquet", texts)], str(tmp_path / "m.model"), 500)
    encoder = tokenizer.load(str(tmp_path / "m.model"))
    assert encoder.decode(encoder.encode([texts[0]])[0]) == texts[0]


def trained(lines: list[str], **options: object) -> bytes:
    """A model trained by SentencePiece itself, as a user might bring one."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", minloglevel=2, **options
    )
    return model.getvalue()


@pytest.fixture(scope="module")
def foreign() -> Encoder:
    """A user's model with SentencePiece's defaults: NFKC, blanks cleaned up, one put before every text."""
    lines = [line for text in stdlib_sources() for line in text.split("\n")]
    return Encoder(trained(lines, vocab_size=1_000, byte_fallback=True))


@pytest.mark.parametrize("text", ["", " a  b\t\n c ", "ﬁne\u3000x", "日本 語", "\u2581x", *stdlib_sources()[:2]])
def test_a_model_with_rules_of_its_own_defines_the_canonical_text(foreign: Encoder, text: str) -> None:
    assert not foreign.exact
    canonical = foreign.canonical(text)
    (ids,) = foreign.encode([canonical])
    assert foreign.decode(ids) == canonical
    assert foreign.bounds(ids)[-1] == len(canonical.encode())
    assert "  " not in canonical


def test_models_that_the_stages_cannot_use_are_refused(tmp_path: Path) -> None:
    lines = [line for text in stdlib_sources() for line in text.split("\n")]
    with pytest.raises(ValueError, match="no byte pieces"):
        Encoder(trained(lines, vocab_size=500))
    with pytest.raises(ValueError, match="no end-of-sentence piece"):
        Encoder(trained(lines, vocab_size=1_000, byte_fallback=True, eos_id=-1))
    with pytest.raises(ValueError, match="no SentencePiece model"):
        Encoder(b"not a model")
    with pytest.raises(ValueError, match="no tokenizer model at"):
        tokenizer.load(str(tmp_path / "none.model"))


def test_the_mixtures_rule_is_nfkc_or_none() -> None:
    assert tokenizer.normalize("ﬁ\u3000x²", "nfkc") == "fi x2"
    assert tokenizer.normalize("ﬁ\u3000x²", "none") == "ﬁ\u3000x²"
