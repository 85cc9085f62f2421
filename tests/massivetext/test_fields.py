"""Fields by other names, from the flag and from the mixture, and what a build says where no record has its text."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from massivetext import mixtures
from massivetext.build import run
from massivetext.errors import BuildError
from massivetext.fields import parse, with_fields

MIXTURE = """
[[subsets]]
name = "news"
weight = 1.0
patterns = ["news/*.jsonl"]
rules = ["empty"]
"""


def test_a_build_names_the_fields_that_are_there_and_reads_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in/news").mkdir(parents=True)
    rows = ({"body": f"Piece {n}.", "link": f"http://x/{n}"} for n in range(5))
    (tmp_path / "in/news/a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "mine.toml").write_text(MIXTURE)
    given = ["--mixture", str(tmp_path / "mine.toml"), "--input", str(tmp_path / "in"), "--workers", "1"]
    given += ["--output", str(tmp_path / "out"), "--until", "curate"]
    said = r'(?s)news: 5 of 5.*no field "text"; there are: body, link \(--fields'
    with pytest.raises(BuildError, match=said) as caught:
        run(given)
    assert "a.jsonl, record 0, byte 0" in str(caught.value)
    run([*given, "--fields", "news:text=body,url=link"])
    made = pq.read_table(tmp_path / "out/documents/00000.parquet", columns=["text", "url"]).to_pylist()
    assert made[0] == {"text": "Piece 0.", "url": "http://x/0"}


def test_a_flag_changes_the_fields_that_it_names_of_one_subset() -> None:
    mixture = with_fields(mixtures.load("gopher"), ["news:text=body,url=a.b", "github:licence=l", "news:title=t"])
    assert mixture.subset("news").fields == {"text": "body", "url": "a.b", "title": "t"}
    assert mixture.subset("github").fields == {**mixtures.load("gopher").subset("github").fields, "licence": "l"}
    assert mixture.subset("c4").fields == {}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("text=body", "expected SUBSET:ROLE=FIELD"),
        ("new:text=body", r"no subset 'new'.*did you mean 'news'"),
        ("news:body", "expected ROLE=FIELD"),
        ("news:txt=body", r"no role 'txt'.*did you mean 'text'"),
    ],
)
def test_another_form_and_unknown_names_are_refused(given: str, error: str) -> None:
    with pytest.raises(BuildError, match=error):
        with_fields(mixtures.load("gopher"), [given])


def test_a_mixture_says_fields_and_licences_of_a_subset(tmp_path: Path) -> None:
    more = 'fields = { text = "content", path = "file" }\nlicences = ["permissive", "unknown"]\n'
    (tmp_path / "m.toml").write_text("split_bytes = 5_000_000\n" + MIXTURE + more)
    mixture = mixtures.load(str(tmp_path / "m.toml"))
    assert mixture.split_bytes == 5_000_000
    assert mixture.subsets[0].fields == parse("text=content,path=file")
    assert mixture.subsets[0].licences == ("permissive", "unknown")
    for wrong, error in (
        ('fields = { txt = "a" }', "txt"),
        ('licences = "MIT"', r"expected a list"),
        ("fields = 3", "expected a table"),
    ):
        (tmp_path / "w.toml").write_text(MIXTURE + wrong)
        with pytest.raises(ValueError, match=error):
            mixtures.load(str(tmp_path / "w.toml"))
