"""Poison records: one that crashes or hangs a process costs itself alone, and is counted."""
