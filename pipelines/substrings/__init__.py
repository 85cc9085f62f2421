"""Exact substrings: which windows of tokens repeat, which spans of text go, and what is left."""
