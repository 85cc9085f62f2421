"""Floating-point operations of the models, by the published list and as what utilisation is measured against."""

from __future__ import annotations

from massivetext.trainer.config import ModelConfig


def published_forward(config: ModelConfig, tokens: int, embeddings: bool = True) -> int:
    """FLOPs of one forward pass over a sequence, as listed by Chinchilla, appendix F.

    The list has no product for relative positions. Chinchilla's Table A4 comes out without `embeddings`, the
    embedding and logit terms, and not with them.
    """
    attended = config.heads * config.key_size
    layer = (
        2 * 3 * tokens * config.width * attended
        + 2 * tokens * tokens * attended
        + 3 * config.heads * tokens * tokens
        + 2 * tokens * tokens * attended
        + 2 * tokens * attended * config.width
        + 2 * tokens * 2 * config.width * config.feed_forward
    )
    ends = 2 * 2 * tokens * config.vocabulary * config.width if embeddings else 0
    return config.layers * layer + ends


def per_token(config: ModelConfig, causal: bool = True) -> int:
    """FLOPs of training on one token, forward and backward, as useful work and nothing twice.

    Counted are the weights, the logits, and three products of queries: with keys, distances and values; with
    `causal` only the half of them that is not masked. Not counted: the embedding's look-up, the projection of the
    distances, which a batch shares, and what rematerialisation repeats.
    """
    attended = config.heads * config.key_size
    weights = config.layers * (4 * config.width * attended + 2 * config.width * config.feed_forward)
    products = config.layers * 3 * config.context * attended
    forward = 2 * (weights + config.vocabulary * config.width) + (1 if causal else 2) * products
    return 3 * forward
