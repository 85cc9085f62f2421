"""Encoding again only what a cut touched gives the ids of the whole text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import documents, tokens
from pipelines.substrings import recode
from pipelines.substrings.spans import Span, without
from pipelines.tokenization import tokenizer, vocabulary
from pipelines.tokenization.tokenizer import Encoder

ALPHABET = "ab the é一😀▁  \t\n\n\r"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = tmp_path_factory.mktemp("model")
    package = Path(json.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in sorted(package.glob("*.py"))]
    table = pa.table({"id": [b"%016d" % i for i in range(len(texts))], "text": texts})
    sample = str(folder / "sample.parquet")
    documents.write_batches(sample, tokens.SAMPLE_SCHEMA, [table.cast(tokens.SAMPLE_SCHEMA)])
    vocabulary.train([sample], str(folder / "tokenizer.model"), 800)
    return tokenizer.load(str(folder / "tokenizer.model"))


def again(encoder: Encoder, text: str, spans: list[Span]) -> tuple[list[recode.Part], np.ndarray]:
    ids = encoder.encode([text])[0]
    parts = recode.parts(text, spans, ids, encoder.bounds(ids))
    return parts, recode.encoded(encoder, [parts])[0]


def test_a_line_of_the_projects_models_is_encoded_alone(encoder: Encoder) -> None:
    assert recode.lines_alone(encoder)


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet=ALPHABET, max_size=80), st.data())
def test_ids_are_those_of_the_whole_text(encoder: Encoder, text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [Span(a, b, 0) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    _, ids = again(encoder, text, spans)
    assert ids.tolist() == encoder.encode([without(text, spans)])[0].tolist()


def test_only_touched_lines_are_encoded(encoder: Encoder) -> None:
    lines = [f"line {number} of the text é" for number in range(200)]
    text = "\n".join(lines)
    start = text.index("of", text.index("line 77"))
    span = Span(start, text.index("the", text.index("line 79")), 0)
    parts, ids = again(encoder, text, [span])
    assert [part for part in parts if isinstance(part, str)] == ["line 77 \nthe text é"] or [
        part for part in parts if isinstance(part, str)
    ] == ["line 77 ", "\nthe text é"]
    assert ids.tolist() == encoder.encode([without(text, [span])])[0].tolist()
