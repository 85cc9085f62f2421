"""Training folders made by hand to the contract of `train/`: what pack writes, without running a build."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_record.python.array_record_module import ArrayRecordWriter
from numpy.typing import NDArray

EOS = 1
Documents = list[NDArray[np.int64]]
Streams = dict[str, list[Documents]]


def write_shard(path: Path, documents: Documents, length: int) -> dict[str, Any]:
    """One stream: documents, an eos after each, the last record filled with eos."""
    stream = np.concatenate([np.append(document, EOS) for document in documents])
    fill = -len(stream) % length
    records = np.append(stream, np.full(fill, EOS)).astype("<u2").reshape(-1, length)
    writer = ArrayRecordWriter(str(path), "group_size:1,zstd:3,max_parallelism:1")
    for record in records:
        writer.write(record.tobytes())
    writer.close()
    tokens = sum(len(document) for document in documents)
    counts = {"documents": len(documents), "tokens": tokens, "separators": len(documents), "fill": fill}
    return {"path": path.name, "records": len(records), **counts}


def write_training_folder(folder: Path, streams: Streams, length: int, vocabulary: int) -> Path:
    """A finished train/ folder: shards per subset, a tokenizer file, and the manifest last."""
    folder.mkdir(parents=True)
    (folder / "tokenizer.model").write_bytes(b"stands for a SentencePiece model")
    subsets: dict[str, Any] = {}
    for name, shards in streams.items():
        written = [
            write_shard(folder / f"{name}-{i:05}-of-{len(shards):05}.array_record", documents, length)
            for i, documents in enumerate(shards)
        ]
        subsets[name] = {"weight": 1.0, "train": written, "valid": []}
    manifest = {
        "format": 1,
        "sequence_length": length,
        "dtype": "uint16",
        "eos": EOS,
        "vocabulary": vocabulary,
        "tokenizer": {
            "file": "tokenizer.model",
            "sha256": hashlib.sha256((folder / "tokenizer.model").read_bytes()).hexdigest(),
        },
        "records": sum(shard["records"] for subset in subsets.values() for shard in subset["train"]),
        "subsets": subsets,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def markov_documents(seed: int, documents: int, vocabulary: int) -> Documents:
    """Documents in which each token is followed by one of four: predictable from context, not from frequency."""
    draw = np.random.default_rng(seed)
    followers = np.random.default_rng(0).integers(2, vocabulary, (vocabulary, 4))
    made = []
    for _ in range(documents):
        token, document = int(draw.integers(2, vocabulary)), []
        for _ in range(int(draw.integers(20, 200))):
            document.append(token)
            token = int(followers[token, draw.integers(4)])
        made.append(np.array(document))
    return made


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps what XLA compiles for the session, also for processes that tests start: most of it is the same."""
    folder = str(tmp_path_factory.mktemp("compiled"))
    settings = {
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name.upper(), str(value))
            if importlib.util.find_spec("jax"):
                import jax

                jax.config.update(name, value)
        yield


VOCABULARY = 64
LENGTH = 32


@pytest.fixture(scope="session")
def training_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two subsets of three and one shards, records of 32 tokens, 64 token types."""
    streams = {
        "books": [markov_documents(10 + i, 8, VOCABULARY) for i in range(3)],
        "wikipedia": [markov_documents(20, 5, VOCABULARY)],
    }
    return write_training_folder(tmp_path_factory.mktemp("build") / "train", streams, LENGTH, VOCABULARY)


@pytest.fixture
def edited_manifest(training_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder like `training_folder` whose manifest has other top-level values."""

    def make(**changes: object) -> Path:
        folder = tmp_path / "train"
        folder.mkdir()
        for path in training_folder.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        manifest = json.loads((folder / "manifest.json").read_text()) | changes
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make
