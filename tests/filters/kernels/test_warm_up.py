"""`python -m filters.kernels` compiles every kernel."""

from __future__ import annotations

import subprocess
import sys


def test_the_command_names_what_it_compiled():
    done = subprocess.run([sys.executable, "-m", "filters.kernels"], capture_output=True, text=True, check=True)
    assert done.stdout == "compiled and cached: gopher, fasttext\n"


# In a process of its own: other tests call the kernel on arrays of other kinds.
COUNT = """
from filters import gopher, kernels
from filters.kernels.gopher import _measure

kernels.warm_up()
print(len(_measure.signatures))
gopher.measure(["some text\\n\\nof two paragraphs", "日本語 " * 9], copies="all")
print(len(_measure.signatures))
"""


def test_after_warming_up_no_text_needs_another_compilation():
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]
