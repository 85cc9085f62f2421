"""fastText's probabilities in fixed-order arithmetic: the same bits on every machine.

fastText adds float32 in whatever order its compiler chose and asks the machine's library for exp. Here sums are float64
from left to right, exp is made of additions and multiplications, and nothing is contracted or reordered, so that only
the last bits differ from fastText's.
"""

# mypy: disallow-untyped-defs=False

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import float64, njit

from filters.kernels import fasttext

HIERARCHICAL, SOFTMAX = 1, 3
FLOOR = 1e-5  # fastText adds it to a probability before every logarithm, so its products hold it
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
TAYLOR = tuple(1.0 / math.factorial(n) for n in range(14, -1, -1))
POWERS = np.array([2.0**-n for n in range(1012)])


class Network(NamedTuple):
    """The two matrices, and for hierarchical softmax the children of each inner node."""

    rows: np.ndarray  # float32 [rows, dimension]
    columns: np.ndarray  # float64 [dimension, labels], the output matrix
    children: np.ndarray  # int32 [labels - 1, 2]
    loss: int


@njit(nogil=True, cache=True)
def measure(data, offsets, limit, vocabulary, network, end_code, features, token, before, values):
    """Fill in the probability of each label, float64 [texts, labels]; zeros for a text without a token."""
    rows = network.rows
    hidden, scores = np.empty(rows.shape[1]), np.empty(values.shape[1])
    for t in range(offsets.shape[0] - 1):
        end = fasttext.head_end(data, offsets[t], offsets[t + 1], limit)
        position, seen, total, tokens = offsets[t], 0, 0, 0
        hidden[:] = 0.0
        while True:
            start, position = fasttext.next_token(data, position, end)
            if start < position:
                found, seen = fasttext.token_features(vocabulary, data, start, position, seen, features, token, before)
                tokens += 1
            else:
                found = fasttext.end_features(vocabulary, end_code, seen, features, before)
            for f in range(found):
                row = features[f]
                for d in range(hidden.shape[0]):
                    hidden[d] += float64(rows[row, d])
            total += found
            if start == position:
                break
        if tokens and total:
            for d in range(hidden.shape[0]):
                hidden[d] /= total
            probabilities(network, hidden, scores, values[t])


@njit
def probabilities(network, hidden, scores, values):
    """Fill in the probability of each label for a hidden vector; the scores are overwritten."""
    score(network.columns, hidden, scores)
    if network.loss == HIERARCHICAL:
        _down_the_tree(network.children, scores, values)
        return
    values[:] = scores
    if network.loss == SOFTMAX:
        softmax(values)
    for label in range(values.shape[0]):
        share = values[label] if network.loss == SOFTMAX else _coarse_sigmoid(values[label])
        values[label] = min(1.0, share + FLOOR)


@njit
def softmax(values):
    highest, total = values.max(), 0.0
    for label in range(values.shape[0]):
        values[label] = exponential(values[label] - highest)
        total += values[label]
    for label in range(values.shape[0]):
        values[label] /= total


@njit
def _down_the_tree(children, scores, values):
    """Huffman tree: inner node n splits what reaches it; its children stand before it, leaves first."""
    labels = values.shape[0]
    for node in range(labels - 1):
        scores[node] = sigmoid(scores[node])
    reached = np.ones(labels)
    values[0] = 1.0
    for node in range(labels - 2, -1, -1):
        for side in range(2):
            share = reached[node] * ((scores[node] if side else 1.0 - scores[node]) + FLOOR)
            child = children[node, side]
            if child < labels:
                values[child] = min(1.0, share)
            else:
                reached[child - labels] = share


@njit
def score(columns, hidden, scores):
    """Fill in the product of each output with the hidden vector, each summed from the first dimension to the last."""
    scores[:] = 0.0
    for d in range(hidden.shape[0]):
        for label in range(scores.shape[0]):
            scores[label] += columns[d, label] * hidden[d]


@njit
def sigmoid(x):
    small = exponential(-abs(x))
    return 1.0 / (1.0 + small) if x >= 0 else small / (1.0 + small)


@njit
def _coarse_sigmoid(x):
    """fastText's table for one-versus-all: 512 steps from -8 to 8."""
    if x < -8.0 or x > 8.0:
        return 0.0 if x < 0 else 1.0
    return sigmoid(math.floor((x + 8.0) * 32.0) / 32.0 - 8.0)


@njit
def exponential(x):
    """e**x for x of at most 0, of additions and multiplications alone: a Taylor sum where |x| is at most ln(2) / 2."""
    if x < -700.0:
        return 0.0
    power = math.floor(x * 1.4426950408889634 + 0.5)
    rest = (x - power * LN2_HIGH) - power * LN2_LOW
    total = TAYLOR[0]
    for factor in TAYLOR[1:]:
        total = total * rest + factor
    return total * POWERS[int(-power)]
