"""Records that are no documents, and records of files that are read in splits, told by name and by place."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from massivetext import build
from massivetext.explain.__main__ import main
from massivetext.explain.reasons import REASONS
from pipelines import skipped

READER = """
from dataclasses import dataclass
from pipelines import files
from pipelines.sources.record import Record, Skipped, Unreadable, digest


@dataclass(frozen=True)
class Gone(Skipped):
    detail: str
    url: str


def read(path):
    for row, line in enumerate(files.read_bytes(path).split()):
        if line == b"gone":
            yield Gone(row, "not_success", "HTTP status 404", "https://letters.example/gone")
        elif line == b"broken":
            yield Unreadable(row, 14, "torn \\udc80")
        else:
            yield Record(row, str(row), digest(line), line.decode())
"""
SUBSET = '[[subsets]]\nname = "letters"\nweight = 1.0\npatterns = ["*"]\nrules = ["empty"]\n'


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_a_record_that_its_reader_names_is_found_by_that_name_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "named.py").write_text(READER)
    (tmp_path / "mine.toml").write_text(f'{SUBSET}reader = "named:read"\n')
    for name in "ab":
        (tmp_path / f"{name}.lines").write_text("gone\nwhole\nbroken")
    monkeypatch.syspath_prepend(tmp_path)
    out = str(tmp_path / "out")
    given = ["--mixture", str(tmp_path / "mine.toml"), "--source", f"letters={tmp_path}/*.lines"]
    build.run([*given, "--output", out, "--workers", "1", "--until", "curate", "--unreadable-share", "1"])
    capsys.readouterr()
    shown = printed(capsys, "https://letters.example/gone", "--build", out)
    assert shown.splitlines()[0].endswith("SKIPPED: not_success")
    assert "not_success: an HTTP status that is not 2xx: HTTP status 404" in shown
    assert "also b.lines:0: skipped, not_success (HTTP status 404)" in shown
    found = json.loads(printed(capsys, "b.lines:2", "--build", out, "--json"))["explained"][0]
    assert (found["outcome"], found["skip"]["detail"], found["skip"]["position"]) == ("unreadable", "torn \ufffd", 14)
    kept = printed(capsys, "a.lines:1", "--build", out, "--mixture", given[1])
    assert "a.lines, record 1" in kept
    assert list(skipped.problems(f"{out}/documents")) == []
    (tmp_path / "out/documents/00000.skipped").unlink()
    assert ["holds 0 records, but 2 were counted" in told for told in skipped.problems(f"{out}/documents")] == [True]
    sys.modules.pop("named", None)


def test_every_reason_that_the_documents_name_is_told_in_words() -> None:
    readme = (Path(__file__).resolve().parents[3] / "pipelines" / "README.md").read_text("utf-8")
    table = readme.partition("| reason |")[2].partition("#### ")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) - {"same_record"}
    assert named == set(REASONS) - {"unreadable"}


def test_a_record_of_a_file_in_splits_is_told_with_its_split_and_asked_for_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.dumps({"text": f"Letter {number}.", "url": f"https://a.example/{number}"}) for number in range(40)]
    (tmp_path / "letters.jsonl").write_text("\n".join(rows))
    mixture = tmp_path / "mine.toml"
    mixture.write_text(f"split_bytes = 1000\n{SUBSET}")
    out = str(tmp_path / "out")
    given = ["--mixture", str(mixture), "--source", f"letters={tmp_path}/letters.jsonl"]
    build.run([*given, "--output", out, "--workers", "1", "--until", "curate"])
    capsys.readouterr()
    there = ["--build", out, "--mixture", str(mixture)]
    everywhere = printed(capsys, "letters.jsonl:0", *there)
    assert "letters.jsonl, split 1 of 3, record 0" in everywhere
    assert "also letters.jsonl:2:0, id " in everywhere
    second = json.loads(printed(capsys, "letters.jsonl:2:0", *there, "--json"))["explained"]
    assert [one["document"]["part"] for one in second] == [[2, 3]]
    assert second == [
        {**one, "asked": "letters.jsonl:2:0"}
        for one in json.loads(printed(capsys, second[0]["document"]["url"], *there, "--json"))["explained"]
    ]
