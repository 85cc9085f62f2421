"""What became of duplicates: who lost how much, which groups are the largest, and what it rests on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from massivetext import account
from massivetext.account import Account
from massivetext.duplicates import Search
from massivetext.errors import BuildError
from pipelines import documents, files, stage
from pipelines.duplicates.copies import RULE as EXACT
from pipelines.duplicates.copies import SURVIVORS
from pipelines.duplicates.earlier import holding
from pipelines.duplicates.rounds import NEAR

LISTED = 5
EXCERPT = 160
COLUMNS = ["id", "subset", "source", "locator", "url", "text"]


@dataclass(frozen=True)
class Evidence:
    """A finished duplicate search, told for people."""

    search: Search

    def as_json(self) -> dict[str, Any]:
        """For report.json: settings, rounds, pairs by Jaccard, groups by size, the largest losses to one survivor."""
        near, marks = self.search.mixture.near, self.search.marks
        grouped = stage.total(marks["groups"].values())
        largest = {name: self._described(rows[:LISTED]) for name, rows in self._largest(grouped).items()}
        return {
            "recall_at_threshold": round(near.recall, 6),
            "rounds": [dict(counts) for counts in self.search.rounds],
            "lost_share": {name: round(share, 6) for name, share in self.lost_shares().items()},
            "pairs_by_jaccard": dict(sorted(stage.total(marks["near"].values()).get("jaccard", {}).items())),
            "groups_by_size": dict(sorted(grouped.get("sizes", {}).items(), key=lambda item: _least(item[0]))),
            "largest_groups": largest,
            "earlier": self._earlier(),
        }

    def lost_shares(self) -> dict[str, float]:
        """Per subset the share of its documents that fell as duplicates, of those that no rule had dropped before."""
        return {name: lost / before if before else 0.0 for name, (lost, before) in self._losses().items()}

    def check_losses(self, accepted: Collection[str]) -> None:
        """Raises BuildError where a subset that is not accepted lost more than the mixture's share, with the largest
        groups.
        """
        bound = self.search.mixture.loss_share
        losses = self._losses()
        found = [name for name, share in self.lost_shares().items() if share > bound and name not in accepted]
        if not found:
            return
        largest = self._largest(stage.total(self.search.marks["groups"].values()))
        lines = []
        for name in found:
            lost, before = losses[name]
            share = f"{lost / before:.1%}, more than {bound:.0%}"
            lines.append(f"{name}: {lost:,} of {before:,} documents are duplicates ({share}); the largest groups:")
            lines += [_drawn(group) for group in self._described(largest.get(name, [])[:LISTED])]
        flags = " ".join(f"--accept-loss {name}" for name in found)
        lines.append(f"if that is right, go on with {flags}, or set loss_share in the mixture")
        raise BuildError("\n".join(lines))

    def _losses(self) -> dict[str, tuple[int, int]]:
        """Per subset how many documents fell as duplicates, and of how many."""
        marks = self.search.marks
        drops = [marks[name] for name in ("decide", "exact", "near")]
        accounts: Mapping[str, Account] = account.account(
            self.search.shards, marks["curate"], marks["identify"], drops, []
        )
        found = {}
        for name, made in accounts.items():
            lost = sum(made.dropped.get(rule, 0) for rule in (EXACT, NEAR))
            found[name] = lost, made.kept + lost
        return found

    def _largest(self, grouped: Mapping[str, Any]) -> dict[str, list[list[Any]]]:
        """Per subset its largest losses to one survivor, largest first."""
        largest = grouped.get("largest", {})
        return {name: sorted(largest[name], key=lambda row: (-row[0], row[1])) for name in sorted(largest)}

    def _described(self, rows: list[list[Any]]) -> list[dict[str, Any]]:
        """The groups with their survivors, and one document of each that fell."""
        return [
            {
                "lost": lost,
                "jaccard": round(jaccard, 4),
                "survivor": self._document(survivor),
                "example": self._document(example) if example >= 0 else None,
            }
            for lost, survivor, example, jaccard in rows
        ]

    def _document(self, docid: int) -> dict[str, Any]:
        """Who the document is, with an excerpt of its text where it is of this build."""
        shard = docid >> 32
        build = holding((finished.build for finished in self.search.earlier), shard)
        if build is None:
            return _of_table(documents.shard_file(self.search.folders.documents, shard), docid)
        rows = build.rows(build.exact, shard, ".survivors", SURVIVORS)
        place = int(np.flatnonzero(rows["docid"] == docid)[0])
        number = [finished.build for finished in self.search.earlier].index(build)
        return {"earlier": number, "docid": docid - (build.first << 32), "id": rows["id"][place].tobytes().hex()}

    def _earlier(self) -> list[dict[str, Any]]:
        """The builds this one was deduplicated against, by digest, and how many documents fell to each."""
        counts = stage.total(self.search.marks["matches"].values()) if self.search.earlier else {}
        matched = counts.get("matches", {})
        return [
            {"digest": finished.digest, "generation": finished.generation, "matches": matched.get(str(number), 0)}
            for number, finished in enumerate(self.search.earlier)
        ]


def _of_table(path: str, docid: int) -> dict[str, Any]:
    with files.open_read(path) as file:
        table = pq.ParquetFile(file)
        for group in range(table.num_row_groups):
            docids = table.read_row_group(group, columns=["docid"]).column("docid").to_numpy()
            place = np.searchsorted(docids, docid)
            if place < len(docids) and docids[place] == docid:
                row = table.read_row_group(group, columns=COLUMNS).slice(place, 1).to_pylist()[0]
                return {
                    "docid": docid,
                    "id": row["id"].hex(),
                    "subset": row["subset"],
                    "source": row["source"],
                    "row": docid & 0xFFFFFFFF,
                    "name": row["url"] or row["locator"],
                    "excerpt": " ".join(row["text"][: 4 * EXCERPT].split())[:EXCERPT],
                }
    raise ValueError(f"no document {docid} in {path}")


def _drawn(group: Mapping[str, Any]) -> str:
    """A group as lines of the error message."""
    lines = [f"  {group['lost']:,} fell to {_named(group['survivor'])}"]
    if group["example"]:
        lines.append(f"    such as, at Jaccard {group['jaccard']:.2f}, {_named(group['example'])}")
    return "\n".join(lines)


def _named(document: Mapping[str, Any]) -> str:
    if "earlier" in document:
        return f"document {document['id']} of earlier build {document['earlier']}"
    return f'{document["source"]}, record {document["row"]} ({document["name"]}): "{document["excerpt"]}"'


def _least(label: str) -> int:
    return int(label.partition("-")[0])
