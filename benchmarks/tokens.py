"""`python -m benchmarks.tokens`: text to token ids, per core, beside SentencePiece's own batch encoding.

Both get the same texts and the same model in the same process, and their ids are compared. "First met": an encoder
that has seen no word before, as in the first shard of a process; "met before": the same texts once more.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import sentencepiece

from benchmarks import web
from pipelines.tokenization import words
from pipelines.tokenization.tokenizer import Encoder


def main() -> None:
    given = web.parser(__doc__ or "").parse_args()
    texts = web.read_texts(given.texts)
    model = web.model_for(texts, given.model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    words.warm_up()
    encoders = [Encoder(model) for _ in range(web.ROUNDS)]
    column, fresh = pa.array(texts, pa.large_string()), iter(encoders)
    own, first, again = web.cpu_seconds(
        [
            lambda: processor.encode(texts, return_type="numpy", num_threads=1),
            lambda: next(fresh).encode_column(column),
            lambda: encoders[0].encode_column(column),
        ]
    )
    ids, bounds = encoders[0].encode_column(column)
    for row, wanted in enumerate(processor.encode(texts, return_type="numpy", num_threads=1)):
        assert np.array_equal(ids[bounds[row] : bounds[row + 1]], wanted), f"text {row} has other ids"
    size = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{len(texts)} texts, {size:.1f} MB, {len(ids) / 1e6:.2f} Mtok, {encoders[0].vocabulary} pieces; same ids")
    for name, seconds in (
        ("sentencepiece, batch", own),
        ("massivetext, words first met", first),
        ("massivetext, words met before", again),
    ):
        rates = f"{size / seconds:8.1f} MB/s {len(ids) / seconds / 1e6:8.2f} Mtok/s"
        print(f"{name:30} {rates} {own / seconds:6.1f}x")


if __name__ == "__main__":
    main()
