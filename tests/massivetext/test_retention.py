"""What is freed of a finished build: train/ stays to the byte, nothing is made again in silence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from massivetext import build, clean, retention, verify
from massivetext.errors import BuildError
from massivetext.folders import Folders
from massivetext.retention import READS, Retention, frees, stays
from pipelines import documents, stage


def options(sample: Path, out: Path, *more: str) -> list[str]:
    where = ["--input", str(sample), "--output", str(out), "--workers", "1"]
    return ["--mixture", "gopher", "--vocabulary", "1024", *where, *more]


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def written(out: Path) -> dict[Path, int]:
    """Every stage manifest and file of train/ with its time of writing."""
    found = [*out.rglob(stage.MANIFEST), *(out / "train").iterdir(), out / "report.json"]
    return {path: path.stat().st_mtime_ns for path in found}


@pytest.fixture
def finished(built: Path, tmp_path: Path) -> Path:
    """A finished build of its own, to free."""
    return Path(shutil.copytree(built, tmp_path / "out"))


@pytest.mark.parametrize(
    "keep",
    [["--keep", "last"], ["--keep", "none"], ["--keep-dropped", "none"], ["--keep", "last", "--keep-dropped", "none"]],
)
def test_train_is_untouched_and_the_same_command_makes_nothing_again(
    sample: Path, built: Path, finished: Path, keep: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    build.run(options(sample, finished, *keep))
    assert content(finished / "train") == content(built / "train")
    before = written(finished)
    capsys.readouterr()
    build.run(options(sample, finished))
    assert written(finished) == before
    assert "train/ is finished" in capsys.readouterr().out
    assert verify.verify(str(finished / "train"), deep=True)[1] == []


def test_what_each_choice_frees_is_gone_and_nothing_else(finished: Path) -> None:
    kept = Retention(Folders(str(finished)))
    before = {path.relative_to(finished): path.stat().st_size for path in finished.rglob("*") if path.is_file()}
    for keep in ("last", "none"):
        kept.apply(keep)
        left = {path.relative_to(finished) for path in finished.rglob("*") if path.is_file()}
        gone = {path for path in before if any(path.is_relative_to(place) for place in frees(keep))}
        staying = {stage.MANIFEST, *stays(str(finished / "documents"), keep)}
        assert set(before) - left == {path for path in gone if path.name not in staying}
        assert bool(list((finished / "documents").glob("*.skipped"))) == (keep == "last")
    assert not list((finished / "documents").glob("*.parquet"))
    assert kept.freed()["documents"] == "none"


@pytest.mark.parametrize(
    ("keep", "change", "stage_named", "start"),
    [
        ("last", ["--seed", "9"], "curate", "curate"),
        ("none", ["--sequence-length", "512"], "scatter", "curate"),
        ("none", ["--from", "pack"], "pack", "curate"),
        ("last", ["--from", "decide"], "decide", "curate"),
    ],
)
def test_a_run_that_needs_what_is_gone_is_refused_before_anything_changes(
    sample: Path, finished: Path, keep: str, change: list[str], stage_named: str, start: str
) -> None:
    Retention(Folders(str(finished))).apply(keep)
    before = written(finished)
    with pytest.raises(BuildError, match=rf"{stage_named} would have to run again.*--from {start}"):
        build.run(options(sample, finished, *change))
    assert {path: path.stat().st_mtime_ns for path in before if "mix" not in path.parts} == {
        path: time for path, time in before.items() if "mix" not in path.parts
    }


def test_another_budget_costs_mix_and_pack_alone_once_the_last_form_is_kept(
    sample: Path, built: Path, finished: Path, tmp_path: Path
) -> None:
    Retention(Folders(str(finished))).apply("last")
    build.run(options(sample, finished, "--tokens", "20000"))
    whole = Path(shutil.copytree(built, tmp_path / "whole"))
    build.run(options(sample, whole, "--tokens", "20000"))
    assert content(finished / "train") == content(whole / "train")


def test_from_curate_builds_what_was_freed_again(sample: Path, built: Path, finished: Path) -> None:
    Retention(Folders(str(finished))).apply("none")
    build.run(options(sample, finished, "--from", "curate"))
    assert content(finished / "train") == content(built / "train")
    assert not Retention(Folders(str(finished))).freed()


def test_the_texts_of_dropped_documents_go_and_all_others_stay(sample: Path, built: Path, finished: Path) -> None:
    build.run(options(sample, finished, "--keep-dropped", "none"))
    sidecars = [str(built / place) for place in retention.SIDECARS]
    emptied = 0
    for path in sorted((built / "documents").glob("*.parquet")):
        gone = set(documents.dropped(sidecars, int(path.stem)).tolist())
        before = pq.read_table(path).to_pylist()
        after = pq.read_table(finished / "documents" / path.name).to_pylist()
        assert after == [{**row, "text": "" if row["docid"] in gone else row["text"]} for row in before]
        emptied += len(gone)
    assert emptied
    build.run(options(sample, finished, "--until", "tokenize", "--from", "tokenize"))
    with pytest.raises(BuildError, match="--from curate"):
        build.run(options(sample, finished, "--from", "decide"))


def test_the_folders_that_a_build_makes_are_all_named(built: Path) -> None:
    made = {str(path.parent.relative_to(built)) for path in built.rglob(stage.MANIFEST)}
    rounds = {place for place in made if place.startswith("stages/near-rounds/")}
    assert made - rounds - set(READS) <= {"stages/aside", "stages/free"}
    assert all(read in READS for reads in READS.values() for read in reads)


def test_clean_removes_what_killed_builds_leave_and_dry_run_only_says_so(
    sample: Path, built: Path, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strays = ["documents/00000.parquet.tmp-1-2", "stages/spill/exact/in-00000-00001", "tokens/encoded/stray"]
    for name in strays:
        (finished / name).parent.mkdir(parents=True, exist_ok=True)
        (finished / name).write_bytes(bytes(1000))
    (finished / "driver.lock").write_text(json.dumps({"host": "elsewhere", "pid": 1, "started": 0.0, "job": ""}))
    assert clean.main([str(finished), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in strays)
    assert all((finished / name).exists() for name in strays)
    assert clean.main([str(finished)]) == 1
    assert "held by process 1 on elsewhere" in capsys.readouterr().err
    (finished / "driver.lock").unlink()
    assert clean.main([str(finished), "--keep", "none"]) == 0
    assert not any((finished / name).exists() for name in strays)
    assert not (finished / "driver.lock").exists()
    assert content(finished / "train") == content(built / "train")


def test_nothing_is_freed_before_train_is_finished(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (finished / "train" / "manifest.json").unlink()
    assert clean.main([str(finished), "--keep", "none"]) == 1
    assert "is not finished" in capsys.readouterr().err
    assert list((finished / "documents").glob("*.parquet"))


def test_a_folder_without_a_build_is_refused(tmp_path: Path) -> None:
    assert clean.main([str(tmp_path)]) == 2
