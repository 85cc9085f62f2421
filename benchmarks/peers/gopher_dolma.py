"""CPU seconds that dolma's tagger gopher_v2 takes for the texts of a JSON file; one number a round."""

import json
import sys
import time
from pathlib import Path

from dolma.taggers.gopher import get_attributes

texts = json.loads(Path(sys.argv[1]).read_text("utf-8"))
seconds = []
for _ in range(int(sys.argv[2])):
    started = time.process_time()
    for text in texts:
        get_attributes(text, ignore_empty_lines=True)  # what the tagger gopher_v2 calls
    seconds.append(time.process_time() - started)
print(json.dumps(seconds))
