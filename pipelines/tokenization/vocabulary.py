"""Trains the tokenizer: byte-pair encoding with byte fallback, in a child process whose memory goes with it.

Choices that the papers leave open: digits stand alone, newline and tab are pieces of their own (so no piece
crosses a line end), runs of blanks may be pieces, no blank is added before a text, nothing is squeezed. The
model's bytes hang on the sample and the settings alone: one thread, documents in order of public id, no path
and no clock inside.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import sentencepiece

from pipelines import documents, files
from pipelines.files import Written

# A trainer's word must stay below 65,536 characters; a line without a blank is one word.
LONGEST = 1024
# U+2581 and U+2585 have a meaning of their own inside the trainer, and NUL ends a word.
BREAKS = re.compile("[\n\0\u2581\u2585]")
POSSIBLE = re.compile(r"set it to a value <= (\d+)")
NEEDED = re.compile(r"smaller than required_chars\. \d+ vs (\d+)")


def train(sample_files: list[str], path: str, vocabulary: int, character_coverage: float = 0.9995) -> Written:
    """Train on samples (Parquet with `id` and `text`, already normalised) and write the model to `path`.

    Raises ValueError where the sample does not allow the wanted number of pieces.
    """
    job = {"samples": sample_files, "path": path, "vocabulary": vocabulary, "coverage": character_coverage}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    child = subprocess.run(
        [sys.executable, "-m", __name__],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=environment,
    )
    if child.returncode:
        raise RuntimeError(f"tokenizer training ended with status {child.returncode}:\n{child.stderr[-2000:]}")
    answer = json.loads(child.stdout.splitlines()[-1])
    if "refused" in answer:
        raise ValueError(answer["refused"])
    return Written(**answer)


def train_here(sample_files: list[str], vocabulary: int, character_coverage: float) -> bytes:
    """The model's bytes, trained in this process."""
    lines = _pieces_of_lines(sample_files)
    first = next(lines, None)
    if first is None:
        raise ValueError(
            f"there is no text to train on, so 0 pieces are possible, {vocabulary} were wanted: "
            "add text, or name a model instead of --vocabulary"
        )
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=itertools.chain([first], lines),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocabulary,
            character_coverage=character_coverage,
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="identity",
            add_dummy_prefix=False,
            remove_extra_whitespaces=False,
            allow_whitespace_only_pieces=True,
            user_defined_symbols=["\n", "\t"],
            unk_id=0,
            eos_id=1,
            bos_id=-1,
            pad_id=-1,
            unk_piece="<unk>",
            eos_piece="</s>",
            num_threads=1,
            input_sentence_size=0,
            shuffle_input_sentence=False,
            max_sentence_length=8 * LONGEST,
            minloglevel=2,
        )
    except RuntimeError as error:
        refusal = _refusal(str(error), vocabulary)
        if refusal is None:
            raise
        raise refusal from error
    return model.getvalue()


def _refusal(message: str, vocabulary: int) -> ValueError | None:
    if found := POSSIBLE.search(message):
        return ValueError(
            f"the text allows {found[1]} pieces, {vocabulary} were wanted: lower --vocabulary, or add text"
        )
    if found := NEEDED.search(message):
        return ValueError(f"the characters alone need {found[1]} pieces, {vocabulary} were wanted: raise --vocabulary")
    return None


def _pieces_of_lines(sample_files: list[str]) -> Iterator[str]:
    texts: list[tuple[bytes, str]] = []
    for sample in sample_files:
        for batch in documents.read_batches(sample, ["id", "text"]):
            texts.extend(zip(batch.column("id").to_pylist(), batch.column("text").to_pylist(), strict=True))
    for _, text in sorted(texts):
        for line in BREAKS.split(text):
            for start in range(0, len(line), LONGEST):
                yield line[start : start + LONGEST]


def _main() -> None:
    job = json.load(sys.stdin)
    try:
        model = train_here(job["samples"], job["vocabulary"], job["coverage"])
    except ValueError as refused:
        print(json.dumps({"refused": str(refused)}))
    else:
        written = files.write_bytes(job["path"], model)
        print(json.dumps({"name": written.name, "bytes": written.bytes, "sha256": written.sha256}))
    sys.stdout.flush()
    # Threads of the libraries are left running, and now and then one aborts a process that ends in the usual way.
    os._exit(0)


if __name__ == "__main__":
    _main()
