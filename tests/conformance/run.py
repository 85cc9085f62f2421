"""`python -m tests.conformance.run`: one corpus on every engine, one table, all sums equal or exit status 1.

Each engine's row is written when its build ends. Run again, engines whose row stands for the same source code and
corpus are not built again; those that were skipped are tried again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from massivetext import samples
from massivetext.report import source_digest
from tests.conformance.clusters import ROOT
from tests.conformance.downloads import Unavailable
from tests.conformance.engines import ENGINES, Engine, Ready
from tests.conformance.processes import Meter, service

RESULTS = "results.jsonl"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.run", description=__doc__)
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "conformance", help="where builds and rows go")
    parser.add_argument("--corpus", type=Path, help="an input folder (default: the sample corpus)")
    parser.add_argument("--edition", default="demo", choices=samples.EDITIONS, help="of the sample corpus")
    parser.add_argument("--vocabulary", type=int, default=4096, metavar="N")
    parser.add_argument("--timeout", type=float, default=1500, metavar="SECONDS", help="for one build")
    parser.add_argument("--again", action="store_true", help="build also what has a row")
    parser.add_argument("--table", action="store_true", help="only print the table of the rows that stand")
    parser.add_argument("engines", nargs="*", help=f"default: {' '.join(engine.name for engine in ENGINES)}")
    arguments = parser.parse_args(argv)
    chosen = [engine for engine in ENGINES if not arguments.engines or engine.name in arguments.engines]
    unknown = set(arguments.engines) - {engine.name for engine in ENGINES}
    if unknown:
        parser.error(f"no engine {', '.join(sorted(unknown))}")
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    source = source_digest()
    corpus = arguments.corpus.resolve() if arguments.corpus else sample(work, arguments.edition)
    of = {"source": source, "corpus": str(arguments.corpus or arguments.edition), "vocabulary": arguments.vocabulary}
    if not arguments.table:
        for engine in chosen:
            if arguments.again or not done(rows(work, of).get(engine.name)):
                row = run(engine, corpus, work, arguments)
                if source_digest() != source:  # it is part of train/: other sums would say nothing of the engines
                    sys.exit(f"the source code changed while {engine.name} was built; run the same command again")
                with (work / RESULTS).open("a") as file:
                    file.write(json.dumps({**of, **row}) + "\n")
                print(line(row), flush=True)
    found = [row for name, row in sorted(rows(work, of).items(), key=order) if name]
    print("\n" + table(found))
    sys.exit(verdict(found))


def sample(work: Path, edition: str) -> Path:
    folder = work / f"sample-{edition}"
    if not (folder / "answers.jsonl").exists():
        shutil.rmtree(folder, ignore_errors=True)
        samples.make(folder, edition)
    return folder


def order(item: tuple[str, Any]) -> int:
    return [engine.name for engine in ENGINES].index(item[0])


def rows(work: Path, of: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The last row of each engine for this source code and corpus."""
    path = work / RESULTS
    written = [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []
    return {row["engine"]: row for row in written if all(row[key] == value for key, value in of.items())}


def done(row: Mapping[str, Any] | None) -> bool:
    return row is not None and "sha256" in row


def run(engine: Engine, corpus: Path, work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The row of an engine: what its build cost and gave, or why there is none."""
    folder = work / engine.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    row: dict[str, Any] = {"engine": engine.name, "date": datetime.now(UTC).strftime("%Y-%m-%d")}
    try:
        with engine.start(folder) as ready:
            return {**row, **build(ready, corpus, folder, arguments.vocabulary, arguments.timeout)}
    except Unavailable as reason:
        return {**row, "skipped": str(reason)}
    except RuntimeError as error:
        return {**row, "failed": str(error)}


def command(ready: Ready, corpus: Path, out: Path, vocabulary: int) -> list[str]:
    options = ["--mixture", "gopher", "--input", str(corpus), "--output", str(out), "--vocabulary", str(vocabulary)]
    return [sys.executable, "-m", "massivetext.build", *options, *ready.options]


def environment(ready: Ready) -> dict[str, str]:
    """The build's: this source code, and `python` from this environment, which Beam starts workers by."""
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": paths, "PYTHONPATH": str(ROOT), **ready.env}


def build(ready: Ready, corpus: Path, folder: Path, vocabulary: int, timeout: float) -> dict[str, Any]:
    """Wall and processor seconds, peak memory and the sum of a build. Raises RuntimeError if it fails."""
    started = time.monotonic()
    with service(
        command(ready, corpus, folder / "out", vocabulary), folder / "build.log", environment(ready)
    ) as driver:
        with Meter([driver.pid, *ready.processes]) as meter:
            try:
                status = driver.wait(timeout)
            except subprocess.TimeoutExpired:
                raise RuntimeError(f"not done in {timeout:.0f} s; see {folder / 'build.log'}") from None
        wall = time.monotonic() - started
    if status:
        raise RuntimeError(f"exit status {status}; see {folder / 'build.log'}")
    return {
        "version": ready.version,
        "wall": round(wall, 1),
        "cpu": round(meter.cpu, 1),
        "memory": meter.peak,
        "sha256": sum_of(folder / "out" / "train"),
    }


def sum_of(train: Path) -> str:
    """One sha256 over the names and sha256 of all files, as `sha256sum * | sha256sum` prints it."""
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in sorted(train.iterdir())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def line(row: Mapping[str, Any]) -> str:
    name = row["engine"]
    for outcome in ("skipped", "failed"):
        if outcome in row:
            return f"| {name} | {outcome}: {row[outcome]} | | | | |"
    figures = f"{row['wall']:.0f} s | {row['cpu']:.0f} s | {row['memory'] / 1e9:.2f} GB | `{row['sha256'][:16]}`"
    return f"| {name} | {row['version']} | {figures} |"


def table(found: Sequence[Mapping[str, Any]]) -> str:
    head = "| engine | version | wall | CPU | peak memory | sha256 of `train/` |\n|---|---|---|---|---|---|"
    return "\n".join([head, *map(line, found)])


def verdict(found: Sequence[Mapping[str, Any]]) -> int:
    """0 if every engine that could be had gave the same sum."""
    sums = {row["sha256"] for row in found if done(row)}
    failed = [row["engine"] for row in found if "failed" in row]
    skipped = sum("skipped" in row for row in found)
    print(f"\n{len(found) - len(failed) - skipped} built, {skipped} skipped, {len(failed)} failed, {len(sums)} sums")
    return 0 if len(sums) == 1 and not failed else 1


if __name__ == "__main__":
    main()
