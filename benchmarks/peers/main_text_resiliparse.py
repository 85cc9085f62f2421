"""Main texts of pages by resiliparse, and CPU seconds of each page: pages.json with decoded pages -> JSON."""

import json
import sys
import time
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

pages = json.loads(Path(sys.argv[1]).read_text("utf-8"))
extract_plain_text("<html><body><p>warm</p></body></html>", main_content=True)
texts, seconds = [], []
for page in pages:
    started = time.process_time()
    texts.append(extract_plain_text(page, main_content=True))
    seconds.append(time.process_time() - started)
json.dump({"texts": texts, "seconds": seconds}, sys.stdout)
