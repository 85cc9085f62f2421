"""`python -m massivetext.samples DIR`: write the sample corpus into a new folder."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

from massivetext.samples.corpus import EDITIONS, make


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m massivetext.samples", description="Write the sample corpus.")
    parser.add_argument("folder", type=Path, help="a new or empty folder")
    parser.add_argument("--edition", choices=sorted(EDITIONS), default="demo")
    parser.add_argument("--seed", type=int, default=0, help="another number gives other texts")
    parser.add_argument("--scale", type=int, default=1, help="times the ordinary documents")
    given = parser.parse_args(arguments)
    try:
        folder = make(given.folder, given.edition, given.seed, given.scale)
    except ValueError as error:
        parser.error(str(error))
    answers = [json.loads(line) for line in (folder / "answers.jsonl").open(encoding="utf-8")]
    outcomes = Counter(answer.get("outcome", "passages") for answer in answers)
    print(f"{folder}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))


if __name__ == "__main__":
    main()
