"""A document's ids are its words' ids, one after the other: for any text, and for any model that is taken."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import json
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.text import buffers
from pipelines.kernels.words import BLOCK, REMEMBERED
from pipelines.tokenization import modelfile, tokenizer, words
from pipelines.tokenization.tokenizer import Encoder
from pipelines.tokenization.words import WordCache

OURS = {
    "normalization_rule_name": "identity",
    "add_dummy_prefix": False,
    "remove_extra_whitespaces": False,
    "allow_whitespace_only_pieces": True,
    "split_digits": True,
    "user_defined_symbols": ["\n", "\t"],
}
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(" \n\t\r\0\u00a0\u3000\u2003\u0085\u2028\u200b\u2581\ufeff\u2585\ufffd01٣é日😀x=_"),
        st.sampled_from(
            ["  ", "    ", " the", "the", "self", "return ", "print(", "e\u0301", "👩‍👩‍👧", "\r\n", "</s>", "<0x0A>"]
        ),
        st.sampled_from([n * c for n in (7, 8, 9, REMEMBERED, REMEMBERED + 1, BLOCK) for c in " ax1日"]),
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20),
    ),
    max_size=25,
).map("".join)


def python_sources() -> list[str]:
    folder = Path(json.__file__).parent.parent
    names = ["argparse.py", "ast.py", "csv.py", "random.py", "json/decoder.py", "json/encoder.py", "datetime.py"]
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def trained(texts: list[str], **options: object) -> bytes:
    """A model trained by SentencePiece itself, as a user might bring one."""
    model = io.BytesIO()
    lines = [
        line[start : start + 500] for text in texts for line in text.split("\n") for start in range(0, len(line), 500)
    ]
    given_options = {"model_type": "bpe", "vocab_size": 1_200, "byte_fallback": True, **options}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, minloglevel=2, **given_options
    )
    return model.getvalue()


def whole(processor: sentencepiece.SentencePieceProcessor, text: str) -> list[int]:
    """SentencePiece's own ids of the whole text; U+2581 apart, which it cannot tell from a blank."""
    mark = [processor.piece_to_id(f"<0x{byte:02X}>") for byte in "\u2581".encode()]
    parts = [processor.encode(part) for part in text.split("\u2581")]
    return parts[0] + [token for part in parts[1:] for token in (*mark, *part)]


@pytest.fixture(scope="module")
def ours() -> bytes:
    return trained(python_sources(), **OURS)


@pytest.fixture(scope="module")
def encoder(ours: bytes) -> Encoder:
    return Encoder(ours)


@pytest.fixture(scope="module")
def processor(ours: bytes) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_proto=ours)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(HOSTILE, max_size=4))
def test_any_text_gets_the_ids_that_it_gets_as_a_whole(
    encoder: Encoder, processor: sentencepiece.SentencePieceProcessor, texts: list[str]
) -> None:
    assert encoder.by_words
    for _ in range(2):  # the second time from memory
        assert [ids.tolist() for ids in encoder.encode(texts)] == [whole(processor, text) for text in texts]


def documents_of(pack: Path) -> Iterator[str]:
    """Texts of the shared pack as they lie there: pages, books, source files, markup, news."""
    for path in [*sorted(pack.glob("c4/*.gz"))[:1], *sorted(pack.glob("news/*.gz"))]:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from (json.loads(line)["text"] for line in lines)
    for path in sorted(pack.glob("books/*.txt.gz"))[:6]:
        yield gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    for path in sorted(pack.glob("github/*.tar.gz"))[-6:]:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and member.size < 200_000:
                    yield archive.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
    for path in sorted(pack.glob("wikipedia/[elb]*.bz2"))[:2]:
        yield bz2.decompress(path.read_bytes()).decode("utf-8", "replace")[:2_000_000]


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["nfkc", "none"])
def test_no_document_of_the_shared_pack_differs(shared_data: Path, rule: str) -> None:
    texts = [tokenizer.normalize(text, rule) for text in documents_of(shared_data)]
    assert len(texts) > 1_000
    model = trained(texts[::7], **{**OURS, "vocab_size": 16_000})
    encoder, processor = Encoder(model), sentencepiece.SentencePieceProcessor(model_proto=model)
    assert encoder.by_words
    for text, ids in zip(texts, encoder.encode(texts), strict=True):
        assert ids.tolist() == whole(processor, text)
        assert encoder.decode(ids) == text


FOREIGN = {
    "the defaults of SentencePiece": {},
    "a blank before every text and nothing else": {**OURS, "add_dummy_prefix": True, "user_defined_symbols": []},
    "NFKC inside the model": {**OURS, "normalization_rule_name": "nfkc"},
    "symbols that overlap, hold blanks and begin words": {
        **OURS,
        "user_defined_symbols": ["\n\n", "\n", "self", "self.", "elf", "\u2581\u2581", "é日", "<|x|>", "1234"],
    },
    "digits and scripts joined": {**OURS, "split_digits": False, "split_by_unicode_script": False},
}


@pytest.mark.parametrize("name", FOREIGN)
def test_models_with_ways_of_their_own_are_encoded_by_words_too(name: str) -> None:
    model = trained(python_sources(), **FOREIGN[name])
    encoder, processor = Encoder(model), sentencepiece.SentencePieceProcessor(model_proto=model)
    assert encoder.by_words

    @settings(max_examples=100, deadline=None)
    @given(HOSTILE)
    def check(text: str) -> None:
        canonical = encoder.canonical(text)
        ids = encoder.encode([canonical])[0]
        assert ids.tolist() == (whole(processor, canonical) if encoder.exact else processor.encode(canonical))
        if not encoder.exact:
            assert canonical == encoder.decode(processor.encode(text))

    check()
    for text in python_sources():
        canonical = encoder.canonical(text)
        assert encoder.encode([canonical])[0].tolist() == processor.encode(canonical)


WHOLE = {
    "pieces run over several words": {**OURS, "split_by_whitespace": False, "max_sentencepiece_length": 40},
    "blanks end words": {**OURS, "treat_whitespace_as_suffix": True},
    "a unigram model": {**OURS, "model_type": "unigram"},
    "a symbol that ends in a blank": {**OURS, "user_defined_symbols": ["return\u2581"]},
}


@pytest.mark.parametrize("name", WHOLE)
def test_models_for_which_it_does_not_hold_are_encoded_whole(name: str) -> None:
    model = trained(python_sources(), **WHOLE[name])
    encoder, processor = Encoder(model), sentencepiece.SentencePieceProcessor(model_proto=model)
    assert not encoder.by_words
    for text in [*python_sources(), "", "a \u2581 b", "  x\n\n return y "]:
        canonical = encoder.canonical(text)
        ids = encoder.encode([canonical])[0].tolist()
        assert ids == (whole(processor, canonical) if encoder.exact else processor.encode(canonical))


def cache_of(model: bytes, slots: int) -> WordCache:
    cache = WordCache.of(modelfile.read(model), slots)
    assert cache is not None
    return cache


def encoded(cache: WordCache, texts: list[str]) -> list[list[int]]:
    ids, bounds = cache.encode(*buffers(texts), np.dtype(np.uint16))
    return [ids[start:end].tolist() for start, end in itertools.pairwise(bounds)]


@pytest.mark.parametrize("slots", [16, 256, 4096])
def test_a_memory_that_is_far_too_small_forgets_and_gives_the_same_ids(ours: bytes, slots: int) -> None:
    texts = [line for text in python_sources() for line in text.split("\n")]
    cache = cache_of(ours, slots)
    before = [id(array) for array in cache.memory]
    assert encoded(cache, texts) == encoded(cache_of(ours, 1 << 16), texts)
    assert encoded(cache, texts[::-1]) == encoded(cache_of(ours, 1 << 16), texts)[::-1]
    assert [id(array) for array in cache.memory] == before
    assert 2 * cache.memory.used[0] <= slots


def test_units_that_differ_in_one_byte_are_told_apart(
    ours: bytes, processor: sentencepiece.SentencePieceProcessor
) -> None:
    units = []
    for size in (*range(1, 20), 63, 64, 65, 200):
        whole_unit = ("selfreturnprintargumentparser" * 8)[:size]
        units += [whole_unit, *(whole_unit[:at] + "x" + whole_unit[at + 1 :] for at in range(size))]
    found = encoded(cache_of(ours, 1 << 14), [" ".join(units)] * 2)
    assert found == [processor.encode(" ".join(units))] * 2


def test_threads_that_share_an_encoder_do_not_disturb_each_other(ours: bytes, encoder: Encoder) -> None:
    parts = [[text[start : start + 3_000] for text in python_sources()] for start in range(0, 24_000, 3_000)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(encoder.encode, parts))
    alone = Encoder(ours)
    for part, ids in zip(parts, found, strict=True):
        assert [i.tolist() for i in ids] == [i.tolist() for i in alone.encode(part)]


def test_a_word_of_a_megabyte_is_no_different(
    encoder: Encoder, processor: sentencepiece.SentencePieceProcessor
) -> None:
    text = "returnself" * 100_000
    assert encoder.encode([text])[0].tolist() == processor.encode(text)


def test_vocabularies_above_65536_have_ids_of_four_bytes(ours: bytes) -> None:
    points = [*range(0x4E00, 0x9FFF), *range(0xAC00, 0xD7A3), *range(0x20000, 0x2A6DF)]
    texts = [chr(point) for point in points][:72_000]
    added = b"".join(b"\x0a" + bytes([len(p) + 7, 0x0A, len(p)]) + p + b"\x15\0\0\0\0" for p in map(str.encode, texts))
    encoder = Encoder(ours + added)
    assert encoder.by_words
    assert encoder.dtype == np.uint32
    text = f"return {texts[-1]}{texts[0]} self"
    (ids,) = encoder.encode([text])
    assert ids.max() == encoder.vocabulary - 1 > 65_536
    assert ids.tolist() == sentencepiece.SentencePieceProcessor(model_proto=ours + added).encode(text)
    assert encoder.decode(ids) == text


def test_the_kernels_compile_without_a_model() -> None:
    words.warm_up()
