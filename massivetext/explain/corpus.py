"""A build folder as `explain` reads it: names to documents, documents to their rows, by a few reads each."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pyarrow.parquet as pq

from filters.rule import Rule
from massivetext.errors import BuildError
from massivetext.explain.explained import Part, Skip
from massivetext.folders import Folders
from pipelines import documents, files, index, inputs, skipped
from pipelines.inputs import Shard
from pipelines.packing import records
from pipelines.stage import MANIFEST, Mark, total

THERE, REMOVED, NOT_MADE = "there", "removed", "not made"
PUBLIC_ID = re.compile(r"[0-9a-fA-F]{32}")
_PLACE, _SPLIT_PLACE = re.compile(r"(.+):(\d+)"), re.compile(r"(.+):(\d+):(\d+)")
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-fA-F-]{36})")


@dataclass(frozen=True)
class Corpus:
    """A build in the folder `out`, finished or not. Raises BuildError where there is none."""

    out: str

    def __post_init__(self) -> None:
        folders = (self.folders.index, self.folders.documents, self.folders.train)
        if not any(files.exists(folder) or files.names(folder) for folder in folders):
            raise BuildError(f"{self.out} holds no build: give the OUT of a build")

    @property
    def folders(self) -> Folders:
        return Folders(self.out)

    @cached_property
    def shards(self) -> list[Shard]:
        """The source files by number, none where the table is gone."""
        path = self.folders.stage("shards.json")
        return inputs.read_table(path) if files.exists(path) else []

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """train/manifest.json, None while the build is not finished."""
        path = files.join(self.folders.train, records.MANIFEST)
        return records.unseal(files.read_bytes(path)) if files.exists(path) else None

    @cached_property
    def _ended(self) -> dict[str, bool]:
        """Which stages have ended, as far as it was asked: each question is a request to an object store."""
        return {}

    def rules(self, subset: str, mixture: str | None = None) -> tuple[Rule, ...]:
        """The rules of a subset as the build's manifest has them, or the mixture of that name or its report's."""
        if mixture is None and self.manifest is not None:
            found = next(s for s in self.manifest["mixture"]["subsets"] if s["name"] == subset)
            return tuple(Rule(**rule) for rule in found["rules"])
        from massivetext import mixtures  # here, since it loads the extractor

        try:
            return mixtures.load(mixture or str(self._report["mixture"])).subset(subset).rules
        except ValueError as error:
            raise BuildError(f"the build is not finished, so name its mixture with --mixture: {error}") from error

    @cached_property
    def _report(self) -> dict[str, Any]:
        path = self.folders.file("report.json")
        return dict(json.loads(files.read_bytes(path))) if files.exists(path) else {"mixture": "gopher", "subsets": {}}

    def nameless(self) -> str:
        """The records that are no documents, by reason, in words; nothing where there are none."""
        reasons: Counter[str] = Counter()
        for made in self._report["subsets"].values():
            reasons.update({**made["skipped"], "unreadable": made["unreadable"]})
        return ", ".join(f"{number:,} {reason}" for reason, number in reasons.most_common() if number)

    def named(self, name: str) -> list[int]:
        """Docids of the documents whose public id, URL or locator this is, in order."""
        keys = [name.encode("utf-8", "replace")]
        if PUBLIC_ID.fullmatch(name):
            keys.append(bytes.fromhex(name))
        try:
            found = {docid for key in keys for docid in index.find(self.folders.index, key)}
        except FileNotFoundError as error:
            raise BuildError(f"{error}; or name a record of a source file, SOURCE:RECORD, or a docid") from error
        return [docid for docid in sorted(found) if self._bears(docid, name)]

    @property
    def has_index(self) -> bool:
        return files.exists(documents.shard_file(self.folders.index, 0, index.ENDING))

    def _bears(self, docid: int, name: str) -> bool:
        row = self.row(self.folders.documents, docid, ["id", "url", "locator"])
        if row is None:
            skip = self.skipped(docid)
            return skip is None or name in (skip.url, skip.locator)
        return name in (row["url"], row["locator"]) or name.lower() == row["id"].hex()

    def near_names(self, name: str) -> Iterator[str]:
        """Other ways to write a name that a document of the build does bear."""
        for variant in dict.fromkeys(variants(name)):
            if variant != name and self.named(variant):
                yield variant

    def place(self, name: str) -> tuple[list[Shard], int | None]:
        """The shards and the record that `FILE:RECORD`, `FILE:SPLIT:RECORD`, a docid or `FILE` names, if it does.

        A record's number counts in its split, so that of several splits each has one.
        """
        if name.isdigit() and int(name) >> 32 < len(self.shards):
            return [self.shards[int(name) >> 32]], int(name) & 0xFFFFFFFF
        if shards := self._of_source(name):
            return shards, None
        if (found := _PLACE.fullmatch(name)) and (shards := self._of_source(found[1])):
            return shards, int(found[2])
        if (found := _SPLIT_PLACE.fullmatch(name)) and (shards := self._of_source(found[1])):
            split = [shard for shard in shards if (self.part(shard.number) or (1, 1))[0] == int(found[2])]
            return split, int(found[3])
        return [], None

    def part(self, number: int) -> Part | None:
        """Which split of its file a shard is, None where it is the whole file."""
        if number >= len(self.shards) or (self.shards[number].end is None and not self.shards[number].start):
            return None
        of = self.shards[number]
        splits = [shard.number for shard in self.shards if (shard.subset, shard.source) == (of.subset, of.source)]
        return splits.index(number) + 1, len(splits)

    def _of_source(self, source: str) -> list[Shard]:
        """The shards of a source file by its path, or by the end of its path where no other file has it."""
        exact = [shard for shard in self.shards if shard.source == source]
        ending = [shard for shard in self.shards if shard.source.endswith(f"/{source}")]
        return exact or (ending if len({shard.source for shard in ending}) == 1 else [])

    def document(self, docid: int) -> dict[str, Any] | None:
        """The document's whole row, None where there is none or `documents/` is gone."""
        return self.row(self.folders.documents, docid)

    def skipped(self, docid: int) -> Skip | None:
        """Why a record is no document, None where it is one, is not there, or where that is not known any more."""
        row = self.row(self.folders.documents, docid, ending=skipped.ENDING)
        if row is None or docid >> 32 >= len(self.shards):
            return None
        shard = self.shards[docid >> 32]
        place: dict[str, Any] = {"subset": shard.subset, "source": shard.source, "record": docid & 0xFFFFFFFF}
        return Skip(**row, **place, part=self.part(shard.number))

    def counts(self, shards: Sequence[Shard]) -> dict[str, Any] | None:
        """What became of the records of a file, or of its splits, by the marks of `curate`; None without them."""
        paths = [documents.shard_file(self.folders.documents, shard.number, ".json") for shard in shards]
        if not all(map(files.exists, paths)):
            return None
        made = total(Mark.from_json(json.loads(files.read_bytes(path))) for path in paths)
        return dict(made[shards[0].subset])

    def row(
        self, folder: str, docid: int, columns: Sequence[str] | None = None, ending: str = ".parquet"
    ) -> dict[str, Any] | None:
        """A document's row of a file per shard in `folder`, None where it has none or the file is not there."""
        try:
            return row_of(documents.shard_file(folder, docid >> 32, ending), docid, columns)
        except FileNotFoundError:
            return None

    def state(self, stage: str, shard: int) -> str:
        """Whether a stage's file of a shard is `there`, was `removed` after the build, or is `not made` yet."""
        folder = self.folders.stage(stage)
        if stage not in self._ended:
            self._ended[stage] = files.exists(files.join(folder, MANIFEST))
        ended = self._ended[stage]
        if ended and files.exists(documents.shard_file(folder, shard)):
            return THERE
        return REMOVED if ended or self.manifest is not None else NOT_MADE


def row_of(path: str, docid: int, columns: Sequence[str] | None = None) -> dict[str, Any] | None:
    """The row of a Parquet file sorted by docid, of which the footer and one row group are read."""
    with files.open_read(path) as file:
        table = pq.ParquetFile(file)
        documents.check_format(path, table.schema_arrow.metadata or {})
        column = table.schema_arrow.get_field_index("docid")
        for group in range(table.num_row_groups):
            about = table.metadata.row_group(group).column(column).statistics
            if about is not None and about.has_min_max and not about.min <= docid <= about.max:
                continue
            docids = table.read_row_group(group, columns=["docid"], use_threads=False).column("docid").to_numpy()
            place = int(np.searchsorted(docids, docid))
            if place < len(docids) and docids[place] == docid:
                rows = table.read_row_group(group, columns=columns, use_threads=False)
                return dict(rows.slice(place, 1).to_pylist()[0])
    return None


def variants(name: str) -> Iterator[str]:
    """Spellings of a URL or of a record's name that people take for the same."""
    if found := _UUID.fullmatch(name):
        yield f"<urn:uuid:{found[1]}>"
        return
    try:
        split = urlsplit(name if "://" in name else f"http://{name}")
    except ValueError:
        return
    host = (split.netloc.lower()).removeprefix("www.")
    if not host or " " in name:
        return
    paths = [split.path, split.path.rstrip("/"), f"{split.path.rstrip('/')}/"]
    for query in dict.fromkeys((split.query, "")):
        for path in paths:
            for scheme in ("https", "http"):
                for netloc in (split.netloc, host, f"www.{host}"):
                    yield urlunsplit((scheme, netloc, path, query, ""))


def account_of(counts: Mapping[str, Any]) -> str:
    """One line of what became of a source file's records."""
    skipped = ", ".join(f"{reason} {number:,}" for reason, number in counts["skipped"].items())
    return (
        f"{counts['records']:,} records: {counts['documents']:,} documents, "
        f"{sum(counts['skipped'].values()):,} skipped{f' ({skipped})' if skipped else ''}, "
        f"{counts['unreadable']:,} unreadable"
    )
