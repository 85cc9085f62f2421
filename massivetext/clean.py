"""`python -m massivetext.clean OUT`: remove what no build needs any more, and say how much that frees."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Mapping, Sequence

from massivetext import lock
from massivetext.disk import gigabytes
from massivetext.errors import BuildError
from massivetext.folders import Folders
from massivetext.retention import KEEP, READS, Retention, frees, stays
from pipelines import files, stage
from pipelines.stores import use_options

USAGE = """examples:
  python -m massivetext.clean out/gopher --dry-run        what would go: left-overs of killed builds
  python -m massivetext.clean out/gopher --keep none      all but train/, text/ and the reports of a finished build

exit status: 0 done, 1 the folder is in use or not finished, 2 there is no build"""


def leftovers(out: str) -> dict[str, int]:
    """Bytes of what killed builds left, by path: temporary files, spilt rows, files that no finished stage names."""
    folders = Folders(out)
    found = {} if files.is_remote(out) else _temporaries(out)
    spill = files.join(folders.stage("spill"), "**")
    found |= {listed.path: listed.bytes for listed in files.listing(spill)}
    for manifest in files.listing(files.join(out, "**", stage.MANIFEST)):
        folder = manifest.path[: -len(stage.MANIFEST) - 1]
        found |= _strays(folder)
    return dict(sorted(found.items()))


def _temporaries(out: str) -> dict[str, int]:
    paths = glob.glob(os.path.join(glob.escape(out), "**", f"*{files.TEMPORARY}*"), recursive=True)
    return {path: os.path.getsize(path) for path in paths if os.path.isfile(path)}


def _strays(folder: str) -> dict[str, int]:
    """Files in a finished stage's folder that its manifest does not name."""
    manifest = stage.read_manifest(folder)
    known = {stage.MANIFEST}
    for shard, mark in manifest["shards"].items():
        known |= {f"{int(shard):05d}.json", *(file["name"] for file in mark["files"])}
    return {files.join(folder, name): size for name, size in files.sizes(folder).items() if name not in known}


def freed_by(out: str, keep: str) -> dict[str, int]:
    """Bytes of the stage folders that `keep` frees, by folder."""
    folders = Folders(out)
    found = {}
    for place in frees(keep):
        listed = files.listing(files.join(folders.file(place), "**"))
        stay = {stage.MANIFEST, *stays(folders.file(place), keep)}
        size = sum(file.bytes for file in listed if files.name(file.path) not in stay)
        if size:
            found[place] = size
    return found


def clean(out: str, keep: str, keep_dropped: str, dry_run: bool) -> dict[str, int]:
    """Bytes by what was removed, or would be. Raises HeldError while a driver has the folder."""
    found = leftovers(out)
    retention = Retention(Folders(out))
    if keep != "all" or keep_dropped == "none":
        retention.check_finished()
    if dry_run:
        return found | freed_by(out, keep)
    with lock.hold(out):
        files.remove_files(found)
        if keep_dropped == "none" and "documents" not in frees(keep):
            from pipelines.engine import Engine, available_workers  # here, since only this runs a stage

            found["documents (texts of dropped documents)"] = retention.apply_to_dropped(
                Engine(workers=available_workers())
            )
        return found | retention.apply(keep) if keep != "all" else found


def _print(found: Mapping[str, int], dry_run: bool) -> None:
    for name, size in found.items():
        print(f"{gigabytes(size):>12}  {name}")
    print(f"{gigabytes(sum(found.values())):>12}  {'would be freed' if dry_run else 'freed'}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m massivetext.clean",
        description="Remove what killed builds left, or the stages of a finished one.",
        epilog=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("out", metavar="OUT", help="a build's folder")
    made.add_argument("--keep", choices=KEEP, default="all", help="of the stages of a finished build (default: all)")
    made.add_argument(
        "--keep-dropped",
        choices=("all", "none"),
        default="all",
        help="none: free the texts of dropped documents (default: all)",
    )
    made.add_argument("--dry-run", action="store_true", help="only say what would go")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    made = parser()
    given, unknown = made.parse_known_args(arguments)
    if not files.is_remote(given.out) and unknown:
        made.error(f"unknown option {unknown[0]}; options of an object store go with a path in one")
    if files.is_remote(given.out):
        use_options(unknown)
    out = given.out.rstrip("/")
    if not any(files.exists(files.join(out, place)) for place in ("stages", *READS)):
        print(f"{out}: there is no build here; give its OUT", file=sys.stderr)
        return 2
    try:
        _print(clean(out, given.keep, given.keep_dropped, given.dry_run), given.dry_run)
    except (BuildError, lock.HeldError, files.StoreError) as error:
        print(f"massivetext.clean: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
