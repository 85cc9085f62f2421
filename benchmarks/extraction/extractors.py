"""Every extractor on the same pages in one run: the texts, and CPU seconds.

`trafilatura` is the call that a build makes; its other modes are its own options, called as its documentation says.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import MappingProxyType

from trafilatura import extract as trafilatura_extract

from benchmarks import peers
from benchmarks.extraction.gold import Page
from pipelines.extract import EXTRACTORS, extract

OURS = "gopher"
TRAFILATURA: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {
        "trafilatura": {},
        "trafilatura fast": {"fast": True},
        "trafilatura precision": {"favor_precision": True},
        "trafilatura recall": {"favor_recall": True},
    }
)
PEER = "resiliparse"
NAMES = (OURS, *TRAFILATURA, PEER)


@dataclass
class Run:
    """What one extractor made of the pages: their texts, CPU seconds of all in each round, why there is nothing."""

    name: str
    texts: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    missing: str = ""

    def milliseconds(self) -> float:
        """CPU milliseconds a page, the median of the rounds."""
        return 1000 * median(self.seconds) / max(1, len(self.texts))


def run(pages: Sequence[Page], names: Sequence[str] = NAMES, rounds: int = 1) -> list[Run]:
    """Each extractor's texts of the pages. The rounds go over all extractors in turn, so that a busy machine hits all.

    Raises:
        ValueError: there is no extractor of such a name.
    """
    if unknown := [name for name in names if name not in NAMES]:
        raise ValueError(f"no extractor {unknown[0]!r}; there are {', '.join(NAMES)}")
    runs = [Run(name) for name in names]
    inside = [each for each in runs if each.name != PEER]
    for each in inside:
        if each.name == OURS and OURS not in EXTRACTORS:
            each.missing = "not among pipelines.extract.EXTRACTORS"
        else:
            _texts(_work(each.name), pages[:1])  # compiles, loads
    for _ in range(rounds):
        for each in (each for each in inside if not each.missing):
            started = time.process_time()
            texts = _texts(_work(each.name), pages)
            each.seconds.append(time.process_time() - started)
            each.texts = each.texts or texts
    for each in runs:
        if each.name == PEER:
            _ask(each, pages)
    return runs


def _texts(work: Callable[[Page], str], pages: Sequence[Page]) -> list[str]:
    return [work(page) for page in pages]


def _work(name: str) -> Callable[[Page], str]:
    options = TRAFILATURA.get(name)
    if not options:
        return lambda page: extract(page.html, page.encoding, page.url, name)[0]
    return lambda page: (
        trafilatura_extract(
            page.source(), url=page.url, include_comments=False, include_tables=True, deduplicate=False, **options
        )
        or ""
    )


def _ask(peer: Run, pages: Sequence[Page]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "pages.json"
        file.write_text(json.dumps([page.source() for page in pages]), "utf-8")
        answer = peers.ask(PEER, "main_text_resiliparse.py", [str(file)])
    if isinstance(answer, str):
        peer.missing = answer
    else:
        peer.texts, peer.seconds = answer["texts"], [sum(answer["seconds"])]
