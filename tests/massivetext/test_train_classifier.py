"""Training a classifier: its bytes, its file formats, the curve, and what a user can get wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import model, quality_model, safety
from filters.text import buffers
from massivetext import train_classifier
from massivetext.classifier import labelled
from massivetext.classifier.curve import curve
from massivetext.classifier.mentions import mentions
from massivetext.classifier.training import Settings, train

SMALL = ("--buckets", "512", "--dimension", "4")


@pytest.fixture(scope="module")
def texts(sample: Path) -> Path:
    """The sample corpus's labelled texts."""
    return sample / "safety" / "labelled.jsonl"


def trained(out: Path, *arguments: str | Path) -> dict:
    train_classifier.run([*map(str, arguments), "--out", str(out)])
    return json.loads((out / "metrics.json").read_text())


def test_equal_texts_flags_and_seed_give_equal_bytes_and_another_seed_does_not(tmp_path: Path, texts: Path) -> None:
    for name, seed in (("one", "3"), ("two", "3"), ("three", "4")):
        trained(tmp_path / name, texts, "--positive", "unsafe", "--seed", seed, *SMALL)
    for file in ("model.bin", "metrics.json", "roc.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file
    assert (tmp_path / "one" / "model.bin").read_bytes() != (tmp_path / "three" / "model.bin").read_bytes()


def test_the_model_loads_in_fasttext_and_says_there_what_it_says_here(tmp_path: Path, texts: Path) -> None:
    fasttext = pytest.importorskip("fasttext")
    trained(tmp_path, texts, "--positive", "unsafe", "--subwords", "2,4", *SMALL)
    theirs, here = fasttext.load_model(str(tmp_path / "model.bin")), model.load(tmp_path / "model.bin")
    assert sorted(here.labels) == ["not_unsafe", "unsafe"]
    for item in labelled.read(texts, ["text"], ["label"])[:20]:
        found = here.probabilities(*buffers([item.text]))[0]
        told = theirs.f.predict(item.text.replace("\n", " ") + "\n", 2, 0.0, "strict")
        expected = {label: value for value, label in told}
        for label, value in zip(here.labels, found, strict=True):
            assert value == pytest.approx(min(1.0, expected[f"__label__{label}"]), abs=1.01e-4)


def test_the_safety_rule_takes_what_was_trained(tmp_path: Path, texts: Path) -> None:
    trained(tmp_path, texts, "--positive", "unsafe", *SMALL)
    items = labelled.read(texts, ["text"], ["label"])
    found = safety.measure([item.text for item in items], model=tmp_path / "model.bin")["unsafe_probability"]
    right = [(value > 0.5) == (item.label == "unsafe") for item, value in zip(items, found.to_pylist(), strict=True)]
    assert sum(right) > 0.9 * len(right)


def test_the_same_texts_in_every_format_give_the_same_model(tmp_path: Path, texts: Path) -> None:
    items = list(labelled.read(texts, ["text"], ["label"]))
    one_line = [(" ".join(item.text.split()), item.label) for item in items]
    rows = [{"text": text, "label": label} for text, label in one_line]
    quoted = [(text.replace('"', '""'), label) for text, label in one_line]
    written = {
        "a.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "b.csv": "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in quoted),
        "c.tsv": "label\ttext\n" + "".join(f'{label}\t"{text}"\n' for text, label in quoted),
        "d.txt": "".join(f"__label__{label} {text}\n" for text, label in one_line),
    }
    models = set()
    for name, content in written.items():
        (tmp_path / name).write_text(content, "utf-8")
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
        for file in (tmp_path / name, tmp_path / f"{name}.gz"):
            trained(tmp_path / "out", file, "--positive", "unsafe", *SMALL)
            models.add((tmp_path / "out" / "model.bin").read_bytes())
    assert len(models) == 1


def test_files_with_fields_of_other_names_are_read_together(tmp_path: Path) -> None:
    tweets = "".join(f"{n},bad words number {n},0\n{n},good words number {n},2\n" for n in range(40))
    (tmp_path / "a.csv").write_text("number,tweet,class\n" + tweets)
    messages = ({"v1": kind, "v2": f"{kind} of day {n}"} for n in range(40) for kind in ("spam", "ham"))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(message) + "\n" for message in messages))
    found = trained(
        tmp_path / "out", tmp_path / "a.csv", tmp_path / "b.jsonl", "--text", "tweet", "--text", "v2",
        "--label", "class", "--label", "v1", "--positive", "0", "--positive", "spam", "--name", "unsafe", *SMALL,
    )  # fmt: skip
    held = found["held_out"]["all"]
    assert found["trained_on"]["texts"] + held["positives"] + held["others"] == 160
    assert found["trained_on"]["unsafe"] + held["positives"] == 80
    assert held["area_under_curve"] > 0.95


def test_copies_of_a_text_are_on_one_side_and_the_share_is_met() -> None:
    held = [labelled.is_held_out(f"text {number}", 0.25) for number in range(4000)]
    assert 0.22 < sum(held) / len(held) < 0.28
    assert held == [labelled.is_held_out(f"text {number}", 0.25) for number in range(4000)]


# The curve.


def test_the_curve_of_four_texts() -> None:
    found = curve(np.array([0.9, 0.8, 0.3, 0.1]), np.array([True, False, True, False]))
    assert found.area == 0.75
    assert found.at(0.5) == (0.5, 0.5)
    assert found.at(0.8) == (0.5, 0.0)
    assert found.at(0.0) == (1.0, 1.0)
    assert found.threshold_for(0.0) == 0.8
    assert found.threshold_for(0.5) == 0.1


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_the_area_is_the_share_of_pairs_in_their_order(drawn: list[tuple[int, bool]]) -> None:
    values, positive = np.array([v / 5 for v, _ in drawn]), np.array([p for _, p in drawn])
    if positive.all() or not positive.any():
        with pytest.raises(ValueError, match="a curve needs both"):
            curve(values, positive)
        return
    pairs = [(a > b) + (a == b) / 2 for a in values[positive] for b in values[~positive]]
    found = curve(values, positive)
    assert found.area == pytest.approx(sum(pairs) / len(pairs))
    for bound in (0.0, 0.2, 0.5, 1.0):
        assert found.at(bound) == (np.mean(values[positive] > bound), np.mean(values[~positive] > bound))
    for share in (0.0, 0.3, 1.0):
        assert found.at(found.threshold_for(share))[1] <= share


def test_terms_for_people_are_found_as_words() -> None:
    found = ["My Muslim neighbour", "a GAY couple", "African American art"]
    assert [mentions(text) for text in [*found, "gayety, whitewash and blackboard"]] == [True, True, True, False]


def test_one_word_is_learnt_that_tells_the_texts_apart() -> None:
    made = model.classifier(train(["good a b", "bad a b"] * 40, [True, False] * 40, "good", Settings(epochs=20)))
    values = made.probabilities(*buffers(["good b", "bad b"]))[:, made.labels.index("good")]
    assert values[0] > 0.9 > 0.1 > values[1]


# The shared pack.


def test_what_the_shared_safety_labels_teach(tmp_path: Path, shared_data: Path) -> None:
    folder = shared_data / "labelled" / "safety"
    found = trained(
        tmp_path, folder / "davidson_hate_speech.csv.gz", folder / "sms_spam.csv.gz", "--text", "tweet", "--text", "v2",
        "--label", "class", "--label", "v1", "--positive", "0", "--positive", "1", "--positive", "spam",
        "--name", "unsafe", "--epochs", "2",
    )["held_out"]  # fmt: skip
    assert found["all"]["area_under_curve"] > 0.95
    assert found["all"]["wrongly_caught"] < found["mentioning identity"]["wrongly_caught"]


def test_the_same_command_trains_a_quality_classifier(tmp_path: Path, shared_data: Path) -> None:
    file = shared_data / "labelled" / "quality" / "majority_data.jsonl.gz"
    found = trained(tmp_path, file, "--positive", "1", "--name", "good")
    assert found["held_out"]["all"]["area_under_curve"] > 0.7
    texts = [item.text for item in labelled.read(file, ["text"], ["label"])[:20]]
    values = quality_model.measure(texts, tmp_path / "model.bin")["quality_probability"].to_pylist()
    assert min(values) < 0.5 < max(values)
    assert [v.keep for v in quality_model.judge(texts[0], tmp_path / "model.bin")] == [values[0] >= 0.5]
    assert quality_model.measure(texts)["quality_probability"].null_count == 20


# What a user can get wrong.


@pytest.mark.parametrize(
    ("name", "content", "flags", "message"),
    [
        ("a.jsonl", '{"text": "a", "label": "safe"}\n', ("--positive", "saef"), "no text has that label; did you mean"),
        ("a.jsonl", '{"text": "a", "label": "safe"}\n', ("--positive", "safe"), "1 texts are safe and 0 are not"),
        (
            "a.jsonl",
            '{"body": "a", "label": "safe"}\n',
            ("--positive", "safe"),
            "no text among body, label",
        ),
        ("a.jsonl", "[1]\n", ("--positive", "safe"), "line 1: expected a JSON object, not list"),
        ("a.jsonl", '\n{"text": 1\n', ("--positive", "safe"), "line 2: no JSON"),
        ("a.jsonl", '{"text": 5, "label": 1}\n', ("--positive", "1"), "the text is int, expected a string"),
        ("a.txt", "no label\n", ("--positive", "safe"), "line 1: expected __label__ and a label"),
        ("a.doc", "", ("--positive", "safe"), "expected a name that ends in .jsonl"),
        ("a.txt", "__label__x a\n", ("--positive", "x", "--held-out", "1"), "--held-out is 1.0, expected a share"),
        ("a.txt", "__label__x a\n", ("--positive", "x", "--subwords", "3"), "--subwords is '3', expected two numbers"),
        ("a.txt", "__label__x a\n", ("--positive", "x", "--dimension", "0"), "dimension is 0, expected at least 1"),
        (
            "a.jsonl",
            "".join(f'{{"text": "a", "label": "{n}"}}\n' for n in range(200)),
            ("--positive", "1"),
            "200 different labels; is the field",
        ),
    ],
)
def test_a_mistake_is_named_with_its_remedy(
    tmp_path: Path, name: str, content: str, flags: tuple[str, ...], message: str
) -> None:
    (tmp_path / name).write_text(content)
    given_flags = flags if "--held-out" in flags else (*flags, "--held-out", "0.000001")
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        trained(tmp_path / "out", tmp_path / name, *given_flags)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.jsonl: there is no such file"):
        trained(tmp_path, tmp_path / "none.jsonl", "--positive", "x")
