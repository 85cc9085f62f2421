import itertools
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import buffers
from pipelines.kernels import shingles

# Punctuation and white space of every width in UTF-8, combining marks, format characters, the ends of the planes.
HOSTILE = "ab 1\n\t.,-'\u2019\u3002\u00a0\u3000\u2028\x1c\x85\u200b\u0301\u00e9\ud55c"
HOSTILE += "\U0001f600\U00010100\U0010ffff_\u00ad"
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.sampled_from(HOSTILE), max_size=400),
    st.lists(st.sampled_from(["one", "a-b", "...", "exceptionally", "\u00e9t\u00e9"]), max_size=60).map(" ".join),
)


@given(st.lists(TEXTS, max_size=6), st.sampled_from([1, 2, 13]))
@settings(deadline=None)
def test_the_kernel_equals_the_definition_on_any_texts(texts, length):
    hashes, offsets = shingles.shingle_sets(*buffers(texts), length)
    got = [hashes[a:b].tolist() for a, b in itertools.pairwise(offsets)]
    assert got == [shingles.shingle_set(text, length) for text in texts]


def test_every_code_point_has_the_class_of_the_running_python():
    index, blocks = shingles.classes()
    for point in range(0x110000):
        character = chr(point)
        punctuation = unicodedata.category(character)[0] == "P"
        want = shingles.SPACE if character.isspace() else shingles.PUNCTUATION * punctuation
        assert blocks[index[point >> 8], point & 255] == want, hex(point)


def test_punctuation_goes_and_case_and_digits_stay():
    words = shingles.normalised_words("Don\u2019t  stop \u2014 it's 3.5\u00a0(OK)!")
    assert words == ["Dont", "stop", "its", "35", "OK"]
    assert shingles.shingle_set("Don't stop") == shingles.shingle_set("  Dont\nstop ... ")
    assert shingles.shingle_set("Stop") != shingles.shingle_set("stop")


@pytest.mark.parametrize(("words", "count"), [(0, 0), (1, 1), (12, 1), (13, 1), (14, 2), (40, 28)])
def test_short_texts_have_one_shingle_and_empty_ones_none(words, count):
    text = " ".join(f"w{number}" for number in range(words))
    assert len(shingles.shingle_set(text)) == count
    assert len(shingles.shingle_sets(*buffers([text, "..."]))[0]) == count


def test_a_slice_of_an_arrow_array_is_read_where_it_stands():
    array = pa.array(["skipped text", "a b c", "", "d e"], pa.large_string())[1:]
    hashes, offsets = shingles.shingle_sets(*buffers(array))
    assert offsets.tolist() == [0, 1, 1, 2]
    assert hashes.tolist() == shingles.shingle_set("a b c") + shingles.shingle_set("d e")


def test_the_hash_of_a_known_text_never_changes():
    assert shingles.shingle_set("the quick brown fox") == [0x5D1E93153D7294FD]
