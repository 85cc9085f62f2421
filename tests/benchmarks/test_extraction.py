"""The measure of extraction with values worked by hand, the gold's marks, and what the command prints and writes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.extraction import compare, report
from benchmarks.extraction.__main__ import main
from benchmarks.extraction.blocks import blocks, marked, numbers
from benchmarks.extraction.extractors import NAMES, Run, run
from benchmarks.extraction.gold import OWN_PAGES, Page, digest_of, folder, marks
from benchmarks.extraction.measure import RESAMPLES, Score, f1, found, interval, score, words

PAGE = "<html><head><title>t</title></head><body><nav>Home</nav><h1>Head</h1><p>One <b>two</b><br>three</body></html>"


# Words and F1.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat, the CAT!", ["the", "cat", "the", "cat"]),
        ("x_1 = 3.5", ["x_1", "3", "5"]),
        ("日本語のABC", ["日", "本", "語", "の", "abc"]),
        ("カタカナ時計", ["カ", "タ", "カ", "ナ", "時", "計"]),
        ("한국어 책", ["한국어", "책"]),
        ("بيت كبير", ["بيت", "كبير"]),
        ("ไทย", ["ไ", "ท", "ย"]),
        ("می\u200cدهم Rand\u00adbe\u00admer\u00adkung", ["میدهم", "randbemerkung"]),
        ("– … !", []),
    ],
)
def test_a_word_is_a_run_of_letters_and_in_unspaced_scripts_a_character(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_f1_of_word_bags_counts_each_word_as_often_as_both_have_it() -> None:
    # 3 of 4 given words are marked, 3 of 6 marked words are given: 2 * 3 / (4 + 6).
    assert score("the cat the mouse", "the cat sat on the mat") == Score(0.75, 0.5, 0.6)
    assert f1("the the the", "the") == 0.5
    assert f1("時計を直す", "時計") == pytest.approx(2 * 2 / (5 + 2))


def test_f1_ignores_order_case_punctuation_and_line_ends() -> None:
    assert f1("B a!\n- c", "A b, C.") == 1


@pytest.mark.parametrize(("text", "gold", "expected"), [("", "a", 0), ("a", "", 0), ("", "", 1), ("…", "-", 1)])
def test_f1_of_texts_without_words(text: str, gold: str, expected: float) -> None:
    assert f1(text, gold) == expected


@given(st.text(max_size=60), st.text(max_size=60))
def test_f1_is_symmetric_and_between_precision_and_recall(text: str, gold: str) -> None:
    there, back = score(text, gold), score(gold, text)
    assert (there.precision, there.recall, there.f1) == (back.recall, back.precision, back.f1)
    assert min(there.precision, there.recall) <= there.f1 + 1e-12
    assert there.f1 <= max(there.precision, there.recall) + 1e-12


def test_a_snippet_is_found_by_its_words_in_a_row() -> None:
    assert found("kettle, that", "A *kettle*\nthat stays")
    assert not found("ettle that", "A kettle that stays")
    assert not found("A that", "A kettle that stays")
    assert found("時計", "古い時計を直す")


# The bootstrap.


def test_the_interval_of_equal_differences_is_their_mean() -> None:
    assert interval([0.9, 0.8, 0.7], [0.8, 0.7, 0.6]) == (0.1, 0.1, 0.1)


def test_the_interval_holds_the_mean_and_comes_near_what_theory_says() -> None:
    ours = [1.0] * 50 + [0.0] * 50
    mean, low, high = interval(ours, [0.0] * 100)
    assert mean == 0.5
    # The mean of 100 draws of 0 or 1 has a standard deviation of 0.05.
    assert low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.011)
    assert high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.011)


def test_the_interval_is_the_same_each_time_and_narrows_with_more_pages() -> None:
    ours = [0.5 + 0.001 * (number * 37 % 101) for number in range(40)]
    theirs = [0.55] * 40
    assert interval(ours, theirs) == interval(ours, theirs)
    _, low, high = interval(ours * 9, theirs * 9)
    _, wide_low, wide_high = interval(ours, theirs)
    assert high - low < wide_high - wide_low


def test_the_interval_is_that_of_a_plain_bootstrap() -> None:
    ours, theirs = [0.2, 0.9, 0.8, 0.4, 0.95, 0.7, 0.66], [0.25, 0.7, 0.9, 0.3, 0.9, 0.72, 0.5]
    draw = random.Random(1)
    means = sorted(sum(ours[one] - theirs[one] for one in draw.choices(range(7), k=7)) / 7 for _ in range(RESAMPLES))
    _, low, high = interval(ours, theirs)
    assert low == pytest.approx(means[round(0.025 * (RESAMPLES - 1))], abs=0.004)
    assert high == pytest.approx(means[round(0.975 * (RESAMPLES - 1))], abs=0.004)


def test_scores_of_other_pages_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 1 scores: give the scores of the same pages"):
        interval([1, 2], [1])
    with pytest.raises(ValueError, match="one at least"):
        interval([], [])


# Blocks and marks.


def test_blocks_are_all_visible_texts_between_block_elements() -> None:
    assert blocks(PAGE) == ["Home", "Head", "One two", "three"]
    assert blocks("<p>a<script>var x</script> b</p><style>p{}</style><div hidden>c<p>d</div>e") == [
        "a b",
        "c",
        "d",
        "e",
    ]
    assert blocks("<table><tr><td>1<td>2</table>***<ul><li>x<li>y</ul>") == ["1", "2", "x", "y"]
    assert blocks("") == []


def test_marks_are_rising_ranges_of_block_numbers() -> None:
    assert numbers("1-3, 7") == [1, 2, 3, 7]
    assert marked(["a", "b", "c", "d"], "1-2") == "b\nc"
    for wrong in ("3-1", "2,2", "1-4,3", "a", "1-"):
        with pytest.raises(ValueError, match="write rising ranges"):
            numbers(wrong)
    with pytest.raises(ValueError, match="go beyond the 2 blocks"):
        marked(["a", "b"], "1-2")


# Gold.


def _gold(folder_path: Path, **line: object) -> Path:
    (folder_path / "p.html").write_text(PAGE, "utf-8")
    (folder_path / "gold.jsonl").write_text(json.dumps({"html": "p.html", **line}) + "\n", "utf-8")
    return folder_path


def test_a_folder_of_gold_has_pages_with_text_or_snippets(tmp_path: Path) -> None:
    (page,) = folder(_gold(tmp_path, text="Head One", url="http://e.org/", kind="toy"), "mine")
    assert (page.gold, page.name, page.kind, page.text, page.url) == (
        "mine",
        "p.html",
        "toy",
        "Head One",
        "http://e.org/",
    )
    assert page.source() == PAGE
    (page,) = folder(_gold(tmp_path, without=["Home"]), "mine")
    assert (page.text, page.kept, page.left_out, page.kind) == (None, (), ("Home",), "unnamed")


def test_gold_that_is_no_gold_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no gold in .*: a \*.jsonl"):
        folder(tmp_path, "mine")
    with pytest.raises(ValueError, match=r"gold.jsonl:1: `html` and one of `text`, `with`, `without` are expected"):
        folder(_gold(tmp_path), "mine")
    with pytest.raises(ValueError, match=r"gold.jsonl:1: no page .*q.html"):
        folder(_gold(tmp_path, html="q.html", text="x"), "mine")
    (tmp_path / "gold.jsonl").write_text("\n{\n", "utf-8")
    with pytest.raises(ValueError, match=r"gold.jsonl:2: no JSON object"):
        folder(tmp_path, "mine")


def _warc(path: Path, body: bytes) -> None:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    head = "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://e.org/\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    path.write_bytes(head.encode() + http + b"\r\n\r\n")


def test_marks_on_a_page_of_a_warc_are_rebuilt_and_checked(tmp_path: Path) -> None:
    from pipelines.sources import Record, read

    _warc(tmp_path / "w.warc", PAGE.encode())
    (record,) = (item for item in read(str(tmp_path / "w.warc")) if isinstance(item, Record))
    line = {"url": "http://e.org/", "warc": "w.warc", "record": "<urn:uuid:1>", "kind": "toy", "lines": "1-2"}
    line |= {"digest": record.digest.hex(), "words": digest_of("Head One two")}
    file = tmp_path / "gold.jsonl"
    file.write_text(json.dumps(line), "utf-8")
    (page,) = marks(tmp_path, file)
    assert (page.text, page.url, page.kind) == ("Head\nOne two", "http://e.org/", "toy")
    file.write_text(json.dumps(line | {"lines": "1-3"}), "utf-8")
    with pytest.raises(ValueError, match="blocks 1-3 hold other words than those marked"):
        marks(tmp_path, file)
    file.write_text(json.dumps(line | {"digest": "00"}), "utf-8")
    with pytest.raises(ValueError, match=r"w.warc has no record <urn:uuid:1> of digest 00"):
        marks(tmp_path, file)


# Tables.


def _page(number: int, gold: str = "g", text: str | None = "a b") -> Page:
    return Page(gold, f"p{number}", "toy", "en", b"<p>a b</p>", text, ("a b",), ("menu",))


def test_the_tables_show_means_snippets_differences_and_the_verdict() -> None:
    pages = [_page(1), _page(2), _page(3, "other", None)]
    ours = Run("gopher", ["a b", "a b menu", "a b"], [0.003])
    default = Run("trafilatura", ["a", "a b", "menu"], [0.3])
    recall = Run("trafilatura recall", ["a b c c", "", "x"], [0.2])
    scored = report.scored(pages, [ours, default, recall])
    assert report.quality(pages, scored, "g")[2].split() == ["gopher", "0.900", "0.833", "1.000", "1.000", "0.500"]
    assert report.quality(pages, scored, "other")[3].split()[-2:] == ["0.000", "1.000"]
    (gold, kind) = report.differences(pages, scored)
    assert (gold.group, gold.pages, gold.mode, kind.group) == ("g", 2, "trafilatura", "toy")
    # F1 is 1 and 0.8 against 2/3 and 1.
    assert gold.mean == pytest.approx((1 / 3 - 0.2) / 2)
    assert gold.low == pytest.approx(-0.2)
    assert report.verdict(pages, [gold, kind], [ours, default]) == "default: not yet (F1 on g)"
    assert report.speed([ours, default])[1].split() == ["gopher", "1.000", "ms", "a", "page", "100.0x", "trafilatura"]


def test_the_verdict_asks_for_the_interval_and_the_speed() -> None:
    pages = [_page(1)]
    above = report.Difference("g", 1, "trafilatura", 0.0, -0.004, 0.1)
    fast, slow, base = (Run("gopher", ["x"], [1.0]), Run("gopher", ["x"], [1.1]), Run("trafilatura", ["x"], [40.0]))
    assert report.verdict(pages, [above], [fast, base]) == "default: yes (40x trafilatura)"
    assert report.verdict(pages, [above], [slow, base]) == "default: not yet (36x < 40x)"
    below = report.Difference("g", 1, "trafilatura", 0.0, -0.005, 0.1)
    assert report.verdict(pages, [below], [fast, base]) == "default: not yet (F1 on g)"
    assert report.verdict(pages, [], [fast]).startswith("default: undecided")


def test_an_unknown_extractor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=f"no extractor 'boilerpipe'; there are {NAMES[0]}"):
        run([_page(1)], ["boilerpipe"])


def test_the_command_measures_a_folder_of_the_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _gold(tmp_path, text="Head One two three", kind="toy", **{"with": ["two three"], "without": ["Home"]})
    main(["--gold", str(tmp_path), "--only-gold", "--extractors", "trafilatura", "--rounds", "1", "--worst", "1"])
    printed = capsys.readouterr().out
    assert f"{tmp_path}: 1 pages with text, 1 snippets to keep, 1 to leave out" in printed
    assert "lowest F1 of trafilatura" in printed
    with pytest.raises(SystemExit, match="no gold in"):
        main(["--only-gold", "--gold", str(OWN_PAGES.parent / "nowhere")])


# Side by side.


def test_the_side_by_side_page_marks_lines_that_only_one_text_holds_and_escapes_them() -> None:
    pages = [_page(1)]
    left = Run("gopher", ["Both lines\nOnly <left>\n- a bullet"], [1.0])
    right = Run("trafilatura", ["Both lines a bullet\nonly right"], [1.0])
    made = compare.page(pages, [left, right])
    assert "<p dir=auto class=only>Only &lt;left&gt;</p>" in made
    assert "<p dir=auto class=only>only right</p>" in made
    assert "<p dir=auto>Both lines</p>" in made
    assert "<p dir=auto>- a bullet</p>" in made
    assert "http" not in made
    assert "<a href='#p1'>" in made
    with pytest.raises(ValueError, match="gopher cannot be shown: not there"):
        compare.page(pages, [Run("gopher", missing="not there"), right])
