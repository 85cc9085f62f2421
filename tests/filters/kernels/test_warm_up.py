"""`python -m filters.kernels` compiles every kernel."""

from __future__ import annotations

import subprocess
import sys

from filters import kernels


def test_the_command_names_what_it_compiled():
    done = subprocess.run([sys.executable, "-m", "filters.kernels"], capture_output=True, text=True, check=True)
    assert done.stdout == "compiled and cached: gopher\n"


def test_after_warming_up_no_text_needs_another_compilation():
    from filters import gopher
    from filters.kernels.gopher import _measure

    kernels.warm_up()
    assert len(_measure.signatures) == 1
    gopher.measure(["some text\n\nof two paragraphs", "日本語 " * 9], copies="all")
    assert len(_measure.signatures) == 1
