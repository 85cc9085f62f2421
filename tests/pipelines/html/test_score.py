"""Which blocks are the text, and the text of them, is the same from the compiled kernels and from plain Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from pipelines.html.page import parse
from pipelines.html.render import render
from pipelines.html.score import choose

ROOT = Path(__file__).resolve().parents[3]
PLAIN = """
import json, sys
import numpy as np
from pipelines.html.render import render
from pipelines.html.score import choose
np.seterr(over="ignore")
for name in sys.argv[1:]:
    with np.load(name) as page:
        nodes, blocks, text = page["nodes"], page["blocks"], page["text"]
    keep = choose(nodes, blocks, text)
    print(json.dumps([keep.tolist(), bytes(render(nodes, blocks, text, keep)).decode()]))
"""


def test_scores_and_text_are_the_same_compiled_and_plain(tmp_path: Path) -> None:
    names, compiled = [], []
    for page in sorted((ROOT / "tests" / "quality" / "pages").glob("*.html")):
        _, nodes, blocks, text = parse(np.frombuffer(page.read_bytes(), np.uint8))
        keep = choose(nodes, blocks, text)
        compiled.append([keep.tolist(), bytes(render(nodes, blocks, text, keep)).decode()])
        names.append(str(tmp_path / f"{page.stem}.npz"))
        np.savez(names[-1], nodes=nodes, blocks=blocks, text=text)
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", PLAIN, *names]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == compiled
    assert len(compiled) >= 20
