"""Records: quotas per subset, tokens scattered to output shards, ArrayRecord files, Megatron files."""
