"""Whole runs: learning, stopping and going on, refusals, and the diverging run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("orbax.checkpoint")

from massivetext.trainer.config import ModelConfig  # noqa: E402
from massivetext.trainer.data import TrainingRecords  # noqa: E402
from massivetext.trainer.loop import Outcome, RunSettings, train  # noqa: E402
from massivetext.trainer.manifest import TrainingData, read_manifest  # noqa: E402

CONFIG = ModelConfig(
    "test", 1, 2, 8, 32, 2e-2, 0, context=16, vocabulary=64, rematerialise=False, compute_dtype="float32"
)
SETTINGS = RunSettings(steps=60, batch=8, checkpoint_every=7, mesh=(1, 1, 1))


@pytest.fixture(scope="module")
def data(training_folder: Path) -> TrainingData:
    return read_manifest(training_folder)


@pytest.fixture(scope="module")
def unbroken(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    out = tmp_path_factory.mktemp("unbroken")
    return train(data, CONFIG, SETTINGS, out), out


def run_of(data: TrainingData, out: Path, stop_at: int | None = None, **changes: object) -> Outcome:
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    return train(data, CONFIG, settings, out, should_stop=lambda step: step == stop_at)


def test_the_loss_falls_from_log_vocabulary_below_the_unigram_entropy(
    data: TrainingData, unbroken: tuple[Outcome, Path]
) -> None:
    entropy, _ = TrainingRecords(data, seed=0).unigram_entropy()
    outcome, _ = unbroken
    assert outcome.first_loss == pytest.approx(np.log(64), abs=0.3)
    assert outcome.last_loss < entropy - 0.3


def test_a_run_stopped_at_any_step_goes_on_to_the_same_bits(
    data: TrainingData, unbroken: tuple[Outcome, Path], tmp_path: Path
) -> None:
    stopped = run_of(data, tmp_path, stop_at=10)
    assert (stopped.step, stopped.complete) == (10, False)
    resumed, (whole, whole_folder) = run_of(data, tmp_path), unbroken
    assert resumed.complete
    for name, array in whole.state["parameters"].items():
        np.testing.assert_array_equal(resumed.state["parameters"][name], array, err_msg=name)
    jax.tree.map(np.testing.assert_array_equal, resumed.state["optimizer"], whole.state["optimizer"])
    assert (tmp_path / "metrics.jsonl").read_bytes() == (whole_folder / "metrics.jsonl").read_bytes()


def test_a_killed_run_goes_on_from_its_last_checkpoint(
    data: TrainingData, unbroken: tuple[Outcome, Path], tmp_path: Path
) -> None:
    def killed(step: int) -> bool:
        if step == 10:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        train(data, CONFIG, SETTINGS, tmp_path, should_stop=killed)
    said: list[str] = []
    train(data, CONFIG, SETTINGS, tmp_path, said.append)
    assert said[0].endswith("going on after step 7")
    assert (tmp_path / "metrics.jsonl").read_bytes() == (unbroken[1] / "metrics.jsonl").read_bytes()


def test_metrics_have_a_line_per_step_and_only_the_last_checkpoints_are_kept(
    unbroken: tuple[Outcome, Path],
) -> None:
    outcome, out = unbroken
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 61))
    assert lines[-1]["tokens"] == 60 * 8 * 32
    assert (lines[0]["loss"], lines[-1]["loss"]) == (outcome.first_loss, outcome.last_loss)
    assert lines[6]["learning_rate"] == pytest.approx(2e-2)
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["56", "60"]


def test_a_finished_run_is_not_trained_again(data: TrainingData, unbroken: tuple[Outcome, Path]) -> None:
    outcome, out = unbroken
    before = (out / "metrics.jsonl").read_bytes()
    again = run_of(data, out)
    assert (again.step, again.last_loss) == (60, outcome.last_loss)
    assert (out / "metrics.jsonl").read_bytes() == before


def test_passes_of_parts_give_the_losses_of_the_whole_batch(
    data: TrainingData, unbroken: tuple[Outcome, Path], tmp_path: Path
) -> None:
    run_of(data, tmp_path, passes=4, stop_at=5)
    parts, whole = (
        [json.loads(line)["loss"] for line in (folder / "metrics.jsonl").read_text().splitlines()[:5]]
        for folder in (tmp_path, unbroken[1])
    )
    np.testing.assert_allclose(parts, whole, rtol=1e-4)


def test_a_run_cannot_go_on_with_other_settings(data: TrainingData, unbroken: tuple[Outcome, Path]) -> None:
    with pytest.raises(ValueError, match=r"other settings \(steps: 60 then, 80 now\).*--out"):
        run_of(data, unbroken[1], steps=80)


def test_a_loss_that_is_not_finite_names_the_step_and_the_documents(data: TrainingData, tmp_path: Path) -> None:
    config = replace(CONFIG, peak_learning_rate=float("inf"))
    with pytest.raises(FloatingPointError, match=r"is nan at step 2; its batch of 8 records holds \S+/\d+\.txt \(id 0"):
        train(data, config, SETTINGS, tmp_path)
    listed = json.loads((tmp_path / "diverged.json").read_text())
    assert listed["step"] == 2
    records = TrainingRecords(data, seed=0)
    for position, entry in enumerate(listed["records"], start=8):
        place, documents = records.locate(position)
        assert entry == {"record": place, "documents": [document._asdict() for document in documents]}
        assert documents


def test_a_batch_that_doubles_midway_is_resumed_to_the_same_bits(data: TrainingData, tmp_path: Path) -> None:
    config, settings = replace(CONFIG, doubles_batch=True), replace(SETTINGS, steps=6, batch=4, passes=2)
    said: list[str] = []
    whole = train(data, config, settings, tmp_path / "whole", said.append)
    assert "6 steps of 4, 8 after step 4, records of 32 tokens" in said[0]
    assert [line["tokens"] // 32 for line in whole.lines] == [4, 8, 12, 16, 24, 32]
    for stop in (3, 5):  # before and after the doubling
        train(data, config, settings, tmp_path / f"{stop}", should_stop=lambda step, stop=stop: step == stop)
        resumed = train(data, config, settings, tmp_path / f"{stop}")
        jax.tree.map(np.testing.assert_array_equal, resumed.state, whole.state)
        metrics = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", f"{stop}")]
        assert metrics[0] == metrics[1]


def test_validation_stands_in_the_metrics_when_it_is_due_and_is_said(text_folder: Path, tmp_path: Path) -> None:
    data, said = read_manifest(text_folder), []
    settings = replace(SETTINGS, steps=5, batch=4, passes=2, validate_every=2)
    outcome = train(data, replace(CONFIG, vocabulary=400), settings, tmp_path, said.append)
    assert [line["step"] for line in outcome.lines if "validation" in line] == [2, 4, 5]
    last = outcome.lines[-1]["validation"]
    assert list(last) == ["books"]
    assert f"step 5  validation, bits per byte: books {last['books']:.3f}" in said
    assert last["books"] < outcome.lines[1]["validation"]["books"]


def test_progress_tells_speed_utilisation_and_the_time_left(data: TrainingData, tmp_path: Path) -> None:
    said: list[str] = []
    train(data, CONFIG, replace(SETTINGS, steps=3, peak=1e12), tmp_path, said.append)
    assert said[1] == "utilisation is of 1 TFLOP/s (as given)"
    assert re.fullmatch(r"step 3/3  loss \d\.\d{4}  [\d,]+ tokens/s  utilisation \d+\.\d%  0:00 left", said[-1])


def test_weights_decide_the_batches_and_belong_to_the_run(data: TrainingData, tmp_path: Path) -> None:
    weights = {"books": 1, "wikipedia": 3}
    run_of(data, tmp_path, stop_at=1, weights=weights)
    settings = json.loads((tmp_path / "run.json").read_text())
    assert settings["weights"] == weights
    with pytest.raises(ValueError, match=r"weights: \{.*\} then, None now"):
        run_of(data, tmp_path)


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        ({"vocabulary": 65}, {}, "vocabulary of 65, the records one of 64"),
        ({"context": 12}, {}, "--context 12 does not divide"),
        ({}, {"steps": 0}, "steps is 0; it must be at least 1"),
        ({}, {"passes": 5}, "16 rows, which do not divide into 5 passes"),
        ({}, {"mesh": (64, 1, 1)}, "wants 64 devices"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(
    data: TrainingData, tmp_path: Path, config: dict[str, int], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        train(data, replace(CONFIG, **config), replace(SETTINGS, **settings), tmp_path)  # type: ignore[arg-type]


def test_a_folder_that_changed_since_the_run_began_is_refused(
    edited_manifest: Callable[..., Path], unbroken: tuple[Outcome, Path]
) -> None:
    with pytest.raises(ValueError, match="manifest: "):
        run_of(read_manifest(edited_manifest(note="built again")), unbroken[1])
