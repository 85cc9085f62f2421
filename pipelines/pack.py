"""From the plan to `train/`: tokens are scattered to output shards, then every shard is packed in its order.

The packed files are written straight into `train/` under their final names; the stage's marks stand in a
folder of their own and name them. To link them from a stage folder instead would need hard links, or on an
object store a second copy of everything, and a damaged file would come back from its link. So that a mark
never vouches for a file that an interrupted build of another plan has overwritten, marks that are out of
date are removed before anything in `train/` changes, and before them `train/manifest.json`. Kill the build
at any instant, and either the manifest is there and right, or it is not there and the next build finishes
the work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines import documents, files, identity, stage
from pipelines.mix import FinalTokens
from pipelines.packing import records, scatter
from pipelines.packing.order import epoch_keys
from pipelines.packing.quotas import Plan, SubsetPlan
from pipelines.packing.records import Layout, ShardFiles
from pipelines.packing.scatter import Scatter, Target, read_each, targets
from pipelines.stage import Mark, Result, Stage

if TYPE_CHECKING:
    from pipelines.engine import Engine


def occurrences(index: np.ndarray, whole_epochs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, epoch and tokens of every occurrence of a shard's documents. All [occurrences].

    In order of (key in its epoch, docid, epoch).
    """
    every = np.arange(len(index))
    last = np.flatnonzero(index["partial"])
    row = np.concatenate([*[every] * whole_epochs, last])
    epoch = np.repeat(np.arange(whole_epochs + 1), [len(every)] * whole_epochs + [len(last)])
    tokens = np.where(epoch < whole_epochs, index["tokens"][row], index["partial"][row])
    keys = [epoch_keys(index["key"], i) for i in range(whole_epochs)]
    key = np.concatenate([*keys, epoch_keys(index["key"][last], whole_epochs)])
    order = np.lexsort((epoch, index["docid"][row], key))
    return row[order], epoch[order], tokens[order]


@dataclass(frozen=True)
class Pack:
    """Per output shard its records and provenance in `train`, from all source shards of its subset."""

    scatter: str
    out: str
    train: str
    layout: Layout
    targets: Sequence[Target]
    sources: Mapping[str, Sequence[int]]

    def warm_up(self) -> None:
        """Nothing to load."""

    def run(self, shard: int) -> Result:
        target = self.targets[shard]
        records_path = files.join(self.train, f"{target.name}{records.ENDING}")
        provenance_path = files.join(self.train, f"{target.name}.documents.parquet")
        with files.local_temporary(documents.shard_file(self.out, shard, ".spool")) as spool:
            index, locators = scatter.gather(
                self.scatter, self.sources[target.subset], target.group, spool, self.layout.dtype.itemsize
            )
            row, epoch, tokens = occurrences(index, target.whole_epochs)
            with files.local_temporary(records_path) as local:
                with open(spool, "rb", buffering=0) as source:
                    texts = read_each(source.fileno(), index["first"][row], tokens, self.layout.dtype)
                    count, fill = records.write_records(local, texts, self.layout)
                written = files.publish(local, records_path)
        provenance = records.write_provenance(provenance_path, index["id"], locators, row, epoch, tokens)
        made = ShardFiles(written, provenance, count, len(row), int(tokens.sum()), fill)
        return Result([], {target.name: asdict(made)})


def pack(
    engine: Engine,
    source: FinalTokens,
    plan: Plan,
    folder: str,
    train: str,
    layout: Layout,
    tokenizer: str,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest of `train`, built as planned. `folder` takes the scattered tokens and the stage's marks.

    `tokenizer` is the model's file; `about` holds the manifest's `package`, `python`, `libraries`, `mixture`.
    Raises RuntimeError where the sums of tokens do not agree.
    """
    scattered = _scatter(engine, source, plan, files.join(folder, "scatter"), layout)
    todo = _stage(plan, scattered, files.join(folder, "shards"), layout)
    work = Pack(files.join(folder, "scatter"), todo.folder, train, layout, targets(plan), _sources(plan))
    files.make_folder(train)
    _forget(todo, train)
    marks = engine.run_shards(todo, work, 0.02)
    made = {name: ShardFiles.from_json(data) for mark in marks.values() for name, data in mark.counts.items()}
    problems = [p for part in plan.subsets for p in _problems(part, plan, scattered, made)]
    if problems:
        raise RuntimeError("the sums of tokens do not agree, which is a defect: " + "; ".join(problems))
    model = files.read_bytes(tokenizer)
    data = manifest(plan, made, layout, hashlib.sha256(model).hexdigest(), about)
    _publish(train, made, model, records.seal(data))
    return data


def _scatter(engine: Engine, source: FinalTokens, plan: Plan, folder: str, layout: Layout) -> dict[int, Mark]:
    plans = {shard: part for part in plan.subsets for shard in part.sources}
    takings = {part.name: _taking(part) for part in plan.subsets}
    settings = {"seed": plan.seed, "layout": asdict(layout)}
    of = Stage(
        "scatter",
        folder,
        identity.of_code("pipelines.packing.scatter"),
        settings,
        {i: [source.inputs[i], takings[plans[i].name]] for i in plans},
        {i: source.sizes.get(i, 0) for i in plans},
    )
    return engine.run_shards(of, Scatter(source.tokens, source.cut, folder, plan.seed, layout, plans), 0.05)


def _taking(part: SubsetPlan) -> str:
    """Digest of what in a subset's plan shapes the scattered and the packed files."""
    boundary = asdict(part.boundary) if part.boundary else None
    return identity.digest([part.whole_epochs, boundary, part.shards, part.valid_shards])


def _stage(plan: Plan, scattered: Mapping[int, Mark], folder: str, layout: Layout) -> Stage:
    of_subset = {
        part.name: identity.digest([_taking(part), [scattered[i].digests for i in part.sources]])
        for part in plan.subsets
    }
    sizes = {part.name: part.reached * layout.dtype.itemsize // max(1, part.shards) for part in plan.subsets}
    todo = targets(plan)
    return Stage(
        "pack",
        folder,
        identity.of_code(__name__),
        {"layout": asdict(layout)},
        {i: [target.name, target.group, of_subset[target.subset]] for i, target in enumerate(todo)},
        {i: sizes[target.subset] for i, target in enumerate(todo)},
    )


def _sources(plan: Plan) -> dict[str, tuple[int, ...]]:
    return {part.name: part.sources for part in plan.subsets}


def _forget(todo: Stage, train: str) -> None:
    """Remove marks that are out of date or whose files are gone from `train`, and the manifest first."""
    sizes = {name: files.size(files.join(train, name)) for name in files.names(train)}
    standing = set()
    for shard, mark in stage.finished(todo).items():
        made = [ShardFiles.from_json(data) for data in mark.counts.values()]
        written = [file for one in made for file in (one.records_file, one.provenance_file)]
        if all(sizes.get(file.name) == file.bytes for file in written):
            standing.add(f"{shard:05d}.json")
    if len(standing) < len(todo.inputs):
        files.remove(files.join(train, records.MANIFEST))
    for name in set(files.names(todo.folder)) - standing - {stage.MANIFEST}:
        files.remove(files.join(todo.folder, name))
    if len(standing) < len(todo.inputs):
        files.remove(files.join(todo.folder, stage.MANIFEST))


def _publish(train: str, made: Mapping[str, ShardFiles], model: bytes, sealed: bytes) -> None:
    """Make `train` hold the shards, the tokenizer and, written last, the manifest, and nothing else."""
    manifest_path = files.join(train, records.MANIFEST)
    tokenizer_path = files.join(train, records.TOKENIZER)
    known = {records.MANIFEST, records.TOKENIZER}
    known.update(file.name for one in made.values() for file in (one.records_file, one.provenance_file))
    strays = set(files.names(train)) - known
    same = files.exists(manifest_path) and files.read_bytes(manifest_path) == sealed
    same = same and files.exists(tokenizer_path) and files.read_bytes(tokenizer_path) == model
    files.remove_temporary(train)
    if same and not strays:
        return
    files.remove(manifest_path)
    for stray in sorted(strays):
        files.remove(files.join(train, stray))
    files.write_bytes(tokenizer_path, model)
    files.write_bytes(manifest_path, sealed)


def manifest(
    plan: Plan,
    made: Mapping[str, ShardFiles],
    layout: Layout,
    tokenizer_sha256: str,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of train/manifest.json, all but its own digest."""
    total = sum(part.reached for part in plan.subsets)
    subsets = {}
    for part in sorted(plan.subsets, key=lambda part: part.name):
        train, valid = (
            [made[t.name] for t in targets(plan) if (t.subset, t.split) == (part.name, split)]
            for split in ("train", "valid")
        )
        subsets[part.name] = {
            "weight": part.weight,
            "wanted_share": part.wanted_share,
            "reached_share": part.reached / total if total else 0.0,
            "epochs": part.epochs,
            **records.summed(train),
            "train": [shard.manifest_entry() for shard in train],
            "valid": [shard.manifest_entry() for shard in valid],
        }
    return {
        "format": records.FORMAT,
        **{key: about[key] for key in ("package", "python", "libraries", "mixture")},
        "seed": plan.seed,
        "sequence_length": layout.sequence_length,
        "dtype": layout.dtype_name,
        "eos": layout.eos,
        "vocabulary": layout.vocabulary,
        "tokenizer": {"file": records.TOKENIZER, "sha256": tokenizer_sha256},
        "records": sum(subset["records"] for subset in subsets.values()),
        "tokens": total,
        "subsets": subsets,
    }


def sampling_problems(part: SubsetPlan, scattered: Mapping[str, int]) -> list[str]:
    """What does not add up between the tokens after `cut`, the plan, and the tokens that were scattered."""
    have = part.available
    sums = (
        (
            "tokens after cut against sampled + not sampled",
            have.tokens,
            scattered.get("sampled_tokens", 0) + scattered.get("unsampled_tokens", 0),
        ),
        ("tokens planned against scattered", part.reached, scattered.get("tokens", 0)),
        ("documents planned against scattered", part.documents, scattered.get("documents", 0)),
        ("validation tokens", have.valid_tokens, scattered.get("valid_tokens", 0)),
    )
    return [f"{part.name}: {name}: {left} against {right}" for name, left, right in sums if left != right]


def _problems(part: SubsetPlan, plan: Plan, scattered: Mapping[int, Mark], made: Mapping[str, ShardFiles]) -> list[str]:
    found = sampling_problems(part, stage.total(scattered[shard] for shard in part.sources))
    for split, documents_, tokens in (
        ("train", part.documents, part.reached),
        ("valid", part.available.valid_documents, part.available.valid_tokens),
    ):
        names = [t.name for t in targets(plan) if (t.subset, t.split) == (part.name, split)]
        sums = records.summed(made[name] for name in names)
        found += records.packing_problems(f"{part.name} {split}", sums, plan.sequence_length)
        if (sums["documents"], sums["tokens"]) != (documents_, tokens):
            found.append(f"{part.name} {split}: {documents_} documents, {tokens} tokens planned, {sums}")
    return found
