"""The stage `curate` in a build: how each subset is read, and the files that its rules need from the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from filters import language
from massivetext import duplicates
from massivetext.errors import BuildError
from massivetext.folders import Folders
from massivetext.mixture import Mixture, Subset
from pipelines import curate, files, identity
from pipelines.duplicates.earlier import Finished
from pipelines.inputs import Shard
from pipelines.poison import apart
from pipelines.poison.guard import Guarded
from pipelines.stage import Mark, Stage

if TYPE_CHECKING:
    from pipelines.engine import Engine

COST = 2.0  # CPU seconds per MB of stored source, measured on two cores; it only orders work and chooses processes
# Field of the mixture, the signal that needs the file, and what is missing without it.
USERS_OWN = (
    ("safety_hosts", "unsafe_host", "no list of unsafe hosts (safety/hosts.txt)"),
    ("safety_model", "unsafe_probability", "no safety model (safety/model.bin)"),
    ("quality_model", "quality_probability", "no quality model (quality/model.bin)"),
)


@dataclass
class Reading:
    """Reads the sources of `shards`, each subset's under its root; `notes` says which rules are off for want of a file.

    `given` is the input folder, in which the files that a mixture names are looked for as well.
    """

    mixture: Mixture
    folders: Folders
    engine: Engine
    shards: Sequence[Shard]
    roots: Mapping[str, str]
    given: str | None
    earlier: Sequence[Finished]
    notes: list[str] = field(default_factory=list)

    def run(self) -> dict[int, Mark]:
        subsets = self._subsets()
        models = {**self._models(), "language": self.mixture.language_model or str(language.default_model())}
        refused = tuple(self._opt_out(named) for named in self.mixture.opt_out)
        todo = self._stage(subsets, models, refused)
        work = curate.Curate(
            self.folders.documents,
            self.folders.stage("shards.json"),
            subsets,
            self.mixture.seed,
            self.mixture.valid_share,
            models["language"],
            models["safety_model"],
            models["safety_hosts"],
            refused,
            models["quality_model"],
            self.mixture.language_bytes,
        )
        how = identity.digest([todo.key, {name: _read_how(subset) for name, subset in subsets.items()}])
        here = Guarded(work, self.folders.stage("aside"), how, self.mixture.record_seconds)
        marks = self.engine.run_shards(todo, here, COST, replace(here, apart=True))
        apart.dismiss()
        return marks

    def _subsets(self) -> dict[str, curate.Subset]:
        return {
            subset.name: curate.Subset(
                self.roots[subset.name],
                subset.reader,
                subset.extractor,
                subset.priority,
                duplicates.generation(self.earlier, subset),
                subset.mask,
                subset.fields,
                subset.licences,
            )
            for subset in self.mixture.subsets
        }

    def _stage(self, subsets: Mapping[str, curate.Subset], models: Mapping[str, str], refused: Sequence[str]) -> Stage:
        settings = {
            "seed": self.mixture.seed,
            "valid_share": self.mixture.valid_share,
            "models": {name: _digest_of(path) for name, path in models.items()},
            "language_bytes": self.mixture.language_bytes,
            "opt_out": [_digest_of(path) for path in refused],
            "record_seconds": self.mixture.record_seconds,
        }
        made_from = {
            s.number: [s.subset, s.source, s.bytes, s.version, s.start, _read_how(subsets[s.subset])]
            for s in self.shards
        }
        sizes = {s.number: s.bytes for s in self.shards}
        return Stage("curate", self.folders.documents, identity.of_code("pipelines.curate"), settings, made_from, sizes)

    def _opt_out(self, named: str) -> str:
        """Path of an opt-out list: as given, or relative to the input folder."""
        if found := _found(named, self.given):
            return found
        raise BuildError(f"opt_out names {named}, which is neither here nor in the input folder; give its path")

    def _models(self) -> dict[str, str]:
        found, notes = own_files(self.mixture, self.mixture.subsets, self.given)
        self.notes += notes
        return found


def own_files(mixture: Mixture, subsets: Sequence[Subset], given: str | None) -> tuple[dict[str, str], list[str]]:
    """The paths of what rules need from the user, '' where there is none, and a note for each rule of these subsets
    that is off for that.

    `given` is the input folder, in which the files that a mixture names are looked for as well.
    """
    judging = {rule.signal for subset in subsets for rule in subset.rules}
    found, notes = {}, []
    for name, signal, what in USERS_OWN:
        found[name] = _own_file(mixture, name, given)
        if not found[name] and signal in judging:
            notes.append(f"{what}: the rule {signal} is off and drops nothing")
    return found, notes


def _own_file(mixture: Mixture, name: str, given: str | None) -> str:
    """The path of a file that the mixture names: as given, or relative to the input folder; '' if it is not there.

    Raises BuildError if a file is not there that the mixture names by another name than the default.
    """
    named = getattr(mixture, name)
    if found := _found(named, given):
        return found
    if named not in ("", getattr(Mixture, name)):
        raise BuildError(f"{name} is {named!r}, and there is no such file, also not in the input folder")
    return ""


def _found(named: str, given: str | None) -> str:
    """The path of what a mixture names: as it stands, or relative to the input folder; '' if there is none."""
    paths = (named, files.join(given, named) if given and named else "")
    return next((path for path in paths if path and files.exists(path)), "")


def _digest_of(path: str) -> str:
    return identity.digest(files.read_bytes(path).hex()) if path else ""


def _read_how(subset: curate.Subset) -> list[Any]:
    """What of a subset's reading shapes its documents; a user's own reader by its source."""
    module = (subset.reader or "").partition(":")[0]
    code = identity.of_code(module) if module else ""
    return [
        subset.reader,
        code,
        subset.extractor,
        subset.priority,
        subset.generation,
        subset.mask,
        sorted(subset.fields.items()),
        subset.licences,
    ]
