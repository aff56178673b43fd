"""A bucket as an object store: create-only writes of any size, reads and listings over obstore.

obstore speaks S3's conditional put for one request; what is larger goes through boto3 in parts.
From bucket to bucket S3 itself copies large objects, pinned to the version whose bytes are hashed.

The hazard: an upload whose process dies leaves paid, invisible parts. Give the buckets a lifecycle
rule that aborts incomplete uploads; nothing else sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from resources import multipart
from resources.aws import CONNECT_SECONDS, client, session
from resources.errors import ServiceUnavailable
from resources.multipart import SENT_PART_BYTES
from resources.objects import Backend, ObjectInfo

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from obstore import ObjectMeta
    from obstore.store import S3Store

# For a whole response, which may be an object of many gigabytes.
RESPONSE_LIMIT = timedelta(hours=6)


class Bucket:
    """The objects of one bucket. Nothing is contacted before the first use."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.uri = f"s3://{name}"

    def create(self, key: str, chunks: Iterable[bytes], *, size: int) -> None:
        """Write a new object, whole or not at all.

        Raises:
            FileExistsError: the key holds an object.
        """
        if size > SENT_PART_BYTES:
            multipart.send(self._client, self.name, key, chunks, size=size)
            return
        import obstore

        try:
            with self._answering(key):
                obstore.put(self._store, key, b"".join(chunks), mode="create", use_multipart=False)
        except FileNotFoundError as error:
            raise self._unavailable("no such bucket") from error

    def copy(self, key: str, source: Backend, info: ObjectInfo, chunks: Iterable[bytes]) -> None:
        """Write a new object of the source's bytes, which `chunks` are; see `create`."""
        if not isinstance(source, Bucket) or info.size <= SENT_PART_BYTES:
            self.create(key, chunks, size=info.size)
            return
        multipart.copy(
            self._client,
            self.name,
            key,
            chunks,
            source={"Bucket": source.name, "Key": info.key},
            etag=info.etag,
            size=info.size,
        )

    def open(self, key: str, chunk_bytes: int) -> tuple[ObjectInfo, Iterator[bytes]]:
        """The object as it is now, and its bytes."""
        import obstore

        with self._answering(key):
            result = obstore.get(self._store, key)
        return _info(result.meta), self._bytes(key, result.stream(chunk_bytes))

    def head(self, key: str) -> ObjectInfo:
        """The object as it is now."""
        import obstore

        with self._answering(key):
            return _info(obstore.head(self._store, key))

    def list(self, folder: str) -> Iterator[ObjectInfo]:
        """All objects below a folder ("" for all), in any order."""
        import obstore

        try:
            with self._answering(folder):
                for page in obstore.list(self._store, folder or None, chunk_size=1000):
                    for meta in page:
                        yield _info(meta)
        except FileNotFoundError as error:
            raise self._unavailable("no such bucket") from error

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""
        import obstore

        with self._answering(key), suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    @cached_property
    def _client(self) -> S3Client:
        return client("s3")

    @cached_property
    def _store(self) -> S3Store:
        from obstore.store import S3Store

        found = connection()
        if found is None:
            raise self._unavailable("no AWS credentials")
        # S3 computes it too and refuses other bytes; where objects are locked, it must be sent.
        return S3Store(self.name, checksum_algorithm="SHA256", **found)

    def _bytes(self, key: str, stream: Iterable[bytes]) -> Iterator[bytes]:
        with self._answering(key):
            for chunk in stream:
                yield bytes(chunk)

    @contextmanager
    def _answering(self, key: str) -> Iterator[None]:
        from obstore.exceptions import AlreadyExistsError, BaseError

        try:
            yield
        except AlreadyExistsError as error:
            raise FileExistsError(key) from error
        except BaseError as error:
            reason = str(error).partition("\n\nDebug source")[0]
            raise self._unavailable(f"{key or 'the listing'}: {reason}") from error

    def _unavailable(self, found: str) -> ServiceUnavailable:
        return ServiceUnavailable(
            self.uri,
            found=found,
            expected="a bucket that answers",
            next_move="check the bucket's name, the endpoint, the credentials and their rights",
        )


def connection() -> dict[str, Any] | None:
    """How obstore reaches S3, as any AWS tool does here; None without credentials."""
    from obstore.auth.boto3 import Boto3CredentialProvider

    credentials, meta = session(), client("s3").meta
    if credentials.get_credentials() is None:
        return None
    return {
        # The most specific of obstore's settings, so that none it finds itself comes before.
        "aws_endpoint_url_s3": meta.endpoint_url,
        "region": meta.region_name,
        "credential_provider": Boto3CredentialProvider(credentials),
        "client_options": {
            "allow_http": meta.endpoint_url.startswith("http://"),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
            "timeout": RESPONSE_LIMIT,
        },
    }


def _info(meta: ObjectMeta) -> ObjectInfo:
    # Listings state milliseconds, single answers seconds: the coarser of the two is comparable.
    modified = meta["last_modified"].replace(microsecond=0)
    return ObjectInfo(meta["path"], meta["size"], (meta["e_tag"] or "").strip('"'), modified)
