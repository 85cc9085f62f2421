"""fastText's models without fastText: the library itself is the oracle."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import fasttext_format, language, model
from filters.fasttext_format import Model
from filters.kernels.labels import exponential
from filters.text import buffers

fasttext = pytest.importorskip("fasttext")
HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VERSUS_ALL = 1, 2, 3, 4
TEXTS = [
    "the cat sat on the mat",
    "a dog, a dog!",
    "日本語 の テキスト",
    "unseen wörds only",
    "the the the",
    ".",
    "x" * 300,
]


def drawn(loss: int = SOFTMAX, word_ngrams: int = 1, subwords: tuple[int, int] = (0, 0), buckets: int = 97) -> Model:
    """A model of random vectors over a few words and five labels of falling counts."""
    random = np.random.default_rng(loss * 100 + word_ngrams * 10 + subwords[1])
    words = [b"</s>", "the cat dog mat sat a wörds 日本語".encode()]
    entries = [words[0], *words[1].split(), *(b"__label__%d" % number for number in range(5))]
    known = len(entries) - 5
    buckets = buckets if word_ngrams > 1 or subwords[1] else 0
    return Model(
        tuple(entries), np.array([*range(50, 50 - known, -1), 30, 20, 10, 10, 1]), known, 6, word_ngrams, *subwords,
        buckets, loss, None, random.normal(size=(known + buckets, 6)).astype(np.float32),
        random.normal(size=(5, 6)).astype(np.float32),
    )  # fmt: skip


def of_fasttext(loaded: Any, text: str) -> dict[str, float]:
    """fastText's own probabilities of all labels; none for a text without a feature."""
    found = loaded.f.predict(text.replace("\n", " ") + "\n", -1, -1.0, "strict")
    return {label.removeprefix("__label__"): min(1.0, round(value, 4)) for value, label in found}


def ours(classifier: model.Classifier, text: str, limit: int | None = None) -> dict[str, float]:
    values = classifier.probabilities(*buffers([text]), limit=limit)[0]
    return dict(zip(classifier.labels, values.tolist(), strict=True))


def assert_same(found: dict[str, float], expected: dict[str, float]) -> None:
    for label, value in found.items():
        assert value == pytest.approx(expected.get(label, 0.0), abs=1.01e-4), label


@pytest.fixture(scope="module")
def languages() -> tuple[model.Classifier, Any]:
    path = str(language.default_model())
    return model.load(path), fasttext.load_model(path)


@pytest.mark.parametrize("loss", [HIERARCHICAL, NEGATIVE, SOFTMAX, ONE_VERSUS_ALL])
@pytest.mark.parametrize(("word_ngrams", "subwords"), [(1, (0, 0)), (3, (0, 0)), (1, (1, 3)), (2, (3, 5))])
def test_every_kind_of_model_says_what_fasttext_says(
    tmp_path: Path, loss: int, word_ngrams: int, subwords: tuple[int, int]
) -> None:
    made = drawn(loss, word_ngrams, subwords)
    (tmp_path / "model.bin").write_bytes(fasttext_format.write(made, 1, 100))
    loaded = fasttext.load_model(str(tmp_path / "model.bin"))
    classifier = model.load(tmp_path / "model.bin")
    for text in TEXTS:
        assert_same(ours(classifier, text), of_fasttext(loaded, text))


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=80).filter(lambda text: "</s>" not in text))
def test_any_text_has_the_languages_that_fasttext_gives_it(languages: tuple[model.Classifier, Any], text: str) -> None:
    """The model is quantised, has subwords of characters, a pruned vocabulary and a tree of 176 labels."""
    classifier, loaded = languages
    found = ours(classifier, text)
    if text.strip(" \t\n\v\f\r\0"):
        assert_same(found, of_fasttext(loaded, text))
    else:
        assert set(found.values()) == {0.0}


def test_declarations_in_all_languages_have_the_labels_that_fasttext_gives(
    shared_data: Path, languages: tuple[model.Classifier, Any]
) -> None:
    classifier, loaded = languages
    with zipfile.ZipFile(shared_data / "labelled" / "langid" / "udhr2.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".txt")]
        texts = [archive.read(name).decode("utf-8", "replace")[:3000] for name in names]
    values = classifier.probabilities(*buffers(texts))
    labels = Counter()
    for row, text in zip(values, texts, strict=True):
        expected = of_fasttext(loaded, text)
        if expected and text.strip():
            assert_same(dict(zip(classifier.labels, row.tolist(), strict=True)), expected)
            best = max(expected.values())
            labels[expected[classifier.labels[row.argmax()]] >= best - 1.01e-4] += 1
    assert labels[True] > 350
    assert labels[False] == 0


def test_a_word_of_many_kilobytes_is_taken_whole(languages: tuple[model.Classifier, Any]) -> None:
    classifier, loaded = languages
    text = "überraschend" * 2000
    assert_same(ours(classifier, text), of_fasttext(loaded, text))


def test_labels_inside_a_text_are_no_words(languages: tuple[model.Classifier, Any]) -> None:
    classifier, _ = languages
    plain = ours(classifier, "the words of a page")
    assert ours(classifier, "__label__fr the words __label__no_such of a page __label__fr") == plain


def test_the_end_marker_inside_a_text_hides_nothing(languages: tuple[model.Classifier, Any]) -> None:
    """fastText stops there, so that a page could hide all that follows."""
    classifier, loaded = languages
    text = "</s> bonjour tout le monde, comment allez-vous aujourd'hui ?"
    assert max(of_fasttext(loaded, text), key=of_fasttext(loaded, text).__getitem__) != "fr"
    assert max(ours(classifier, text), key=ours(classifier, text).__getitem__) == "fr"


@pytest.mark.parametrize("shift", range(4))
def test_a_limit_cuts_before_the_character_that_crosses_it(languages: tuple[model.Classifier, Any], shift: int) -> None:
    classifier, _ = languages
    text = "x" * shift + "Ελληνικά \U0001d518 κείμενα " * 100
    head = text.encode()[:400].decode("utf-8", "ignore")
    assert ours(classifier, text, limit=400) == ours(classifier, head)


def test_a_text_without_a_token_has_zeros_and_no_texts_no_rows() -> None:
    classifier = model.classifier(drawn())
    assert classifier.probabilities(*buffers(["", " \n\t\0"])).tolist() == [[0.0] * 5] * 2
    assert classifier.probabilities(*buffers([])).shape == (0, 5)


@settings(deadline=None)
@given(st.floats(-700, 0))
def test_the_exponential_is_that_of_the_library_to_its_last_bits(x: float) -> None:
    assert exponential(x) == pytest.approx(math.exp(x), rel=4e-15)


def test_the_bits_of_the_exponential_are_the_same_on_every_machine() -> None:
    assert [exponential(x).hex() for x in (0.0, -0.5, -1.0, -10.25, -300.0, -701.0)] == [
        "0x1.0000000000000p+0", "0x1.368b2fc6f960ap-1", "0x1.78b56362cef38p-2",
        "0x1.2899a7a835446p-15", "0x1.245639c3a49f7p-433", "0x0.0p+0",
    ]  # fmt: skip


def test_probabilities_come_in_steps_and_do_not_hang_on_the_batch() -> None:
    classifier = model.classifier(drawn(word_ngrams=2))
    whole = classifier.probabilities(*buffers(TEXTS))
    assert whole.tolist() == [classifier.probabilities(*buffers([text]))[0].tolist() for text in TEXTS]
    assert np.array_equal(whole, np.round(whole, 4))


def test_what_was_written_reads_back() -> None:
    made = drawn(word_ngrams=2, subwords=(2, 4))
    found = fasttext_format.read(fasttext_format.write(made, 3, 1000))
    assert replace(found, counts=made.counts, rows=made.rows, outputs=made.outputs) == made
    for name in ("counts", "rows", "outputs"):
        assert np.array_equal(getattr(found, name), getattr(made, name))


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = fasttext_format.write(drawn(), 1, 10)
    for end in range(0, len(whole), 7):
        with pytest.raises(ValueError, match="not a supervised fastText model"):
            fasttext_format.read(whole[:end])


def test_word_vectors_without_a_classifier_are_refused() -> None:
    whole = bytearray(fasttext_format.write(drawn(), 1, 10))
    whole[8 + 4 * 7] = 2  # the kind of model: skip-gram
    with pytest.raises(ValueError, match="word vectors without a classifier"):
        fasttext_format.read(bytes(whole))


def test_the_tree_gives_rare_labels_the_longer_ways() -> None:
    children = fasttext_format.tree([50, 30, 12, 5, 3])
    assert children.tolist() == [[4, 3], [5, 2], [6, 1], [7, 0]]


UNROUNDED = """
import numpy as np
from filters import language, model
from filters.kernels import fasttext, labels
from filters.text import buffers
judge, end = model.load(language.default_model()), np.frombuffer(b"</s>", np.uint8)
data, offsets = buffers(["The committee will meet again. " * k + "La réunion \u65e5\u672c" for k in range(40)])
values, room = np.zeros((40, len(judge.labels))), fasttext.work_space(2000, judge.vocabulary)
labels.measure(data, offsets, -1, judge.vocabulary, judge.network, fasttext.hash_of(end, 0, 4), *room, values)
print(values.tobytes().hex())
"""


@pytest.mark.slow
def test_a_processor_without_wide_registers_gives_the_same_bits(tmp_path: Path) -> None:
    told = set()
    for processor in ({}, {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}):
        environment = {
            **os.environ,
            **processor,
            "NUMBA_CACHE_DIR": str(tmp_path / processor.get("NUMBA_CPU_NAME", "own")),
        }
        done = subprocess.run(
            [sys.executable, "-c", UNROUNDED], env=environment, capture_output=True, text=True, check=True
        )
        told.add(done.stdout)
    assert len(told) == 1
    assert len(told.pop()) > 40 * 176 * 16


def test_predicting_needs_no_fasttext() -> None:
    """Only the tests ask the library."""
    assert importlib.util.find_spec("fasttext") is not None
    for path in Path(model.__file__).parent.rglob("*.py"):
        assert "import fasttext\n" not in path.read_text("utf-8").replace("filters.kernels import fasttext\n", "")
