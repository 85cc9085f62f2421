"""Stages that move documents from raw sources to packed token records, each a Beam pipeline of its own."""
