"""Training of fastText's supervised model by stochastic gradient descent, one text after the other.

Single steps in a given order and fixed-order sums: equal texts, order and settings give equal bytes on every machine.
fastText's own training starts most of its matrix from unset memory when it runs on one thread (0.9.3), and on several
its result depends on which came first.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import numpy as np
from numba import float32, float64, njit

from filters.kernels import fasttext, labels


@njit(nogil=True, cache=True)
def features_of(data, offsets, vocabulary, end_code, features, token, before, starts, rows):
    """Fill in where the features of each text start, int64 [texts + 1], and unless `rows` is empty the features."""
    count = 0
    for t in range(offsets.shape[0] - 1):
        position, seen = offsets[t], 0
        while True:
            start, position = fasttext.next_token(data, position, offsets[t + 1])
            if start < position:
                found, seen = fasttext.token_features(vocabulary, data, start, position, seen, features, token, before)
            else:
                found = fasttext.end_features(vocabulary, end_code, seen, features, before)
            if rows.shape[0]:
                for f in range(found):
                    rows[count + f] = features[f]
            count += found
            if start == position:
                break
        starts[t + 1] = count


@njit(nogil=True, cache=True)
def descend(starts, features, wanted, order, rate, rows, columns):
    """Train `rows`, float32 [rows, dimension], and `columns`, float64 [dimension, labels], on the texts in this order.

    `wanted` is the label of each text, `order` the texts of all epochs one after the other; the rate falls to 0.
    """
    dimension, count = columns.shape
    hidden, gradient = np.empty(dimension), np.empty(dimension)
    scores, values = np.empty(count), np.empty(count)
    for step in range(order.shape[0]):
        text = order[step]
        size = starts[text + 1] - starts[text]
        if size == 0:
            continue
        hidden[:] = 0.0
        for f in range(starts[text], starts[text + 1]):
            row = features[f]
            for d in range(dimension):
                hidden[d] += float64(rows[row, d])
        hidden /= size
        labels.score(columns, hidden, scores)
        values[:] = scores
        labels.softmax(values)
        now = rate * (1.0 - step / order.shape[0])
        gradient[:] = 0.0
        for label in range(count):
            pull = now * ((1.0 if label == wanted[text] else 0.0) - values[label])
            for d in range(dimension):
                gradient[d] += pull * columns[d, label]
                columns[d, label] += pull * hidden[d]
        for f in range(starts[text], starts[text + 1]):
            row = features[f]
            for d in range(dimension):
                rows[row, d] = float32(float64(rows[row, d]) + gradient[d] / size)
