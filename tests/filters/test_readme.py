"""The README's rule tables and its example are those of the code."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import filters
from filters import gopher, language, safety

README = (Path(filters.__file__).parent / "README.md").read_text("utf-8")


def test_every_rule_stands_in_a_table_with_its_bounds():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+?) \|", README, re.MULTILINE))
    rules = gopher.RULES + language.RULES + safety.RULES
    assert rows == {rule.name: rule.bounds for rule in rules}


def test_the_example_prints_what_the_readme_shows():
    example, output = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.DOTALL).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example, {})
    assert printed.getvalue() == output
