"""Batches from real ArrayRecord files against the streams they were written from."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("grain")
from array_record.python.array_record_module import ArrayRecordReader

from massivetext.trainer.data import TrainingRecords, check_context, check_weights
from massivetext.trainer.manifest import TrainingData, read_manifest

EOS = 1


@pytest.fixture(scope="module")
def data(training_folder: Path) -> TrainingData:
    return read_manifest(training_folder)


def stored(data: TrainingData) -> list[bytes]:
    """All records, read without Grain."""
    shards = [shard for shards in data.subsets.values() for shard in shards]
    return [record for shard in shards for record in ArrayRecordReader(str(shard.path)).read_all()]


def epoch(records: TrainingRecords, data: TrainingData, number: int) -> list[bytes]:
    batch = records.batch(number * data.records, data.records, data.sequence_length)
    return [row.astype("<u2").tobytes() for row in batch["targets"]]


def test_each_epoch_reads_every_record_once_in_another_order(data: TrainingData) -> None:
    records = TrainingRecords(data, seed=0)
    first, second = epoch(records, data, 0), epoch(records, data, 1)
    assert sorted(first) == sorted(second) == sorted(stored(data))
    assert first != second


def test_a_batch_depends_on_its_position_alone(data: TrainingData) -> None:
    whole = TrainingRecords(data, seed=3).batch(0, 40, 32)
    for start, count in ((0, 8), (8, 8), (13, 5), (39, 1)):
        part = TrainingRecords(data, seed=3).batch(start, count, 32)
        for name, array in part.items():
            np.testing.assert_array_equal(array, whole[name][start : start + count])


def test_the_fill_of_each_shard_and_nothing_else_is_left_out(data: TrainingData) -> None:
    batch = TrainingRecords(data, seed=0).batch(0, data.records, 32)
    fill = sum(shard.fill for shards in data.subsets.values() for shard in shards)
    assert fill > 0
    assert (~batch["counted"]).sum() == fill
    assert (batch["targets"][~batch["counted"]] == EOS).all()


def test_inputs_are_the_separator_and_the_record_but_its_last_token(data: TrainingData) -> None:
    batch = TrainingRecords(data, seed=0).batch(5, 6, 32)
    assert (batch["inputs"][:, 0] == EOS).all()
    np.testing.assert_array_equal(batch["inputs"][:, 1:], batch["targets"][:, :-1])
    np.testing.assert_array_equal(np.diff(batch["segments"], axis=1), batch["inputs"][:, 1:] == EOS)


def test_a_shorter_context_predicts_the_same_tokens_from_the_same_neighbours(data: TrainingData) -> None:
    records = TrainingRecords(data, seed=0)
    whole, cut = records.batch(0, 4, 32), records.batch(0, 4, 8)
    assert cut["inputs"].shape == (16, 8)
    for name in ("inputs", "targets", "counted"):
        np.testing.assert_array_equal(cut[name].reshape(4, 32), whole[name])


def test_of_rows_that_are_not_wanted_nothing_is_read(data: TrainingData) -> None:
    records = TrainingRecords(data, seed=0)
    own = np.zeros(4 * 4, bool)
    own[[5, 6, 12]] = True  # rows of 8 tokens, four to a record: records 1 and 3
    whole, part = records.batch(7, 4, 8), records.batch(7, 4, 8, own)
    for name, array in part.items():
        np.testing.assert_array_equal(array[own], whole[name][own])
    assert (part["targets"].reshape(4, 32)[[0, 2]] == 0).all()


def test_with_weights_only_the_subsets_named_are_read_and_in_proportion(data: TrainingData) -> None:
    weighed = TrainingRecords(data, 0, check_weights(data, {"books": Fraction("0.1"), "wikipedia": Fraction("0.3")}))
    files = [weighed.locate(position)[0].split("-")[0] for position in range(40)]
    assert all(files[i : i + 4].count("wikipedia") == 3 for i in range(0, 40, 4))
    alone = TrainingRecords(data, 0, check_weights(data, {"wikipedia": Fraction(2)}))
    assert {alone.locate(position)[0].split("-")[0] for position in range(40)} == {"wikipedia"}


def test_weights_of_subsets_that_are_not_there_are_refused(data: TrainingData) -> None:
    with pytest.raises(ValueError, match=r"--weights names news; the training records are of books, wikipedia"):
        check_weights(data, {"news": Fraction(1), "books": Fraction(1)})


def test_a_record_is_located_by_file_and_number(data: TrainingData) -> None:
    records = TrainingRecords(data, seed=0)
    targets = records.batch(0, 10, 32)["targets"]
    for position, row in enumerate(targets):
        file, number = records.locate(position)[0].split(" record ")
        raw = ArrayRecordReader(str(data.folder / file)).read([int(number)])[0]
        np.testing.assert_array_equal(np.frombuffer(raw, "<u2"), row)


def test_the_unigram_entropy_is_that_of_all_tokens_without_fill(data: TrainingData) -> None:
    shards = [shard for shards in data.subsets.values() for shard in shards]
    tokens = []
    for shard in shards:
        stream = np.frombuffer(b"".join(ArrayRecordReader(str(shard.path)).read_all()), "<u2")
        tokens.append(stream[: len(stream) - shard.fill])
    shares = np.unique(np.concatenate(tokens), return_counts=True)[1] / sum(map(len, tokens))
    entropy, counted = TrainingRecords(data, seed=0).unigram_entropy()
    assert entropy == pytest.approx(-(shares * np.log(shares)).sum())
    assert counted == data.records


def test_a_record_beyond_the_vocabulary_is_refused(edited_manifest: Callable[..., Path]) -> None:
    data = read_manifest(edited_manifest(vocabulary=20))
    with pytest.raises(ValueError, match=r"array_record record \d+ has 32 tokens, the largest \d+.*32 tokens below 20"):
        TrainingRecords(data, seed=0).batch(0, 20, 32)


@pytest.mark.parametrize("harm", ["gone", "shortened"])
def test_a_shard_that_is_lost_after_the_start_is_named(edited_manifest: Callable[..., Path], harm: str) -> None:
    folder = edited_manifest()
    data = read_manifest(folder)
    shard = folder / "wikipedia-00000-of-00001.array_record"
    if harm == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(
        OSError, match=r"wikipedia-00000-of-00001\.array_record record \d+ cannot be read \(.*put it back"
    ):
        TrainingRecords(data, seed=0).batch(0, data.records, 32)


def test_a_context_must_divide_the_record() -> None:
    check_context(256, 2048)
    with pytest.raises(ValueError, match=r"--context 300 does not divide the records' 2048 tokens"):
        check_context(300, 2048)
