"""Object stores (s3://, gs://): the few requests that the stages need, and no more of them than it takes.

Credentials, endpoints and regions are Beam's options. Beam's own file objects are not used for these two schemes: an
upload that fails would be completed when its file object is collected, an empty file cannot be uploaded, every
operation makes a new client, and a small file takes three requests. Other schemes go through Beam.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol


class StoreError(OSError):
    """What a store refuses."""


@dataclass(frozen=True)
class Listed:
    """A file found by a pattern. `version` changes whenever the content may have changed."""

    path: str
    bytes: int
    version: str


class Store(Protocol):
    """Operations on whole objects; every one is atomic. Raises FileNotFoundError or StoreError."""

    def listed(self, prefix: str, deep: bool) -> Iterator[Listed]:
        """Objects whose path begins with `prefix`; unless `deep`, only those without a further `/`."""

    def read(self, path: str) -> bytes: ...

    def open(self, path: str) -> BinaryIO: ...

    def put(self, local: str, path: str) -> None:
        """Upload a local file: complete, or not at all."""

    def put_new(self, path: str, data: bytes) -> bool:
        """Write a small object only if there is none, and tell."""

    def delete(self, paths: Iterable[str]) -> None:
        """Delete objects; those that are not there are no error."""


def of(path: str) -> Store:
    """The store that `path` lies in. Raises StoreError where its extra is not installed."""
    scheme = path.partition("://")[0]
    try:
        if scheme == "s3":
            from pipelines.stores import s3

            return s3.store()
        if scheme == "gs":
            from pipelines.stores import gs

            return gs.store()
    except ImportError as error:
        extra = {"s3": "aws", "gs": "gcp"}[scheme]
        raise StoreError(f"{scheme}:// needs the extra {extra}: pip install '.[{extra}]' ({error})") from error
    from pipelines.stores import other

    return other.Other()


def use_options(options: Sequence[str]) -> None:
    """Let this process's own reads and writes in object stores have the runner's options (credentials, regions)."""
    from apache_beam.io.filesystems import FileSystems  # here, since Beam takes most of a second to load
    from apache_beam.options.pipeline_options import PipelineOptions

    FileSystems.set_options(PipelineOptions(list(options)))


def split(path: str) -> tuple[str, str]:
    """Bucket and key. Raises StoreError where the path names no bucket."""
    bucket, _, key = path.partition("://")[2].partition("/")
    if not bucket:
        raise StoreError(f"{path!r} names no bucket; expected s3://BUCKET/NAME or gs://BUCKET/NAME")
    return bucket, key
