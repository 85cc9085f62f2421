"""Benchmarks: one command per table, each against the peers in environments of their own; see README.md."""
