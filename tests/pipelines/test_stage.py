"""A stage redoes exactly what its digests say, and nothing finished twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipelines import files, stage
from pipelines.engine import Engine
from pipelines.stage import Result, Stage


@dataclass(frozen=True)
class Upper:
    """Copies a shard's text in upper case, and keeps a diary of what it was asked to do."""

    source: str
    out: str
    diary: str

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        with open(self.diary, "a") as diary:
            diary.write(f"{shard}\n")
        text = files.read_bytes(files.join(self.source, f"{shard}.txt")).upper()
        written = files.write_bytes(files.join(self.out, f"{shard:05d}.txt"), text)
        return Result([written], {"letters": {"all": len(text)}})


@pytest.fixture
def work(tmp_path: Path) -> Upper:
    for shard in range(3):
        files.write_bytes(str(tmp_path / "in" / f"{shard}.txt"), b"a" * (shard + 1))
    return Upper(str(tmp_path / "in"), str(tmp_path / "out"), str(tmp_path / "diary"))


def stage_of(work: Upper, **changes: object) -> Stage:
    inputs = {shard: f"version {shard}" for shard in range(3)}
    made = Stage("upper", work.out, "code", {"bound": 1}, inputs, dict.fromkeys(inputs, 1))
    return replace(made, **changes)  # type: ignore[arg-type]


def run(work: Upper, wanted: Stage) -> list[int]:
    """The shards that were run."""
    Path(work.diary).write_text("")
    Engine().run_shards(wanted, work, 0.0)
    return sorted(int(line) for line in Path(work.diary).read_text().split())


def test_a_finished_stage_is_not_redone(work: Upper) -> None:
    assert run(work, stage_of(work)) == [0, 1, 2]
    assert run(work, stage_of(work)) == []


def test_only_the_shard_whose_input_changed_is_redone(work: Upper) -> None:
    run(work, stage_of(work))
    changed = {0: "version 0", 1: "another version", 2: "version 2"}
    assert run(work, stage_of(work, inputs=changed)) == [1]


@pytest.mark.parametrize("change", [{"code": "edited"}, {"settings": {"bound": 2}}])
def test_edited_code_or_another_setting_redoes_every_shard(work: Upper, change: dict[str, object]) -> None:
    run(work, stage_of(work))
    assert run(work, stage_of(work, **change)) == [0, 1, 2]


def test_a_stage_without_its_manifest_goes_on_from_the_finished_shards(work: Upper) -> None:
    run(work, stage_of(work))
    files.remove(files.join(work.out, stage.MANIFEST))
    files.remove(files.join(work.out, "00002.json"))
    assert run(work, stage_of(work)) == [2]


def test_a_missing_or_cut_file_is_made_again(work: Upper) -> None:
    run(work, stage_of(work))
    files.remove(files.join(work.out, "00000.txt"))
    Path(work.out, "00002.txt").write_bytes(b"A")
    assert run(work, stage_of(work)) == [0, 2]
    assert Path(work.out, "00002.txt").read_bytes() == b"AAA"


def test_what_no_mark_names_is_removed(work: Upper) -> None:
    run(work, stage_of(work))
    for stray in ("00009.txt", "00009.json", "00001.txt.tmp-17-4"):
        Path(work.out, stray).write_bytes(b"stray")
    run(work, stage_of(work, code="edited"))
    expected = {stage.MANIFEST, *(f"0000{n}.{e}" for n in range(3) for e in ("txt", "json"))}
    assert set(files.names(work.out)) == expected
    assert not list(Path(work.out).glob("*.tmp-*"))


def test_counts_of_all_shards_add_up_key_by_key(work: Upper) -> None:
    marks = Engine().run_shards(stage_of(work), work, 0.0)
    assert stage.total(marks.values()) == {"letters": {"all": 6}}


def test_a_folder_of_another_format_is_refused(work: Upper) -> None:
    run(work, stage_of(work))
    manifest = Path(work.out, stage.MANIFEST)
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(ValueError, match="has format 99, this version reads format 1"):
        run(work, stage_of(work))


def test_an_error_in_the_work_stops_the_stage_and_leaves_the_finished_shards(work: Upper) -> None:
    files.remove(files.join(work.source, "1.txt"))
    with pytest.raises((RuntimeError, FileNotFoundError), match=r"No such file.*1\.txt"):
        run(work, stage_of(work, sizes={0: 9, 1: 1, 2: 5}))
    assert not files.exists(files.join(work.out, stage.MANIFEST))
    files.write_bytes(files.join(work.source, "1.txt"), b"b")
    assert 1 in run(work, stage_of(work))
