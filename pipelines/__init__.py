"""Stages that move documents from raw sources to packed token records, each a Beam pipeline of its own."""

import logging


def _is_news(record: logging.LogRecord) -> bool:
    """Beam warns at every import where its Google extra is not installed, which is no news to anyone."""
    return not record.getMessage().startswith("apitools not found")


logging.getLogger().addFilter(_is_news)
