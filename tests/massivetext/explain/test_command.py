"""The command: one screen, marks without colour, JSON for machines, and exit statuses."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from filters import repetition
from massivetext.explain.__main__ import main
from massivetext.explain.corpus import Corpus
from massivetext.explain.fate import Fates
from massivetext.explain.ink import Ink, cells
from massivetext.explain.reasons import REASONS
from massivetext.explain.screen import screen

PAGE = """<html><head><title>The mill</title></head><body><main>
<h1>The old mill</h1>
<p>The old mill stood by the river, and the people of the village went there to have their corn ground.</p>
<p>Read more about the mill and the river here, with all of the photographs that we have.</p>
<p>It was built of stone, and it is said that the wheel was turned by the water of the spring.</p>
<p>Read more about the mill and the river here, with all of the photographs that we have.</p>
<p>Read more about the mill and the river here, with all of the photographs that we have.</p>
<p>When the miller grew old he gave the mill to his daughter, who ran it with care for forty years.</p>
<p>Read more about the mill and the river here, with all of the photographs that we have.</p>
</main></body></html>"""
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "mill.html"
    path.write_text(PAGE)
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_a_page_alone_is_extracted_measured_and_judged_with_its_copies_marked(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, str(page))
    assert "FAILS: duplicate_line" in shown.splitlines()[0]
    copies = re.search(r" (\d) x Read more about the mill", shown)  # an extractor may leave some out
    assert copies is not None
    assert shown.count("⟦Read more about the mill and the river here") == int(copies[1]) - 1 > 0
    assert re.search(r"x duplicate_line_character_share +0\.\d+ <= 0.2$", shown, re.MULTILINE)
    assert "\x1b" not in shown


def test_a_page_from_standard_input_is_the_same_page(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from_file = json.loads(printed(capsys, str(page), "--json"))["explained"][0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PAGE.encode())))
    from_stdin = json.loads(printed(capsys, "-", "--json"))["explained"][0]
    assert {**from_file, "asked": ""} == {**from_stdin, "asked": ""}


def test_other_rules_and_marks_can_be_asked_for(page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [rule.name for rule in repetition.RULES]
    rules = tmp_path / "rules.toml"
    rules.write_text("\n".join(["[bounds]", *(f"{name} = {{ high = 1.0 }}" for name in names)]))
    shown = printed(capsys, str(page), "--rules", str(rules), "--mark", "stop_word_count")
    assert "PASSES" in shown.splitlines()[0]
    assert "⟦The⟧ old mill" in shown
    only_language = printed(capsys, str(page), "--subset", "wikipedia")
    assert "duplicate_line_share" not in only_language


def test_what_is_no_markup_is_its_own_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Some <b>notes</b>\nof mine.")
    found = json.loads(printed(capsys, str(path), "--json"))["explained"][0]
    assert found["text"] == "Some <b>notes</b>\nof mine."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("https://example.org/",), "--build OUT"),
        (("PAGE", "--mark", "dup_55"), "did you mean 'dup_5'"),
        (("PAGE", "--subset", "massivweb"), "did you mean 'massiveweb'"),
        (("PAGE", "--mixture", "gophre"), "did you mean 'gopher'"),
        (("some-name", "--build", "no-such-folder"), "holds no build"),
    ],
)
def test_what_cannot_be_understood_says_why(
    arguments: tuple[str, ...], says: str, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(page) if word == "PAGE" else word for word in arguments]) == 2
    assert says in capsys.readouterr().err


def some(built: Path, subset: str = "massiveweb") -> dict[str, str]:
    """The first document of a subset: id, url, locator, source and record."""
    for path in sorted((built / "documents").glob("*.parquet")):
        rows = (
            pq.read_table(path, columns=["docid", "id", "subset", "url", "locator", "source"]).slice(0, 1).to_pylist()
        )
        if rows and rows[0]["subset"] == subset:
            return rows[0]
    raise AssertionError(subset)


def test_a_document_is_found_by_url_id_locator_docid_and_place(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = some(built)
    place = f"{row['source']}:{int(row['docid']) & 0xFFFFFFFF}"
    names = [row["url"], row["id"].hex(), row["id"].hex().upper(), row["locator"], str(row["docid"]), place]
    shown = [json.loads(printed(capsys, name, "--build", str(built), "--json"))["explained"] for name in names]
    assert all(found[0]["document"]["docid"] == row["docid"] for found in shown)


def test_a_url_in_another_spelling_is_not_found_but_named(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = some(built)["url"]
    other = url.replace("http://", "https://") + "/"
    assert main([other, "--build", str(built)]) == 1
    assert f"but it has {url}" in capsys.readouterr().err
    assert main([other, "--build", str(built), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["near"] == [url]


def test_a_url_that_is_nowhere_comes_with_the_records_that_have_no_names(
    built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["https://nowhere.example/", "--build", str(built)]) == 1
    told = capsys.readouterr().err
    assert "no record named https://nowhere.example/" in told
    assert re.search(r"\d+ not_a_response, .*ask for SOURCE:RECORD", told)


def test_a_source_file_gives_its_counts_and_a_record_that_is_no_document_says_so(
    sample: Path, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = map(json.loads, (sample / "answers.jsonl").read_text().splitlines())
    skipped = next(answer for answer in answers if answer.get("outcome") == "skipped")
    shown = printed(capsys, skipped["source"], "--build", str(built))
    assert f"{skipped['rule']} " in shown
    shown = printed(capsys, f"{skipped['source']}:{skipped['row']}", "--build", str(built))
    assert shown.splitlines()[0].endswith(f"SKIPPED: {skipped['rule']}")
    assert REASONS[skipped["rule"]] in shown
    assert main([f"{skipped['source']}:99999", "--build", str(built)]) == 1
    assert "has no record 99999" in capsys.readouterr().err


def test_every_screen_of_a_dropped_document_fits_and_is_marked_without_colour(built: Path) -> None:
    fates = Fates(Corpus(str(built)))
    seen = set()
    for path in sorted((built / "documents").glob("*.parquet")):
        for docid in pq.read_table(path, columns=["docid"]).column("docid").to_pylist():
            explained = fates.explain("x", docid)
            assert explained is not None
            rule = explained.drop.rule if explained.drop else "cut" if explained.cut else "kept"
            if rule in seen:
                continue
            seen.add(rule)
            plain = screen(explained, Ink())
            rows = plain.split("\n")
            assert len(rows) <= 50, rule
            assert max(map(cells, rows)) <= 100, rule
            assert plain == ESCAPE.sub("", screen(explained, Ink(colour=True))), rule
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", plain), rule
            full = screen(explained, Ink(), full=True)
            assert "more row" not in full, rule
    assert len(seen) > 25


def test_explaining_a_document_loads_no_engine_and_no_compiler(built: Path) -> None:
    program = (
        "import sys; from massivetext.explain.__main__ import main; status = main(sys.argv[1:]); "
        "print(status, *{name.partition('.')[0] for name in sys.modules})"
    )
    for name in (some(built)["url"], f"{some(built)['source']}:0"):
        command = [sys.executable, "-c", program, name, "--build", str(built)]
        status, *loaded = (
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
        )
        assert status == "0"
        assert not {"apache_beam", "jax", "numba", "trafilatura"} & set(loaded)


def test_verify_loads_neither_an_engine_nor_a_compiler() -> None:
    program = "import sys, massivetext.verify; print({'apache_beam', 'numba', 'jax'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "set()\n"


def test_a_page_is_judged_by_the_users_own_list_and_model_or_the_screen_says_which_rule_is_off(
    page: Path, sample: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no list of unsafe hosts (safety/hosts.txt): the rule unsafe_host is off" in printed(capsys, str(page))
    host = (sample / "safety" / "hosts.txt").read_text().split()[0]
    asked = [str(page), "--input", str(sample), "--json"]
    signals = json.loads(printed(capsys, *asked, "--url", f"https://{host}/mill"))["explained"][0]["signals"]
    value = {signal["rule"]: signal["value"] for signal in signals}
    assert value["unsafe_host"] == 1.0
    assert value["unsafe_probability"] is not None
    assert any("(--url)" in note for note in json.loads(printed(capsys, *asked))["explained"][0]["notes"])


def test_keys_of_the_json_are_these(page: Path, built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(printed(capsys, str(page), "--json"))
    assert list(told) == ["format", "asked", "explained"]
    keys = ["asked", "outcome", "text", "language", "signals", "document", "stages", "drop", "partner", "differences",
            "test_item", "cut", "occurrences", "notes", "skip"]  # fmt: skip
    assert list(told["explained"][0]) == keys
    signal = ["rule", "value", "unit", "low", "high", "keep", "part", "whole", "counted", "among", "spans", "shows"]
    assert list(told["explained"][0]["signals"][0]) == signal
    in_build = json.loads(printed(capsys, some(built)["url"], "--build", str(built), "--json"))["explained"][0]
    assert list(in_build) == keys
    assert next(iter(in_build["stages"])) == "identify"


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    class Ascii(Terminal):
        encoding = "ascii"

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Ink.of(Terminal()).colour
    assert Ink.of(Ascii()).brackets == ("[[", "]]")
    assert not Ink.of(io.TextIOWrapper(io.BytesIO())).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Ink.of(Terminal()).colour


def test_what_a_page_holds_cannot_act_on_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "evil.txt"
    path.write_bytes(b"\x1b]0;owned\x07 red \x1b[31m text \xe2\x80\xae reversed")
    shown = printed(capsys, str(path))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
