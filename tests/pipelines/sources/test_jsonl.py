from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.sources import Record, Unreadable, jsonl, read


def write(folder: Path, data: bytes, name: str = "a.jsonl") -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_a_line_gives_text_url_timestamp_and_title(tmp_path: Path) -> None:
    data = line(text="a b", url="http://x/1", timestamp="2019", title="A", other=[1])
    (item,) = read(write(tmp_path, data))
    assert isinstance(item, Record)
    assert (item.text, item.url, item.timestamp, item.title) == ("a b", "http://x/1", "2019", "A")


@pytest.mark.parametrize(
    ("fields", "locator"),
    [
        ({"url": "http://x", "timestamp": "2019", "id": "n"}, "http://x 2019"),
        ({"url": "http://x", "id": "n"}, "http://x"),
        ({"id": "n", "timestamp": "2019"}, "n"),
        ({"id": 17}, "17"),
    ],
)
def test_the_locator_is_the_best_name_the_line_has(tmp_path: Path, fields: dict[str, object], locator: str) -> None:
    (item,) = read(write(tmp_path, line(text="t", **fields)))
    assert isinstance(item, Record)
    assert item.locator == locator


def test_without_a_name_the_locator_is_the_digest_and_equal_lines_have_equal_ones(tmp_path: Path) -> None:
    items = list(read(write(tmp_path, line(text="t") * 2 + line(text="u"))))
    locators = [item.locator for item in items if isinstance(item, Record)]
    assert locators[0] == locators[1] != locators[2]
    assert locators[0] == items[0].digest.hex()  # type: ignore[union-attr]


def test_rows_count_the_lines_that_are_not_blank(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + line(text="a") + b"\r\n  \n" + b'{"text": "b"}\r\n' + b"no json\n" + line(text="c")
    items = list(read(write(tmp_path, data)))
    assert [(item.row, getattr(item, "text", None)) for item in items] == [
        (0, "a"),
        (1, "b"),
        (2, None),
        (3, "c"),
    ]


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        (b"{", "no JSON"),
        (b"[1]", "object is expected"),
        (b'"text"', "object is expected"),
        (b'{"url": "x"}', '"text"'),
        (b'{"text": 3}', '"text"'),
        (b"[" * 100_000, "no JSON"),
        (b'{"text": "a", "n": ' + b"9" * 5000 + b"}", "no JSON"),
    ],
)
def test_a_line_that_is_no_document_is_unreadable_with_position_and_cause(
    tmp_path: Path, bad: bytes, cause: str
) -> None:
    first = line(text="a")
    items = list(read(write(tmp_path, first + bad + b"\n" + first)))
    assert isinstance(items[1], Unreadable)
    assert items[1].position == len(first)
    assert cause in items[1].cause
    assert [type(item) for item in items] == [Record, Unreadable, Record]


def test_wrong_bytes_and_lone_surrogates_become_replacement_characters_and_are_counted(
    tmp_path: Path,
) -> None:
    data = b'{"text": "a\\ud83d b \xff c \\ud83d\\ude00", "url": "u\\udc00"}\n'
    (item,) = read(write(tmp_path, data))
    assert isinstance(item, Record)
    assert item.text == "a\ufffd b \ufffd c \U0001f600"
    assert (item.replaced, item.url) == (2, "u\ufffd")
    item.text.encode()


def test_a_truncated_gzip_gives_its_whole_lines_and_one_unreadable_at_the_end(tmp_path: Path) -> None:
    lines = [line(text=f"{i} " + "word " * 20) for i in range(50)]
    stored = gzip.compress(b"".join(lines))
    path = write(tmp_path, stored[: len(stored) // 2], "a.jsonl.gz")
    items = list(read(path))
    assert isinstance(items[-1], Unreadable)
    assert items[-1].position == len(stored) // 2
    assert "cut" in items[-1].cause
    texts = [item.text for item in items[:-1] if isinstance(item, Record)]
    assert 0 < len(texts) == len(items) - 1 < 50
    assert texts == [json.loads(part)["text"] for part in lines[: len(texts)]]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstandard.compress])
def test_damage_in_the_middle_is_reported_once_after_what_came_before(tmp_path: Path, pack: object) -> None:
    words = random.Random(5)
    data = b"".join(line(text=str(words.getrandbits(400))) for _ in range(20_000))
    stored = bytearray(pack(data))  # type: ignore[operator]
    middle = len(stored) // 2
    stored[middle : middle + 50] = bytes(50)
    suffix = {gzip.compress: ".gz", bz2.compress: ".bz2"}.get(pack, ".zst")  # type: ignore[call-overload]
    items = list(read(write(tmp_path, bytes(stored), "a.json" + suffix)))
    assert sum(isinstance(item, Unreadable) for item in items) >= 1
    assert isinstance(items[-1], Unreadable)
    assert 0 < items[-1].position <= len(stored)
    assert sum(isinstance(item, Record) for item in items) > 100


PACKS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", PACKS)
@pytest.mark.parametrize("is_cut_inside_lines", [False, True])
def test_a_damaged_member_of_many_loses_its_own_lines(tmp_path: Path, suffix: str, is_cut_inside_lines: bool) -> None:
    lines = [line(text=f"{number} {random.Random(number).getrandbits(2000)}") for number in range(60)]
    parts = [b"".join(lines[at : at + 10]) for at in range(0, 60, 10)]
    if is_cut_inside_lines:  # as bgzip cuts: member n ends 100 bytes into the first line of member n + 1
        whole, ends = b"".join(parts), [100 + sum(map(len, parts[: n + 1])) for n in range(5)]
        parts = [whole[begin:end] for begin, end in zip([0, *ends], [*ends, len(whole)], strict=True)]
    members = [bytearray(PACKS[suffix](part)) for part in parts]
    members[2][40:60] = bytes(20)
    items = list(read(write(tmp_path, b"".join(members), "a.jsonl" + suffix)))
    kept = [int(item.text.split()[0]) for item in items if isinstance(item, Record) and item.text]
    first = 31 if is_cut_inside_lines else 30
    assert kept == [*range(20), *range(first, 60)]
    lost = [item for item in items if isinstance(item, Unreadable)]
    assert [item.row for item in lost] == ([20, 21] if is_cut_inside_lines else [20])
    assert "damaged" in lost[0].cause
    assert [item.row for item in items] == list(range(len(items)))


def test_a_line_beyond_the_limit_is_unreadable_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "RECORD_LIMIT", 1_000_000)
    data = line(text="a") + line(text="x" * 3_000_000) + line(text="b")
    for stored, name in ((data, "a.jsonl"), (gzip.compress(data), "a.jsonl.gz")):
        items = list(read(write(tmp_path, stored, name)))
        assert [type(item) for item in items] == [Record, Unreadable, Record]
        assert "longer" in items[1].cause  # type: ignore[union-attr]


def test_empty_files_have_no_records_and_a_wrong_suffix_is_noticed(tmp_path: Path) -> None:
    assert list(read(write(tmp_path, b""))) == []
    assert list(read(write(tmp_path, b"", "a.jsonl.gz"))) == []
    (item,) = read(write(tmp_path, line(text="a"), "a.jsonl.gz"))
    assert isinstance(item, Unreadable)
    assert item.position == 0


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=8),
    st.sampled_from([1, 3, 7, 64, 1 << 18]),
)
def test_every_text_comes_back_whatever_the_block_size(tmp_path: Path, texts: list[str], block: int) -> None:
    data = b"".join(json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n" for text in texts)
    path = write(tmp_path, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonl, "_CHUNK", block)
        items = list(read(path))
    assert [item.text for item in items if isinstance(item, Record)] == texts


def test_the_shared_c4_and_news_files_are_read_whole(shared_data: Path) -> None:
    def count(pattern: str) -> int:
        items = [item for path in shared_data.glob(pattern) for item in read(str(path))]
        assert all(isinstance(item, Record) for item in items)
        return len(items)

    assert count("c4/*.json.gz") == 1395
    assert count("news/*.jsonl.gz") == 138
