"""Options that only shape `train/`: the length of records, and the files for Megatron-LM."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from massivetext import build, verify
from pipelines.packing import records

GOPHER = ["--mixture", "gopher", "--workers", "1", "--vocabulary", "1024"]


def test_records_of_another_length_and_the_files_for_megatron(sample: Path, built: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(built, tmp_path / "out"))
    encoded = {path.name: path.stat().st_mtime_ns for path in (out / "tokens" / "encoded").iterdir()}
    build.run([*GOPHER, "--input", str(sample), "--output", str(out), "--sequence-length", "512", "--megatron"])
    manifest, problems = verify.verify(str(out / "train"), deep=True)
    assert problems == []
    assert (manifest["sequence_length"], manifest["mixture"]["sequence_length"]) == (512, 512)
    before = records.unseal((built / "train" / "manifest.json").read_bytes())
    assert manifest["tokens"] == before["tokens"]
    assert manifest["records"] > before["records"]
    after = {path.name: path.stat().st_mtime_ns for path in (out / "tokens" / "encoded").iterdir()}
    assert after == encoded, "another length of records needs no new tokens"
    for entry in verify.shards(manifest):
        ids = np.fromfile(out / "megatron" / entry["path"].replace(".array_record", ".bin"), "<u2")
        assert len(ids) == entry["tokens"] + entry["separators"]
        assert int((ids == manifest["eos"]).sum()) == entry["documents"]
