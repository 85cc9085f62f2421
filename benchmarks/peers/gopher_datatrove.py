"""CPU seconds a round of datatrove's two Gopher filters, as shipped, for the texts of a JSON file."""

import json
import sys
import time
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter

texts = json.loads(Path(sys.argv[1]).read_text("utf-8"))
filters = (GopherQualityFilter(), GopherRepetitionFilter())
for rule in filters:
    rule.filter(Document(text="Loads the word tokenizer.", id=""))
seconds = []
for _ in range(int(sys.argv[2])):
    started = time.process_time()
    for text in texts:
        for rule in filters:
            rule.filter(Document(text=text, id=""))
    seconds.append(time.process_time() - started)
print(json.dumps(seconds))
