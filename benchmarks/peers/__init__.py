"""Other projects, each in a virtual environment of its own, run as a child on the same documents.

A peer is a requirements file beside this one; `python -m benchmarks.peers NAME` makes its environment. What a script in
this folder measures with it, it prints as JSON; it imports nothing of ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / ".peers"


def names() -> list[str]:
    """The peers there are requirements for."""
    return sorted(path.stem for path in HERE.glob("*.txt"))


def python(name: str) -> Path:
    """The interpreter of a peer's environment, whether it is made or not."""
    return FOLDER / name / "bin" / "python"


def make(name: str) -> None:
    """Make the environment of a peer, or bring it to what its requirements say."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / ".gitignore").write_text("*\n")
    if not python(name).exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER / name)], check=True)
    requirements = ["-r", str(HERE / f"{name}.txt")]
    subprocess.run(
        [str(python(name)), "-m", "pip", "install", "--disable-pip-version-check", *requirements], check=True
    )


def ask(name: str, script: str, arguments: Sequence[str]) -> Any:
    """What a script of this folder prints as JSON in the peer's environment; a str that says why if it cannot."""
    if not python(name).exists():
        return f"not installed: python -m benchmarks.peers {name}"
    command = [str(python(name)), str(HERE / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return "failed: " + (done.stderr.strip().splitlines() or ["no message"])[-1]
    return json.loads(done.stdout.splitlines()[-1])
