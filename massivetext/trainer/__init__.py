"""The Gopher family in JAX: models as data, the shards of `train/` through Grain, exact resume.

`config`, `manifest` and `schedule` need no JAX; every other module here does, and nothing outside this folder may.
"""
