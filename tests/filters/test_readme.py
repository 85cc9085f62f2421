"""The README's rule tables and its example are those of the code."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pyarrow as pa

import filters
from filters import c4, fineweb, gopher, language, quality_model, safety

README = (Path(filters.__file__).parent / "README.md").read_text("utf-8")


def test_every_rule_stands_in_a_table_with_its_bounds():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+?) \|", README, re.MULTILINE))
    rules = gopher.RULES + language.RULES + safety.RULES + quality_model.RULES + c4.RULES + fineweb.RULES
    assert rows == {rule.name: rule.bounds for rule in rules}


def test_the_example_prints_what_the_readme_shows():
    example, output = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})
    assert printed.getvalue() == output


def test_the_example_of_a_rule_of_ones_own_measures_what_its_rule_names():
    examples = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    module: dict[str, object] = {}
    exec(examples[-1], module)
    (rule,) = module["RULES"]
    assert module["measure"](pa.array(["Stop! Now!", ""])).column(rule.signal).to_pylist() == [2, 0]
