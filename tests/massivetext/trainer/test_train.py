"""The command line, as a user calls it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from massivetext.train import main

REPOSITORY = Path(__file__).resolve().parents[3]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "massivetext.train", *map(str, arguments)]


def test_models_are_listed_without_loading_jax() -> None:
    program = "import sys, massivetext.train as t; t.main(['--list-models']); sys.exit('jax' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "279,710,317,824" in shown.stdout


def test_a_misspelt_model_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--data", "train", "--model", "tinny"])
    assert left.value.code == 2
    assert "did you mean tiny?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steps", "0"], "'0' is not a whole number of at least 1"),
        (["--learning-rate", "-1"], "'-1' is not above 0"),
        (["--mesh", "1,2"], "not three numbers, such as 1,8,1"),
        (["--weights", "books"], "'books' is not SUBSET=WEIGHT, such as books=0.27"),
        (["--weights", "books=1,books=2"], "'books=2': give each subset once, with a weight above 0"),
        (["--weights", "books=-1"], "with a weight above 0"),
        (["--temperature", "-1"], "'-1' is not 0 or more"),
        (["--sample", "The"], "--data is needed"),
        ([], "--data is needed"),
    ],
)
def test_wrong_arguments_are_explained(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


def test_an_unfinished_folder_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("jax")
    assert main(["--data", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no manifest.json" in error


def test_without_jax_the_extra_is_named(tmp_path: Path) -> None:
    # -S -E: an interpreter without site-packages, so that no library of the extra is there.
    program = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); from massivetext.train import main; "
    program += f"sys.exit(main(['--data', {str(tmp_path)!r}]))"
    ran = subprocess.run([sys.executable, "-S", "-E", "-c", program], capture_output=True, text=True)
    assert ran.returncode == 2
    assert (
        "needs jax, optax, orbax, grain, matplotlib, safetensors; install it with: pip install '.[trainer]'"
        in ran.stderr
    )


def test_control_c_saves_and_the_same_command_goes_on(training_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax")
    out = tmp_path / "run"
    call = command("--data", training_folder, "--out", out, "--batch", 4, "--context", 16, "--steps", 4000)
    quick_to_compile = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    process = subprocess.Popen(call, cwd=REPOSITORY, env=quick_to_compile, stdout=subprocess.PIPE, text=True)
    metrics = out / "metrics.jsonl"
    while process.poll() is None and not (metrics.is_file() and metrics.read_text().count("\n") > 3):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode == 130, said
    step = metrics.read_text().count("\n")
    assert f"stopped and saved after step {step} in {out}; the same command goes on from there" in said
    assert (out / "checkpoints" / str(step)).is_dir()


def test_a_short_run_closes_with_the_losses_and_the_entropy(
    training_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("jax")
    arguments = ["--data", training_folder, "--out", tmp_path / "run", "--batch", 4, "--context", 16, "--steps", 3]
    assert main([*map(str, arguments), "--seed", "5"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("tiny: 112,000 parameters, vocabulary 64, context 16, float32; 3 steps of 4 records")
    assert "3 steps, 384 tokens: loss 4." in said
    assert "the unigram entropy of the records is 3." in said


def test_a_trained_run_holds_curves_and_weights_and_is_sampled_from(
    text_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("jax")
    out = str(tmp_path / "run")
    training = ["--data", str(text_folder), "--batch", "4", "--context", "16", "--steps", "4"]
    assert main([*training, "--out", out, "--weights", "books=0.5,web=1.5"]) == 0
    said = capsys.readouterr().out
    assert "4 steps of 4 records of 32 tokens, in proportions books 1, web 3" in said
    assert "validation, bits per byte: books " in said
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "weights.safetensors").is_file()
    sampling = ["--out", out, "--sample", "The river", "--length", "5", "--top-k", "20", "--seed", "3"]
    assert main(sampling) == 0
    first = capsys.readouterr().out
    assert first.startswith("The river")
    assert main(sampling) == 0
    assert capsys.readouterr().out == first


def test_a_disk_that_is_full_is_said_in_one_line(training_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax")
    # No file may grow beyond 100,000 bytes, which is how a test without a disk of its own makes writing fail.
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    program += "from massivetext.train import main; import sys; sys.exit(main(sys.argv[1:]))"
    call = ["--data", training_folder, "--out", tmp_path / "run", "--batch", 4, "--context", 16, "--steps", 2]
    quick_to_compile = os.environ | {
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_ENABLE_COMPILATION_CACHE": "0",
    }
    ran = subprocess.run(
        [sys.executable, "-c", program, *map(str, call)],
        cwd=REPOSITORY,
        env=quick_to_compile,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1, ran.stderr
    (said,) = [line for line in ran.stderr.splitlines() if line.startswith("massivetext.train: ")]
    assert "a checkpoint could not be written in" in said
    assert "File too large. Free some space and run the same command: it goes on from no checkpoint" in said
    assert "massivetext/train.py" not in ran.stderr  # no traceback of ours, whatever the library's threads print
