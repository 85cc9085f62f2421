"""Two extractors' texts of the same pages side by side, as one HTML file that needs nothing else.

Lines are set side by side by their words; a line is marked if the other text does not hold its words in a row, so that
a line broken elsewhere or a bullet drawn otherwise is no difference.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.extraction.extractors import Run
from benchmarks.extraction.gold import Page
from benchmarks.extraction.measure import score, words

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --only: #2e9e4a33; --edge: #2e9e4a; --soft: #8882; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1500px; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: 0; display: inline; overflow-wrap: anywhere; }
table { border-collapse: collapse; margin: 1rem 0; width: 100%; } td, th { padding: .15rem .6rem; text-align: left; }
tr + tr { border-top: 1px solid var(--line); } td.number, th.number { text-align: right; white-space: nowrap; }
td.place { overflow-wrap: anywhere; }
details { border-top: 2px solid var(--line); padding: .6rem 0; } summary { cursor: pointer; padding: .3rem 0; }
.row { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1.2rem; }
.row > div { min-width: 0; } .row p { margin: .1rem 0; padding: 0 .4rem; white-space: pre-wrap; }
.row p { overflow-wrap: anywhere; border-left: 3px solid transparent; }
.row p.only { background: var(--only); border-left-color: var(--edge); }
.head { position: sticky; top: 0; background: Canvas; border-bottom: 1px solid var(--line); font-weight: 600; }
.none { opacity: .6; font-style: italic; }
"""


def page(pages: Sequence[Page], runs: Sequence[Run]) -> str:
    """The HTML file.

    Raises:
        ValueError: one of the two did not run.
    """
    left, right = runs
    for each in runs:
        if each.missing:
            raise ValueError(f"{each.name} cannot be shown: {each.missing}")
    names = f"{escape(left.name)} and {escape(right.name)}"
    rows = list(zip(pages, left.texts, right.texts, strict=True))
    body = [
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{names}</title><style>{_STYLE}</style></head>",
        f"<body><h1>Main text of {len(pages)} pages: {names}</h1>",
        "<p>A coloured line is one that the other text does not hold. F1 is against the marked text, if there is one.",
        "<table><tr><th>page<th class=number>words left<th class=number>right<th class=number>F1 left",
        "<th class=number>right<th class=number>both agree</tr>",
    ]
    body += [_entry(number, *row) for number, row in enumerate(rows, 1)]
    body.append("</table>")
    head = f"<div class='row head'><div>{escape(left.name)}</div><div>{escape(right.name)}</div></div>"
    for number, (shown, one, other) in enumerate(rows, 1):
        title = f"{number}. {escape(shown.url or shown.name)}"
        body.append(f"<details open id=p{number}><summary><h2>{title}</h2></summary>")
        body += [head, *_rows(one, other), "</details>"]
    return "\n".join([*body, "</body></html>\n"])


def _entry(number: int, each: Page, left: str, right: str) -> str:
    marks = [f"{score(text, each.text).f1:.3f}" if each.text else "" for text in (left, right)]
    cells = [len(words(left)), len(words(right)), *marks, f"{score(left, right).f1:.3f}"]
    numbers = "".join(f"<td class=number>{cell}" for cell in cells)
    return f"<tr><td class=place><a href='#p{number}'>{number}. {escape(each.url or each.name)}</a>{numbers}</tr>"


def _rows(left: str, right: str) -> Iterator[str]:
    one, other = ([line for line in text.split("\n") if line.strip()] for text in (left, right))
    if not one and not other:
        yield "<p class=none>neither has text</p>"
        return
    keys, other_keys = ([" ".join(words(line)) for line in lines] for lines in (one, other))
    whole = [f" {' '.join(words(text))} " for text in (left, right)]
    for _, start, end, from_, to in difflib.SequenceMatcher(None, keys, other_keys, autojunk=False).get_opcodes():
        yield f"<div class=row>{_cell(one[start:end], whole[1])}{_cell(other[from_:to], whole[0])}</div>"


def _cell(lines: Sequence[str], other: str) -> str:
    shown = (
        f"<p dir=auto{'' if f' {key} ' in other or not key else ' class=only'}>{escape(line)}</p>"
        for line, key in ((line, " ".join(words(line))) for line in lines)
    )
    return f"<div>{''.join(shown)}</div>"
