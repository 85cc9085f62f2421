"""Training folders made by hand to the contract of `train/`: what pack writes, without running a build."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece
from array_record.python.array_record_module import ArrayRecordWriter
from numpy.typing import NDArray

from pipelines.tokenization import tokenizer

EOS = 1
Documents = list[NDArray[np.integer]]
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
    provenance = path.with_suffix(".documents.parquet")
    write_provenance(provenance, documents)
    counts = {"documents": len(documents), "tokens": tokens, "separators": len(documents), "fill": fill}
    return {"path": path.name, "records": len(records), **counts, "provenance": {"path": provenance.name}}


def write_provenance(path: Path, documents: Documents) -> None:
    """A row per document; ids and locators tell shard and number."""
    lengths = np.array([len(document) for document in documents])
    columns = {
        "id": pa.array([number.to_bytes(16, "big") for number in range(len(documents))], pa.binary(16)),
        "locator": pa.array([f"{path.name.split('.')[0]}/{number}.txt" for number in range(len(documents))]),
        "epoch": pa.array(np.zeros(len(documents), np.int32)),
        "first_token": pa.array(np.cumsum(lengths + 1) - lengths - 1),
        "tokens": pa.array(lengths),
    }
    pq.write_table(pa.table(columns), path)


def write_training_folder(
    folder: Path,
    streams: Streams,
    length: int,
    vocabulary: int,
    tokenizer: bytes = b"stands for a SentencePiece model",
    held_out: Streams | None = None,
) -> Path:
    """A finished train/ folder: shards per subset, a tokenizer file, and the manifest last."""
    folder.mkdir(parents=True)
    (folder / "tokenizer.model").write_bytes(tokenizer)

    def write(name: str, shards: list[Documents]) -> list[dict[str, Any]]:
        return [
            write_shard(folder / f"{name}-{i:05}-of-{len(shards):05}.array_record", documents, length)
            for i, documents in enumerate(shards)
        ]

    subsets: dict[str, Any] = {
        name: {
            "weight": 1.0,
            "train": write(name, shards),
            "valid": write(f"{name}-valid", (held_out or {}).get(name, [])),
        }
        for name, shards in streams.items()
    }
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


SENTENCES = (
    "The river ran past the mill, and the miller counted sacks of grain.\n",
    "Nobody asked the naïve café owner why the soup cost 7 € that day.\n",
    "A record holds tokens; a shard holds records — the manifest is written last.\n",
    "She read the letter twice, folded it, and walked to the station.\n",
)


def written_text(seed: int) -> str:
    """A document of a few sentences."""
    draw = np.random.default_rng(seed)
    return "".join(SENTENCES[i] for i in draw.integers(0, len(SENTENCES), draw.integers(1, 9)))


def trained_tokenizer(vocabulary: int, dummy_prefix: bool = False) -> bytes:
    """A SentencePiece model with byte pieces and an end-of-sentence piece, trained on the sentences."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocabulary,
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=dummy_prefix,
        remove_extra_whitespaces=False,
        user_defined_symbols=["\n"],
        unk_id=0,
        eos_id=EOS,
        bos_id=-1,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., bytes]:
    """Trains a SentencePiece model of some vocabulary, with `dummy_prefix` or without."""
    return trained_tokenizer


@pytest.fixture(scope="session")
def held_out_texts() -> list[str]:
    """The held-out documents of `text_folder`."""
    return [written_text(seed) for seed in (1000, 1001, 1002)]


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory, held_out_texts: list[str]) -> Path:
    """Two subsets of text in 400 pieces and records of 32 tokens; three held-out documents, of `books` only."""
    model = trained_tokenizer(400)
    encode = tokenizer.Encoder(model).encode
    streams = {name: [encode([written_text(seed + i) for i in range(9)])] for name, seed in (("books", 0), ("web", 50))}
    held_out = {"books": [encode(held_out_texts[:1]), encode(held_out_texts[1:])]}
    return write_training_folder(tmp_path_factory.mktemp("text") / "train", streams, LENGTH, 400, model, held_out)


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
