"""CPU seconds a round that other readers take for the files of a folder, by format and reader, as JSON.

Each gives what its users take from it: bytes of a response freed of its codings, the text of a row, a page's wikitext.
"""

import glob
import gzip
import io
import json
import sys
import tarfile
import time
import warnings

import orjson
import pyarrow.json
import pyarrow.parquet
import simdjson

warnings.filterwarnings("ignore")
folder, rounds = sys.argv[1], int(sys.argv[2])


def paths(pattern):
    return sorted(glob.glob(f"{folder}/{pattern}"))


def fastwarc_records():
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    kinds = WarcRecordType.response | WarcRecordType.conversion
    for path in paths("massiveweb/*.warc.gz"):
        with open(path, "rb") as file:
            for record in ArchiveIterator(file, record_types=kinds, parse_http=True, auto_decode="all"):
                yield len(record.reader.read())


def warcio_records():
    from warcio.archiveiterator import ArchiveIterator

    for path in paths("massiveweb/*.warc.gz"):
        with open(path, "rb") as file:
            for record in ArchiveIterator(file):
                if record.rec_type == "response":
                    yield len(record.content_stream().read())


def lines(parse):
    for path in paths("c4/*.json.gz"):
        with gzip.open(path) as file:
            for line in file:
                yield len(parse(line)["text"])


def simdjson_lines():
    parser = simdjson.Parser()
    return lines(lambda line: {"text": str(parser.parse(line)["text"])})


def arrow_json():
    for path in paths("c4/*.json.gz"):
        with gzip.open(path) as file:
            data = io.BytesIO(file.read())
        options = pyarrow.json.ReadOptions(use_threads=False, block_size=64 << 20)
        yield from map(len, pyarrow.json.read_json(data, options).column("text").to_pylist())


def arrow_parquet():
    for path in paths("made/*.parquet"):
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(256, columns=["text", "url"], use_threads=False):
            yield from map(len, batch.column("text").to_pylist())


def tar_members():
    for path in paths("github/*.tar.gz"):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isreg():
                    yield len(archive.extractfile(member).read())


def plain_books():
    for path in paths("books/*.txt*"):
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            yield len(file.read().decode("utf-8", "replace"))


def ebooks():
    from ebooklib import ITEM_DOCUMENT, epub
    from lxml import html

    for path in paths("books/*.epub"):
        for item in epub.read_epub(path, {"ignore_ncx": True}).get_items_of_type(ITEM_DOCUMENT):
            yield len(html.fromstring(item.get_content()).text_content())


def pages_of_mwxml():
    import bz2

    import mwxml

    for path in paths("wikipedia/enwiki-part1*.xml.bz2"):
        with bz2.open(path) as file:
            for page in mwxml.Dump.from_file(file):
                for revision in page:
                    if page.namespace == 0 and not page.redirect:
                        yield revision.text or ""


def pages_of_lxml():
    import bz2

    from lxml import etree

    for path in paths("wikipedia/enwiki-part1*.xml.bz2"):
        with bz2.open(path) as file:
            for _, node in etree.iterparse(file, tag="{*}page"):
                if node.findtext("{*}ns") == "0" and node.find("{*}redirect") is None:
                    yield node.findtext("{*}revision/{*}text") or ""
                node.clear()


def stripped(pages):
    import mwparserfromhell

    for text in pages:
        yield len(mwparserfromhell.parse(text).strip_code())


READERS = {
    "warc": {"fastwarc, HTTP and codings": fastwarc_records, "warcio": warcio_records},
    "jsonl": {
        "gzip and orjson": lambda: lines(orjson.loads),
        "gzip and simdjson": simdjson_lines,
        "pyarrow.json": arrow_json,
    },
    "parquet": {"pyarrow": arrow_parquet},
    "archive": {"tarfile": tar_members},
    "book": {"decoding alone": plain_books},
    "epub": {"ebooklib and lxml": ebooks},
    "mediawiki": {
        "mwxml, wikitext alone": pages_of_mwxml,
        "lxml, wikitext alone": pages_of_lxml,
        "lxml and mwparserfromhell": lambda: stripped(pages_of_lxml()),
    },
}
found = {}
for kind, readers in READERS.items():
    found[kind] = {}
    for name, reader in readers.items():
        taken = []
        for _ in range(rounds):
            started = time.process_time()
            count = sum(1 for _ in reader())
            taken.append(time.process_time() - started)
        found[kind][name] = {"documents": count, "seconds": min(taken)}
print(json.dumps(found))
