"""The Gopher family in JAX: models as data, the shards of `train/` through Grain, exact resume.

`config`, `flops`, `manifest`, `options`, `order`, `provenance` and `schedule` need no JAX; nothing outside this folder
imports it.
"""
