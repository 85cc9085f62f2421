"""Whether a page is unsafe: by a classifier of its text, by its host, or not measured at all.

The paper drops pages by Google SafeSearch, which nobody outside Google can run, and rejects lists of
forbidden words because they over-remove what minorities write. So both signals here come from the user: a
fastText model and a list of hosts. Without them the columns are null and nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa

from filters import model as models
from filters.rule import Rule, Verdict
from filters.rule import judge as verdicts
from filters.text import buffers

PAPER = "Rae et al. 2021, content filter (Google SafeSearch, not word lists); here a model and a host list"

RULES = (
    Rule("unsafe_host", high=0.0, unit="1 if the host is listed", source=PAPER),
    Rule("unsafe_probability", high=0.5, unit="probability", source=PAPER),
)
SIGNALS = tuple(rule.signal for rule in RULES)


def measure(
    texts: Sequence[str] | pa.Array | pa.ChunkedArray,
    urls: Sequence[str | None] | pa.Array | pa.ChunkedArray | None = None,
    model: str | Path | None = None,
    hosts: str | Path | None = None,
) -> pa.Table:
    """Columns `unsafe_host` (1.0 or 0.0) and `unsafe_probability` (float64), null where not measured.

    `model` is the path of a supervised fastText model with a label `__label__unsafe`; `hosts` that of a text
    file with one host per line, `#` before a comment. A host is listed if it or a parent domain is; no URL
    means 0.0. Raises ValueError if a file does not fit, or if there are not as many URLs as texts.
    """
    data, offsets = buffers(texts)
    unsafe_host = unsafe_probability = pa.nulls(len(offsets) - 1, pa.float64())
    if hosts is not None:
        listed = load_hosts(hosts)
        unsafe_host = pa.array([float(_is_listed(url, listed)) for url in _urls(urls, len(offsets) - 1)], pa.float64())
    if model is not None:
        unsafe_probability = pa.array(models.probability(model, "unsafe", data, offsets))
    return pa.table({"unsafe_host": unsafe_host, "unsafe_probability": unsafe_probability})


def judge(
    text: str,
    url: str | None = None,
    model: str | Path | None = None,
    hosts: str | Path | None = None,
    rules: Sequence[Rule] = RULES,
) -> list[Verdict]:
    """One verdict per rule on one text and its URL."""
    return verdicts(rules, measure([text], [url], model, hosts).to_pylist()[0])


@cache
def load_hosts(path: str | Path) -> frozenset[str]:
    """The hosts listed in the file `path`; raises ValueError if it is missing or a line is not one host."""
    if not Path(path).is_file():
        raise ValueError(f"there is no host list at {str(path)!r}; give the path of a text file with one host per line")
    found = set()
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        host = line.partition("#")[0].strip()
        if any(character.isspace() or character in "/:*" for character in host):
            raise ValueError(f"{str(path)!r}, line {number}: {host!r} is not one host; write one per line")
        if host:
            found.add(_canonical(host))
    return frozenset(found)


def _urls(urls: Sequence[str | None] | pa.Array | pa.ChunkedArray | None, count: int) -> Sequence[str | None]:
    if urls is None:
        return [None] * count
    listed = urls.to_pylist() if isinstance(urls, pa.Array | pa.ChunkedArray) else urls
    if len(listed) != count:
        raise ValueError(f"{len(listed)} URLs for {count} texts; give one per text, None where there is none")
    return listed


def _is_listed(url: str | None, listed: frozenset[str]) -> bool:
    return any(domain in listed for domain in _domains(url))


def _domains(url: str | None) -> Iterator[str]:
    """The host of a URL and its parent domains, nearest first; none if the URL has no host."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:  # what urlsplit cannot read, such as "http://[", names no host
        return
    domain = _canonical(host or "")
    while domain:
        yield domain
        domain = domain.partition(".")[2]


def _canonical(host: str) -> str:
    """A host in lower case and, where it can be encoded so, in the ASCII form that links carry."""
    name = host.strip(".").lower()
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
