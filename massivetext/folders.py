"""Where things lie in a build folder OUT: what a user reads at the top, what only stages read under `stages/`."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines import files


@dataclass(frozen=True)
class Folders:
    out: str

    @property
    def documents(self) -> str:
        return files.join(self.out, "documents")

    @property
    def tokens(self) -> str:
        return files.join(self.out, "tokens")

    @property
    def train(self) -> str:
        return files.join(self.out, "train")

    @property
    def index(self) -> str:
        return files.join(self.out, "index")

    def stage(self, name: str) -> str:
        return files.join(self.out, "stages", name)

    def file(self, name: str) -> str:
        return files.join(self.out, name)
