"""Google Cloud Storage, through its client with Beam's options. `STORAGE_EMULATOR_HOST` names an emulator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from apache_beam.io.filesystems import FileSystems
from apache_beam.io.gcp.gcsio import create_storage_client
from apache_beam.options.pipeline_options import PipelineOptions
from google.api_core.exceptions import GoogleAPIError, NotFound, PreconditionFailed
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import RequestException

from pipelines.stores import Listed, StoreError, split
from pipelines.stores.ranges import Ranges

_made: list[tuple[Any, GS]] = []


def store() -> GS:
    """The store under the options that Beam has now; its client is made once for them."""
    options = FileSystems.get_filesystem("gs://")._pipeline_options
    if not _made or _made[0][0] is not options:
        _made[:] = [(options, GS(_client(options)))]
    return _made[0][1]


def _client(options: Any) -> Any:
    known = PipelineOptions.from_dictionary(options) if isinstance(options, dict) else options or PipelineOptions([])
    return create_storage_client(known)


class GS:
    """A store over one client. Writing an object again writes the same bytes, so every request may be repeated."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def listed(self, prefix: str, deep: bool) -> Iterator[Listed]:
        bucket, key = split(prefix)
        with _told(prefix):
            for blob in self._client.list_blobs(bucket, prefix=key, delimiter=None if deep else "/"):
                yield Listed(f"gs://{bucket}/{blob.name}", blob.size, str(blob.generation))

    def read(self, path: str) -> bytes:
        with _told(path):
            return bytes(self._blob(path).download_as_bytes(raw_download=True))

    def open(self, path: str) -> BinaryIO:
        blob = self._blob(path)
        with _told(path):
            blob.reload()

        def fetch(start: int, stop: int) -> bytes:
            with _told(path):
                return bytes(blob.download_as_bytes(start=start, end=stop - 1, raw_download=True, checksum=None))

        return cast(BinaryIO, Ranges(blob.size, fetch))

    def put(self, local: str, path: str) -> None:
        with _told(path):
            self._blob(path).upload_from_filename(local, retry=DEFAULT_RETRY)

    def put_new(self, path: str, data: bytes) -> bool:
        with _told(path):
            try:
                self._blob(path).upload_from_string(data, if_generation_match=0)
            except PreconditionFailed:
                return False
        return True

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            with _told(path):
                self._delete(path)

    def _delete(self, path: str) -> None:
        try:
            self._blob(path).delete(retry=DEFAULT_RETRY)
        except NotFound:
            return

    def _blob(self, path: str) -> Any:
        bucket, key = split(path)
        return self._client.bucket(bucket).blob(key)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Errors with the path, under the names that the stages know."""
    try:
        yield
    except NotFound as error:
        raise FileNotFoundError(f"{path}: there is no such object") from error
    except (GoogleAPIError, GoogleAuthError, RequestException) as error:
        raise StoreError(f"{path}: {error}") from error
