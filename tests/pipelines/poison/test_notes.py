"""What is known of a record that ended a process, and what a shard is without it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters import language
from pipelines import inputs
from pipelines.curate import Curate, Subset
from pipelines.poison.notes import (
    BATCH,
    CRASHED,
    EXTRACT,
    MEASURE,
    OPEN,
    READ,
    STEPS,
    STRIKES,
    TIMEOUT,
    WRITE,
    Aside,
    Attempts,
    Note,
    Place,
    SetAside,
    read_note,
)
from pipelines.stage import Result


def test_a_note_outlives_who_wrote_it_and_a_new_one_begins_anew(tmp_path: Path) -> None:
    path = str(tmp_path / "aside" / "00003.at")
    assert read_note(path) is None
    with Note(path) as note:
        assert read_note(path) == Place(OPEN, -1)
        note.at(EXTRACT, 7)
        assert read_note(path) == Place(EXTRACT, 7)
        with Note(path) as later:
            later.at(READ, 1)
            note.at(EXTRACT, 8)
            assert read_note(path) == Place(READ, 1)
            assert later.late() == Place(READ, 1, True)
    assert read_note(path) == Place(READ, 1, True)


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(-1, 2**62)), min_size=1))
def test_a_note_says_the_last_place_and_counts_every_one(places: list[tuple[str, int]]) -> None:
    note = Note()
    before = note.count
    for step, row in places:
        note.at(step, row)
    assert note.count - before == len(places)
    assert note.late() == Place(*places[-1], True)


def attempts(tmp_path: Path, made_from: str = "this") -> Attempts:
    return Attempts.read(str(tmp_path), 3, made_from)


def test_only_a_second_death_before_witnesses_sets_a_record_aside(tmp_path: Path) -> None:
    known = attempts(tmp_path)
    known.unwitnessed(Place(EXTRACT, 5))
    known.unwitnessed(Place(EXTRACT, 5))
    assert known.aside == {}
    assert known.witnessed(Place(EXTRACT, 6), CRASHED) is None
    assert known.witnessed(Place(EXTRACT, 5), TIMEOUT) == Aside(EXTRACT, TIMEOUT)
    assert known.witnessed(Place(EXTRACT, 6), CRASHED) == Aside(EXTRACT, CRASHED)
    assert known.set_aside == SetAside({5: Aside(EXTRACT, TIMEOUT), 6: Aside(EXTRACT, CRASHED)})


def test_a_death_among_many_records_blames_none_and_has_them_measured_one_by_one(tmp_path: Path) -> None:
    known = attempts(tmp_path)
    for _ in range(3):
        assert known.witnessed(Place(BATCH, 0), CRASHED) is None
    assert known.set_aside == SetAside({}, one_by_one=True)
    known.witnessed(Place(MEASURE, 2), CRASHED)
    assert known.witnessed(Place(MEASURE, 2), CRASHED) == Aside(MEASURE, CRASHED)


@pytest.mark.parametrize("places", [[Place(WRITE, 0)], [Place(OPEN, -1)], [Place(READ, row) for row in range(99)]])
def test_deaths_that_no_record_explains_give_the_shard_up(tmp_path: Path, places: list[Place]) -> None:
    known = attempts(tmp_path)
    with pytest.raises(RuntimeError, match=r"ended 11 times \(crashed\), last at record .* mend or remove the file"):
        _ = [known.witnessed(place, CRASHED) for place in (places * 99)[:99]]


def test_what_was_set_aside_is_known_again_for_the_same_shard_alone(tmp_path: Path) -> None:
    known = attempts(tmp_path)
    known.begin()
    assert attempts(tmp_path).begun
    for _ in range(2):
        known.witnessed(Place(READ, 9), TIMEOUT)
    known.end()
    again = attempts(tmp_path)
    assert not again.begun
    assert again.aside == {9: Aside(READ, TIMEOUT)}
    assert attempts(tmp_path, "another file").aside == {}
    assert Attempts.read(str(tmp_path), 4, "this").aside == {}


def test_an_attempt_that_ends_well_leaves_no_file(tmp_path: Path) -> None:
    known = attempts(tmp_path)
    known.begin()
    with Note(known.note):
        assert {path.name for path in tmp_path.iterdir()} == {"00003.at", "00003.json"}
    known.end()
    assert list(tmp_path.iterdir()) == []


def test_in_an_object_store_the_note_stays_on_the_machine(tmp_path: Path) -> None:
    notes = {Attempts(f"gs://bucket/out/stages/aside/0000{n}.json", "").note for n in (1, 2)}
    assert len(notes) == 2
    assert all(Path(note).parent.is_dir() for note in notes)


# The shard without its poison records.

WORDS = "The work of the day was read to us, and number {} of the many that we have had to listen to with patience."


@pytest.fixture
def work(tmp_path: Path) -> Curate:
    """A shard of ten lines, of which number 4 is unreadable anyway."""
    rows = [json.dumps({"text": WORDS.format(n), "url": f"http://{n}.example/"}) for n in range(10)]
    rows[4] = "{"
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    inputs.write_table(str(tmp_path / "shards.json"), [inputs.Shard(0, "web", "a.jsonl", 1, "v")])
    model = str(language.default_model())
    subsets = {"web": Subset(str(tmp_path), None, "trafilatura", 0)}
    return Curate(str(tmp_path / "out"), str(tmp_path / "shards.json"), subsets, 0, 0.1, model, "", "")


def made(work: Curate, aside: SetAside) -> tuple[Result, list[dict[str, object]]]:
    result = work.run_noting(0, Note(), aside)
    return result, pq.read_table(f"{work.out}/00000.parquet").to_pylist()


@pytest.mark.parametrize("step", [OPEN, READ, EXTRACT, MEASURE])
def test_a_shard_without_a_record_holds_the_same_rows_and_counts_it_as_unreadable(work: Curate, step: str) -> None:
    _, before = made(work, SetAside())
    result, rows = made(work, SetAside({7: Aside(step, TIMEOUT)}))
    assert rows == [row for row in before if row["docid"] != 7]
    counts = result.counts["web"]
    assert (counts["records"], counts["documents"], counts["unreadable"]) == (10, 8, 2)
    assert [(row, cause) for _, row, _, cause in counts["unreadable_at"]][1] == (7, TIMEOUT)


def test_records_measured_one_by_one_give_the_same_bytes(work: Curate) -> None:
    assert made(work, SetAside())[0] == made(work, SetAside(one_by_one=True))[0]


def test_the_note_follows_the_work_record_by_record(work: Curate) -> None:
    class Kept(Note):
        places: list[tuple[str, int]]

        def at(self, step: str, row: int) -> None:
            super().at(step, row)
            self.__dict__.setdefault("places", []).append((step, row))

    note = Kept()
    work.run_noting(0, note, SetAside(one_by_one=True))
    assert [row for step, row in note.places if step == OPEN] == [-1, 0]
    assert [row for step, row in note.places if step == READ] == list(range(1, 11))
    assert [row for step, row in note.places if step == EXTRACT] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert [row for step, row in note.places if step == MEASURE] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert STRIKES == 2
