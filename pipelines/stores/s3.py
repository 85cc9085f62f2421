"""Amazon S3 and what speaks its protocol, through boto3 with Beam's `--s3_...` options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, cast

from apache_beam.io.aws.clients.s3.boto3_client import Client
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from pipelines.stores import Listed, StoreError, split
from pipelines.stores.ranges import Ranges

ABSENT = ("404", "NoSuchKey", "NotFound")
EXISTS = ("412", "PreconditionFailed", "ConditionalRequestConflict")
DELETED_AT_ONCE = 1000

_made: list[tuple[Any, S3]] = []


def store() -> S3:
    """The store under the options that Beam has now; its client is made once for them."""
    options = FileSystems.get_filesystem("s3://")._options
    if not _made or _made[0][0] is not options:
        _made[:] = [(options, S3(Client(options or PipelineOptions([])).client))]
    return _made[0][1]


class S3:
    """A store over one boto3 client, which threads may share."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def listed(self, prefix: str, deep: bool) -> Iterator[Listed]:
        bucket, key = split(prefix)
        beyond = {} if deep else {"Delimiter": "/"}
        with _told(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key, **beyond)
            for page in pages:
                for item in page.get("Contents", []):
                    yield Listed(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"].strip('"'))

    def read(self, path: str) -> bytes:
        bucket, key = split(path)
        with _told(path):
            return bytes(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())

    def open(self, path: str) -> BinaryIO:
        bucket, key = split(path)
        with _told(path):
            found = self._client.head_object(Bucket=bucket, Key=key)

        def fetch(start: int, stop: int) -> bytes:
            with _told(path):
                part = self._client.get_object(
                    Bucket=bucket, Key=key, Range=f"bytes={start}-{stop - 1}", IfMatch=found["ETag"]
                )
                return bytes(part["Body"].read())

        return cast(BinaryIO, Ranges(found["ContentLength"], fetch))

    def put(self, local: str, path: str) -> None:
        bucket, key = split(path)
        with _told(path):
            self._client.upload_file(local, bucket, key)

    def put_new(self, path: str, data: bytes) -> bool:
        bucket, key = split(path)
        # A server that does not know the condition ignores it; then this look is the best there is.
        if any(listed.path == path for listed in self.listed(path, deep=False)):
            return False
        with _told(path):
            try:
                self._client.put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
            except ClientError as error:
                if _code(error) in EXISTS:
                    return False
                raise
        return True

    def delete(self, paths: Iterable[str]) -> None:
        left = iter(paths)
        while some := [split(path) for path in islice(left, DELETED_AT_ONCE)]:
            for bucket in sorted({bucket for bucket, _ in some}):
                keys = [{"Key": key} for of, key in some if of == bucket]
                with _told(f"s3://{bucket}"):
                    done = self._client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                if done.get("Errors"):
                    raise StoreError(f"s3://{bucket}: not deleted: {done['Errors'][:3]}")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Errors with the path, under the names that the stages know."""
    try:
        yield
    except ClientError as error:
        if _code(error) in ABSENT:
            raise FileNotFoundError(f"{path}: there is no such object") from error
        raise StoreError(f"{path}: {error}") from error
    except (Boto3Error, BotoCoreError) as error:
        raise StoreError(f"{path}: {error}") from error
