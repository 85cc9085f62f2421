"""Unsafe pages: hosts of a list, and a model the user brings."""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import pyarrow as pa
import pytest

from filters import safety
from filters.rule import failures
from filters.safety import RULES, judge, measure


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.txt"
    path.write_text(
        "# made for this test\nbad.example\nworse.example.org.  # with a comment\n\nbücher.example\n", "utf-8"
    )
    return path


def fasttext_file(vectors: dict[str, float], outputs: dict[str, float]) -> bytes:
    """A fastText model of one dimension: the mean of a text's word vectors, a softmax over the outputs."""
    magic, version, dimension, softmax, supervised = 793712314, 12, 1, 3, 3
    arguments = (dimension, 5, 1, 1, 1, 1, softmax, supervised, 0, 0, 0, 100)
    entries = [(word, 0) for word in vectors] + [(label, 1) for label in outputs]
    parts = [struct.pack("<2i12id", magic, version, *arguments, 1e-4)]
    parts += [struct.pack("<3iqq", len(entries), len(vectors), len(outputs), len(entries), -1)]
    parts += [word.encode() + b"\0" + struct.pack("<qb", 1, kind) for word, kind in entries]
    for matrix in (vectors, outputs):
        parts += [struct.pack(f"<?qq{len(matrix)}f", False, len(matrix), 1, *matrix.values())]
    return b"".join(parts)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "safety.bin"
    path.write_bytes(fasttext_file({"awful": 1.0, "quiet": -1.0}, {"__label__safe": -1.0, "__label__unsafe": 1.0}))
    return path


@pytest.mark.parametrize(
    ("url", "unsafe"),
    [
        ("https://bad.example/page", 1.0),
        ("http://WWW.Bad.Example:8080/", 1.0),
        ("https://a.b.worse.example.org/?q=1", 1.0),
        ("https://bücher.example/", 1.0),
        ("https://xn--bcher-kva.example/", 1.0),
        ("https://notbad.example/", 0.0),
        ("https://example.org/bad.example", 0.0),
        ("https://bad.example.com/", 0.0),
        ("http://[broken", 0.0),
        ("no url at all", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_a_host_is_unsafe_if_it_or_a_parent_domain_is_listed(hosts, url, unsafe):
    assert measure(["text"], [url], hosts=hosts)["unsafe_host"].to_pylist() == [unsafe]
    assert [verdict.keep for verdict in judge("text", url, hosts=hosts)] == [unsafe == 0.0, True]


def test_urls_come_as_lists_or_arrow_arrays_or_not_at_all(hosts):
    urls = ["https://bad.example", None]
    for given in (urls, pa.array(urls), pa.chunked_array([urls[:1], urls[1:]])):
        assert measure(["a", "b"], given, hosts=hosts)["unsafe_host"].to_pylist() == [1.0, 0.0]
    assert measure(["a", "b"], hosts=hosts)["unsafe_host"].to_pylist() == [0.0, 0.0]


def test_what_was_not_measured_is_null_and_kept():
    table = measure(["a", "b"], ["https://bad.example", None])
    assert table.to_pydict() == {"unsafe_host": [None, None], "unsafe_probability": [None, None]}
    assert table.schema.types == [pa.float64(), pa.float64()]
    assert not failures(RULES, table)[0].any()


def test_a_model_of_the_users_own_gives_the_probability(model):
    """e / (e + 1/e) = 0.8808 for the vector 1, its complement for -1, a half where both words stand."""
    table = measure(["awful\nawful", "quiet", "awful\nquiet", "quiet " * 9 + "awful"], model=model)
    assert table["unsafe_probability"].to_pylist() == pytest.approx([0.8808, 0.1192, 0.5, 0.1680], abs=0.0001)
    assert failures(RULES, table)[0].tolist() == [
        [False, True],
        [False, False],
        [False, False],
        [False, False],
    ]
    assert [verdict.keep for verdict in judge("awful", model=model)] == [True, False]


def test_the_rules_keep_up_to_their_bounds():
    assert [(rule.name, rule.high) for rule in RULES] == [("unsafe_host", 0.0), ("unsafe_probability", 0.5)]
    probability = RULES[1]
    assert probability.keeps(0.5)
    assert not probability.keeps(0.5001)
    assert pickle.loads(pickle.dumps(RULES)) == RULES
    assert all("SafeSearch" in rule.source for rule in safety.RULES)


def test_files_that_do_not_fit_are_refused(tmp_path, hosts):
    with pytest.raises(ValueError, match=r"no host list at '.*none\.txt'; give the path"):
        measure(["x"], ["https://a.example"], hosts=tmp_path / "none.txt")
    (tmp_path / "urls.txt").write_text("a.example\nhttps://b.example/\n", "utf-8")
    with pytest.raises(ValueError, match=r"line 2: 'https://b.example/' is not one host"):
        measure(["x"], ["https://a.example"], hosts=tmp_path / "urls.txt")
    with pytest.raises(ValueError, match="1 URLs for 2 texts; give one per text"):
        measure(["x", "y"], ["https://a.example"], hosts=hosts)


def test_a_model_without_the_label_is_refused():
    from filters.language import default_model

    with pytest.raises(ValueError, match=r"has no label '__label__unsafe'; its labels: af, als"):
        measure(["x"], model=default_model())
