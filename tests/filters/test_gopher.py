"""The kernel gives the numbers of the reference, bit for bit, on hostile, synthetic and real text."""

from __future__ import annotations

import gzip
import inspect
import json
import random
import statistics
import subprocess
import sys
import textwrap

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import gopher, quality, repetition
from filters.text import buffers

# White space of every width, line ends, bullets, ellipses, letters that lower-case oddly, combining marks,
# NUL, digits that are no digits, characters of 1 to 4 bytes, words around the 8 bytes of a register.
# digits that are no digits, characters of 1 to 4 bytes, words around the 8 bytes of a register.
PIECES = [
    " ", " ", "  ", "\n", "\n", "\r", "\r\n", "\n\n", "\t", "\x0b", "\x1c", "\x85", "\xa0", "\u2028",
    "\u3000", "\u200b", "...", ".", "\u2026", "#", "-", "*", "\u2022", "\u25cf", "_", "\x00", "the", "THE",
    "(of)", "with,", "w\u0130th", "\u212a", "be\u0301", "a", "b", "1", "\u00bd", "\u0663", "\u4e2d",
    "\U0001d518", "sevenof", "eightofe", "nineofnin", "sixteen-of-sixte", "seventeen-of-seve",
    "the of the of ", "a b c d e f g h i j k ",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES), max_size=100).map("".join)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)


def expected(text: str, copies: repetition.Copies = "later") -> dict[str, float]:
    return quality.reference(text) | repetition.reference(text, copies)


@settings(max_examples=150, deadline=None)
@given(st.lists(HOSTILE | ANY, max_size=4), st.sampled_from(["later", "all"]))
def test_the_kernel_equals_the_reference_on_any_text(texts, copies):
    assert gopher.measure(texts, copies).to_pylist() == [expected(text, copies) for text in texts]


def test_the_kernel_equals_the_reference_on_many_texts_at_once():
    draw = random.Random(7)
    texts = ["".join(draw.choices(PIECES, k=draw.randrange(150))) for _ in range(1500)]
    assert gopher.measure(texts).to_pylist() == [expected(text) for text in texts]


def test_the_kernel_equals_the_reference_on_source_code():
    texts = [inspect.getsource(module) for module in (textwrap, statistics, inspect, json, random)]
    assert gopher.measure(texts).to_pylist() == [expected(text) for text in texts]


def test_the_kernel_equals_the_reference_on_real_pages_and_books(shared_data):
    with gzip.open(shared_data / "c4" / "c4-train.00000-of-00002.json.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in list(file)[::4]]
    texts.append((shared_data / "books" / "244-0.txt").read_bytes().decode("utf-8", "replace"))
    assert gopher.measure(texts).to_pylist() == [expected(text) for text in texts]


def test_a_text_measures_the_same_alone_in_a_batch_and_in_a_slice():
    texts = ["", "the of\n\nthe of\n\n" * 9, "x " * 300, "wörter\u3000und zeilen\r\n" * 5, "end"]
    whole = gopher.measure(texts)
    for position, text in enumerate(texts):
        assert gopher.measure([text]).to_pylist() == [whole.to_pylist()[position]]
    array = pa.array(["before", *texts, "after"])
    assert gopher.measure(array[1:-1]) == whole
    assert gopher.measure(pa.chunked_array([array[1:3], array[3:-1]])) == whole


def test_measuring_leaves_the_texts_as_they_are():
    array = pa.array(["the same words " * 20])
    before = buffers(array)[0].tobytes()
    gopher.measure(array)
    assert buffers(array)[0].tobytes() == before


def test_no_texts_give_no_rows():
    assert gopher.measure([]).num_rows == 0
    assert gopher.measure(pa.array([], pa.string())).column_names == [rule.signal for rule in gopher.RULES]


def test_the_rules_are_quality_then_repetition():
    assert gopher.RULES == quality.RULES + repetition.RULES
    assert len({rule.name for rule in gopher.RULES}) == 21


@pytest.mark.parametrize("unit", ["a ", "abcdefg\n", "word \u4e2d\u6587\u3000", "x" * 400_000 + " "])
def test_a_large_text_takes_memory_in_proportion_to_its_length(unit):
    program = """
        import resource, sys
        from filters import gopher
        unit = sys.stdin.read()
        gopher.measure(["warm up"])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        text = [unit * (8_000_000 // len(unit.encode()))]
        print(gopher.measure(text)["dup_10"][0].as_py())
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, input=unit, capture_output=True, text=True, check=True)
    share, grown = map(float, done.stdout.split())
    assert share == 1.0
    assert grown < 40 * 8_000_000  # text, UTF-8 and padded copy are 3 to 5, a word of work space is 42 bytes
