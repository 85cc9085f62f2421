"""`python -m benchmarks.extraction`: main text against gold pages, beside trafilatura and resiliparse, and speed.

Gold at hand: the shared pack's, pages of it that are marked here, and the own pages of `tests/quality/pages`; `--gold`
adds folders of your own. `--compare` writes a page that shows two extractors' texts side by side.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.extraction import compare, report
from benchmarks.extraction.extractors import NAMES, OURS, run
from benchmarks.extraction.gold import PACK, Page, at_hand, folder, marks, shared


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m benchmarks.extraction", description=__doc__.partition("\n")[0])
    made.add_argument("--pack", type=Path, default=PACK, help="folder of the shared web pages (default: %(default)s)")
    made.add_argument(
        "--gold",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="more gold: a folder with *.jsonl of `html` (path) and `text` or `with` / `without`; may be repeated",
    )
    made.add_argument("--only-gold", action="store_true", help="the --gold folders alone")
    made.add_argument("--extractors", nargs="+", default=NAMES, metavar="NAME", help=f"of: {', '.join(NAMES)}")
    made.add_argument("--rounds", type=int, default=3, help="of timing (default: %(default)s)")
    made.add_argument(
        "--worst", type=int, default=0, metavar="N", help="also the N pages of lowest F1 of each extractor"
    )
    made.add_argument("--compare", type=Path, metavar="OUT.html", help="write 30 pages of the pack side by side")
    made.add_argument("--left", default=OURS, help="extractor on the left of --compare (default: %(default)s)")
    made.add_argument("--right", default="trafilatura", help="on the right (default: %(default)s)")
    return made


def web_pages(pack: Path) -> list[Page]:
    """The open-web pages of the pack that have gold, with our marks where theirs has no text."""
    texts = {page.url: page.text for page in marks(pack)}
    return [replace(page, text=page.text or texts.get(page.url)) for page in shared(pack)]


def main(given: list[str] | None = None) -> None:
    options = parser().parse_args(given)
    try:
        if options.compare:
            pages = web_pages(options.pack)
            options.compare.write_text(compare.page(pages, run(pages, [options.left, options.right])), "utf-8")
            print(f"{len(pages)} pages side by side: {options.compare}")
            return
        pages = [] if options.only_gold else at_hand(options.pack)
        for path in options.gold:
            pages += folder(path, str(path))
        runs = run(pages, options.extractors, options.rounds)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"benchmarks.extraction: {error}")
    scored = report.scored(pages, runs)
    found = report.differences(pages, scored)
    lines = [line for gold in report.golds(pages) for line in report.quality(pages, scored, gold)]
    lines += [*report.by_kind(pages, scored), *(report.difference_lines(found) if found else []), *report.speed(runs)]
    for each in scored if options.worst else []:
        lines += report.worst(pages, each, options.worst)
    print("\n".join([*lines, report.verdict(pages, found, runs)]))


if __name__ == "__main__":
    main()
