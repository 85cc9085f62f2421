"""CPU seconds a round that datasketch's update_batch and rensa's RMinHash take for the shingles of a JSON file."""

import json
import sys
import time
from pathlib import Path

import rensa
from datasketch import MinHash

documents = json.loads(Path(sys.argv[1]).read_text("utf-8"))
permutations, rounds = int(sys.argv[2]), int(sys.argv[3])
encoded = [[shingle.encode() for shingle in shingles] for shingles in documents]


def by_datasketch():
    for shingles in encoded:
        MinHash(num_perm=permutations, seed=1).update_batch(shingles)


def by_rensa():
    for shingles in documents:
        signature = rensa.RMinHash(num_perm=permutations, seed=1)
        signature.update(shingles)
        signature.digest()


seconds = []
for work in (by_datasketch, by_rensa):
    work()
    taken = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    seconds.append(taken)
print(json.dumps(seconds))
