"""The table of a benchmark: a rate, a ratio, and a peer that is not there."""

from __future__ import annotations

from benchmarks import peers
from benchmarks.table import Line, lines


def test_each_line_has_a_name_a_rate_and_our_ratio_to_it():
    ours = Line("ours", 175.2)
    printed = lines(
        [ours, Line("a peer", 0.4), Line("near", 120.0), Line("gone", None, "not installed: make it")], ours
    )
    assert [line.split() for line in printed] == [
        ["ours", "175.20", "MB/s", "1.0x"],
        ["a", "peer", "0.40", "MB/s", "438x"],
        ["near", "120.00", "MB/s", "1.5x"],
        ["gone", "unavailable", "not", "installed:", "make", "it"],
    ]


def test_a_peer_that_is_not_installed_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    assert peers.ask("dolma", "gopher_dolma.py", []) == "not installed: python -m benchmarks.peers dolma"


def test_a_peer_that_fails_says_why(monkeypatch, tmp_path):
    python = tmp_path / "dolma" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'ModuleNotFoundError: No module named dolma' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    assert peers.ask("dolma", "gopher_dolma.py", []) == "failed: ModuleNotFoundError: No module named dolma"
