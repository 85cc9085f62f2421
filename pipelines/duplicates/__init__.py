"""Duplicates: scope, exact copies, signatures, rounds, groups, and finished builds as a reference."""
