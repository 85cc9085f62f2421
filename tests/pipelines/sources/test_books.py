from __future__ import annotations

import gzip
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources import Record, Skipped, Unreadable, books, read
from pipelines.sources.reflow import reflow

HEADER = (
    "The Project Gutenberg EBook of A Tale, by A. Writer\n\nThis eBook is for the use of anyone\n\n"
    "Title: A Tale\n       In Two Parts\n\nAuthor: A. Writer\n\nCharacter set encoding: ISO-8859-1\n\n"
    "*** START OF THIS PROJECT GUTENBERG EBOOK A TALE ***\n\n\n\nProduced by Some One and\nAnother\n\n\n\n"
)
LICENCE = (
    "\n\nEnd of the Project Gutenberg EBook of A Tale, by A. Writer\n\n"
    "*** END OF THIS PROJECT GUTENBERG EBOOK A TALE ***\n\n*** START: FULL LICENSE ***\nYou may copy it.\n"
)
SENTENCE = "The quick brown fox of the north wind jumps over the lazy dog that sleeps beside the well-known gate. "


def one(folder: Path, data: bytes, name: str = "a.txt") -> Record | Skipped | Unreadable:
    (folder / name).write_bytes(data)
    (item,) = read(str(folder / name))
    return item


def wrapped(count: int, width: int = 72) -> str:
    paragraphs = (f"({n}) " + SENTENCE * (2 + n % 4) for n in range(count))
    return "\n\n".join("\n".join(textwrap.wrap(paragraph, width)) for paragraph in paragraphs)


def test_header_credits_and_licence_are_taken_off_and_the_title_is_kept(tmp_path: Path) -> None:
    item = one(tmp_path, (HEADER + "A TALE\n\nIt was night.\n" + LICENCE).replace("\n", "\r\n").encode())
    assert isinstance(item, Record)
    assert item.text == "A TALE\n\nIt was night."
    assert item.title == "A Tale In Two Parts"
    assert item.locator == item.digest.hex()
    assert item.metadata is not None
    assert item.metadata["header"].startswith("The Project Gutenberg EBook of A Tale")
    assert item.metadata["header"].endswith("Produced by Some One and\nAnother")
    assert item.metadata["licence"].endswith("You may copy it.")


def test_a_book_without_markers_is_kept_whole(tmp_path: Path) -> None:
    item = one(tmp_path, b"\xef\xbb\xbfProduced by hand.\n\n\n\nThe end of the project.\n")
    assert isinstance(item, Record)
    assert item.text == "Produced by hand.\n\nThe end of the project."
    assert item.title is None
    assert item.metadata is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_encoding_is_utf8_or_else_windows_1252_and_a_mark_is_believed(tmp_path: Path, encoding: str) -> None:
    item = one(tmp_path, "Mr. Brontë’s café".encode(encoding))
    assert isinstance(item, Record)
    assert (item.text, item.replaced) == ("Mr. Brontë’s café", 0)


def test_plain_and_compressed_copies_are_one_record(tmp_path: Path) -> None:
    data = wrapped(20).encode()
    plain, packed = one(tmp_path, data), one(tmp_path, gzip.compress(data), "a.txt.gz")
    assert plain == packed


def test_an_empty_file_has_no_record_and_damage_or_size_make_it_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("e.txt", "e.txt.gz"):
        (tmp_path / name).write_bytes(b"")
        assert list(read(str(tmp_path / name))) == []
    cut = one(tmp_path, gzip.compress(wrapped(9).encode())[:-9], "cut.txt.gz")
    assert isinstance(cut, Unreadable)
    assert one(tmp_path, b"GIF89a\0\0\1", "picture.txt") == Skipped(0, "not_text")
    monkeypatch.setattr(books, "RECORD_LIMIT", 1000)
    large = one(tmp_path, gzip.compress(b"a" * 100_000), "large.txt.gz")
    assert isinstance(large, Unreadable)
    assert "larger" in large.cause


@pytest.mark.parametrize(
    "note",
    [
        "[Picture: The Meeting of the Two]",
        "    [Illustration]",
        "[Illustration: A map\nof the town, [drawn] by hand]",
        "[Frontispiece: the author]",
    ],
)
def test_lines_that_stand_for_a_picture_are_left_out(tmp_path: Path, note: str) -> None:
    item = one(tmp_path, f"It was night.\n\n{note}\n\nHe drew [a picture: his own] of it.\n\n[1] A note.\n".encode())
    assert isinstance(item, Record)
    assert item.text == "It was night.\n\nHe drew [a picture: his own] of it.\n\n[1] A note."


def test_notes_of_the_transcriber_near_the_title_and_at_the_end_are_kept_aside(tmp_path: Path) -> None:
    body = "\n\n".join(f"It was night number {n}, and the transcriber’s notes were lost." for n in range(200))
    note = "Original Transcriber’s Note: This etext is prepared\ndirectly from an 1887 edition.\n\n"
    closing = "\n\nTRANSCRIBER'S NOTES:\n\nthe the=> the {pg 3}\n\nan an=> an {pg 4}\n"
    item = one(tmp_path, (HEADER + "A TALE\n\nBy A. Writer\n\n" + note + body + closing + LICENCE).encode())
    assert isinstance(item, Record)
    assert item.text == f"A TALE\n\nBy A. Writer\n\n{body}"
    assert item.metadata is not None
    assert "1887 edition" in item.metadata["header"]
    assert item.metadata["licence"].startswith("TRANSCRIBER'S NOTES")


def test_wrapped_paragraphs_become_one_line_each() -> None:
    lines = reflow(wrapped(30)).split("\n\n")
    assert lines == [(f"({n}) " + SENTENCE * (2 + n % 4)).strip() for n in range(30)]


def test_paragraphs_without_blank_lines_end_where_the_next_word_would_have_fitted() -> None:
    paragraphs = [SENTENCE * 3 + f"So it ends, {n}." for n in range(30)]
    text = "\n".join("\n".join(textwrap.wrap(paragraph, 70)) for paragraph in paragraphs)
    assert reflow(text).split("\n") == paragraphs


VERSE = """     Tyger Tyger, burning bright,
     In the forests of the night;
       What immortal hand or eye,
     Could frame thy fearful symmetry?"""
TABLE = """Wheat        12      14
Barley        7       9
Oats        103      98"""
TITLE_PAGE = """                     STRANGE CASE OF
                      DR. JEKYLL AND
                         MR. HYDE"""
LETTER = "Your obedient servant,\nJ. Smith\n12 High Street"


@pytest.mark.parametrize(
    ("block", "kept"),
    [
        (VERSE, textwrap.dedent(VERSE)),
        (TABLE, TABLE),
        (TITLE_PAGE, "STRANGE CASE OF\nDR. JEKYLL AND\nMR. HYDE"),
        (LETTER, LETTER),
    ],
)
def test_verse_tables_title_pages_and_addresses_keep_their_lines(block: str, kept: str) -> None:
    text = wrapped(20) + "\n\n" + block + "\n\n" + wrapped(20)
    assert kept in reflow(text).split("\n\n")


def test_a_quotation_wrapped_narrower_is_joined_and_dashes_and_hyphens_get_no_space() -> None:
    quotation = "\n".join("     " + part for part in textwrap.wrap(SENTENCE * 3, 55))
    assert (SENTENCE * 3).strip() in reflow(wrapped(30) + "\n\n" + quotation).split("\n\n")
    dash = "word " * 13 + "and then--\nnothing at all came of it, for he was well-\nknown to everybody in town."
    assert "and then--nothing at all" in reflow(wrapped(30) + "\n\n" + dash)


@given(st.text(max_size=400))
def test_no_word_is_lost_or_made_by_joining(text: str) -> None:
    page = wrapped(12) + "\n\n" + text
    assert "".join(reflow(page).split()) == "".join(page.split())


def test_the_shared_books_come_without_gutenberg_and_with_paragraphs(shared_data: Path) -> None:
    paths = sorted((shared_data / "books").glob("*.txt*"))
    assert len(paths) == 23
    for path in paths:
        (item,) = read(str(path))
        assert isinstance(item, Record), path
        assert item.text is not None
        assert len(item.text) > 100_000
        for words in ("gutenberg license", "gutenberg-tm", "start of th", "end of the project"):
            assert words not in (item.text[:1500] + item.text[-1500:]).lower(), path
        assert "\r" not in item.text
        assert "\n\n\n" not in item.text
        assert "[Picture" not in item.text
        assert "[Illustration" not in item.text
        assert item.replaced == 0
        longest = max(map(len, item.text.split("\n")))
        assert longest > 1000, path
