"""Compiled loops of the stages (Numba): arrays in, arrays out, no files and no Beam."""
