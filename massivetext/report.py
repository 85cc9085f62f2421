"""report.json: what the build is, to the record. run.json: the clock, the machine and the memory of one run of it."""

from __future__ import annotations

import hashlib
import json
import platform
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import massivetext
from massivetext.account import Account
from massivetext.evidence import Evidence
from massivetext.folders import Folders
from massivetext.mixture import Mixture
from massivetext.progress import Progress, peak_bytes
from pipelines import files, identity
from pipelines.packing.quotas import Plan

if TYPE_CHECKING:
    from pipelines.engine import Engine

FORMAT = 1
AFTER_RULES = ("exact_duplicate", "near_duplicate", "test_set", "test_set_title", "cut_away")


def rule_order(mixture: Mixture) -> list[str]:
    """Rule names in the order in which they judge."""
    names = dict.fromkeys(rule.name for subset in mixture.subsets for rule in subset.rules)
    return [*names, *AFTER_RULES]


def about(mixture: Mixture) -> dict[str, Any]:
    """What the manifest says of the software and the mixture: no path, no commit, no date."""
    stages = (
        "pipelines.curate",
        "pipelines.decide",
        "pipelines.deduplicate",
        "pipelines.exclude",
        "pipelines.cut",
        "pipelines.pack",
    )
    return {
        "package": {"version": massivetext.__version__, "source_digest": source_digest()},
        "python": identity.python_version(),
        "libraries": identity.libraries_of(*stages),
        "mixture": mixture.resolved(),
    }


def source_digest() -> str:
    """Hex sha256 over every source file of the three packages."""
    digest = hashlib.sha256()
    for package in identity.PROJECT:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def final_documents(plan: Plan) -> dict[str, int]:
    """Documents after the cut per subset, as `mix` counted them."""
    return {part.name: part.available.documents + part.available.valid_documents for part in plan.subsets}


def sampled(plan: Plan | None) -> dict[str, dict[str, float]] | None:
    """Per subset the figures of the closing table, once the mixture is settled."""
    if plan is None:
        return None
    total = sum(part.reached for part in plan.subsets)
    return {
        part.name: {
            "available_tokens": part.available.tokens,
            "tokens": part.reached,
            "epochs": part.epochs,
            "wanted_share": part.weight,
            "reached_share": part.reached / total if total else 0.0,
        }
        for part in plan.subsets
    }


def write(
    folders: Folders,
    mixture: Mixture,
    accounts: Mapping[str, Account],
    plan: Plan | None,
    manifest: Mapping[str, Any] | None,
    notes: Sequence[str],
    evidence: Evidence | None = None,
) -> None:
    """report.json: equal for equal builds, so nothing of the clock or the machine is in it."""
    found = {
        "format": FORMAT,
        "mixture": mixture.name,
        "subsets": {name: asdict(made) for name, made in accounts.items()},
        "sampling": sampled(plan),
        "records": None if manifest is None else manifest["records"],
        "duplicates": None if evidence is None else evidence.as_json(),
        "notes": list(notes),
    }
    files.write_bytes(folders.file("report.json"), json.dumps(found, indent=1).encode())


def write_run(folders: Folders, engine: Engine, progress: Progress) -> None:
    found = {
        "format": FORMAT,
        "ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "runner": engine.runner,
        "workers": engine.workers,
        "exchange": engine.exchange,
        "peak_bytes": peak_bytes(),
        "stages": progress.as_json(),
    }
    files.write_bytes(folders.file("run.json"), json.dumps(found, indent=1).encode())
