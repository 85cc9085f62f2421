"""`python -m benchmarks.peers [NAME ...]`: make the environments of the peers (all by default) under .peers/."""

import sys

from benchmarks import peers

if __name__ == "__main__":
    for name in sys.argv[1:] or peers.names():
        if name not in peers.names():
            sys.exit(f"benchmarks.peers: no peer {name!r}; there are {', '.join(peers.names())}")
        peers.make(name)
