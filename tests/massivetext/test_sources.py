"""`python -m massivetext.sources`: what it says of files, whole, broken, unknown, and of a user's own format."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from massivetext.errors import BuildError
from massivetext.sources import expanded, parser, run

ROOT = Path(__file__).resolve().parents[2]


def lines(*texts: str) -> bytes:
    return b"".join(json.dumps({"text": text, "url": f"http://x/{n}"}).encode() + b"\n" for n, text in enumerate(texts))


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    run([*arguments, "--json"])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_file_is_told_by_its_counts_and_first_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(lines("One\n\ntwo", "b") + b"{no json\n" + lines("c")))
    assert run([str(path), "--documents", "1"]) == 0
    out = capsys.readouterr().out
    assert f"{path}  (jsonl, gzip, " in out
    assert "record 2, byte" in out
    assert "no JSON" in out
    assert "| One\n    | two" in out
    assert "http://x/1" not in out
    (made,) = told(capsys, str(path), "--documents", "2")
    assert (made["records"], made["documents"], made["document_bytes"]) == (4, 3, 10)
    assert [document["lines"] for document in made["first"]] == [["One", "two"], ["b"]]  # type: ignore[attr-defined]
    assert made["unreadable"][0]["record"] == 2  # type: ignore[index]


def test_reading_ends_at_the_limit_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(*"abcdef"))
    (made,) = told(capsys, str(tmp_path / "a.jsonl"), "--limit", "4")
    assert (made["records"], made["is_whole"]) == (4, False)
    run([str(tmp_path / "a.jsonl"), "--limit", "4"])
    assert "only these were read" in capsys.readouterr().out
    (made,) = told(capsys, str(tmp_path / "a.jsonl"), "--limit", "6")
    assert made["is_whole"]


def test_globs_and_folders_stand_for_the_files_with_a_known_format(tmp_path: Path) -> None:
    for name in ("in/a.jsonl", "in/deep/b.txt", "in/readme", "tree/a.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x\n")
    found = [f"{tmp_path}/in/a.jsonl", f"{tmp_path}/in/deep/b.txt"]
    assert expanded([f"{tmp_path}/in"], False) == found
    assert expanded([f"{tmp_path}/in/*.jsonl", f"{tmp_path}/in/"], False) == found
    assert expanded([f"{tmp_path}/in"], True) == [*found, f"{tmp_path}/in/readme"]
    assert expanded([f"{tmp_path}/tree"], False) == [f"{tmp_path}/tree/"]
    for missing in ("no", "no*"):
        with pytest.raises(BuildError, match="no file"):
            expanded([f"{tmp_path}/{missing}"], False)


def test_fields_and_licences_are_those_of_the_flags_or_of_the_subset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"content": "x = 1", "path": "a.py", "license": "gpl-2.0"}\n')
    assert run([str(path)]) == 1
    assert 'no field "text"; there are: content, path, license' in capsys.readouterr().out
    (made,) = told(capsys, str(path), "--fields", "text=content")
    assert made["documents"] == 1
    (made,) = told(capsys, str(path), "--mixture", "gopher", "--subset", "github")
    assert made["skipped"] == {"licence": 1}
    (made,) = told(capsys, str(path), "--subset", "github", "--licences", "permissive,GPL-2.0")
    assert made["first"][0]["metadata"]["language"] == "Python"  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--fields", "txt=a"], r"no role 'txt'.*there are text, url"),
        (["--fields", "text"], "expected ROLE=FIELD"),
        (["--subset", "web"], "gopher has massiveweb, books"),
        (["--mixture", "gopher"], "name one of its subsets"),
    ],
)
def test_flags_that_say_nothing_known_are_refused(tmp_path: Path, arguments: list[str], error: str) -> None:
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(BuildError, match=error):
        run([str(tmp_path / "a.txt"), *arguments])


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command typed in another folder than this repository's."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)}
    line = [sys.executable, "-m", "massivetext.sources", *arguments]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)


READER = """
from pipelines.sources import Record, Skipped, Unreadable
from pipelines.sources.record import digest

def read(path):
    for row, raw in enumerate(open(path, "rb").read().split(b"%%")):
        if not raw.strip():
            yield Skipped(row, "blank")
        else:
            yield Record(row, f"scroll:{row}", digest(raw), raw.decode())
"""


def test_a_reader_in_a_package_outside_the_repository_and_an_unknown_format(tmp_path: Path) -> None:
    (tmp_path / "scrolls").mkdir()
    (tmp_path / "scrolls" / "__init__.py").write_text("")
    (tmp_path / "scrolls" / "reader.py").write_text(READER)
    (tmp_path / "a.scroll").write_text("one%%two%%\n")
    done = command(tmp_path, "a.scroll", "--reader", "scrolls.reader:read", "--json")
    made = json.loads(done.stdout)
    assert (done.returncode, made["format"], made["documents"], made["skipped"]) == (
        0,
        "scrolls.reader:read",
        2,
        {"blank": 1},
    )
    unknown = command(tmp_path, "a.scroll")
    assert unknown.returncode == 2
    assert "no reader for 'a.scroll'" in unknown.stderr
    assert "jsonl .jsonl" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_the_help_has_examples() -> None:
    assert "examples:" in parser().format_help()
