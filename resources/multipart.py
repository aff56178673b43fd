"""Objects larger than one request, into S3: in parts, visible only when complete, create-only.

The hazard: the condition holds at completion, not at the beginning. All parts may travel and the
key still be taken in the meantime; then the upload is aborted and FileExistsError raised.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from resources.aws import translated
from resources.errors import ObjectChanged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

MEBIBYTE = 1024 * 1024
# S3 takes at most 10,000 parts, of 5 MiB to 5 GiB but for the last.
MOST_PARTS = 10_000
SENT_PART_BYTES = 16 * MEBIBYTE
COPIED_PART_BYTES = 256 * MEBIBYTE
# Parts on their way at once: enough to fill a link, few enough to hold in memory.
PARTS_AT_ONCE = 4


class _Target(TypedDict):
    Bucket: str
    Key: str
    UploadId: str


def send(s3: S3Client, bucket: str, key: str, chunks: Iterable[bytes], *, size: int) -> None:
    """Create an object of `size` bytes from chunks, holding a few parts in memory.

    Raises:
        FileExistsError: the key holds an object.
    """

    def send_part(target: _Target, number: int, part: bytes) -> str:
        return s3.upload_part(**target, PartNumber=number, Body=part)["ETag"]

    part_bytes = max(SENT_PART_BYTES, -(-size // MOST_PARTS))
    with _upload(s3, bucket, key) as (target, etags), ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        waiting: deque[Future[str]] = deque()
        for number, part in enumerate(_regrouped(chunks, part_bytes), start=1):
            waiting.append(pool.submit(send_part, target, number, part))
            if len(waiting) >= PARTS_AT_ONCE:
                etags.append(waiting.popleft().result())
        etags.extend(part.result() for part in waiting)


def copy(
    s3: S3Client,
    bucket: str,
    key: str,
    chunks: Iterable[bytes],
    *,
    source: CopySourceTypeDef,
    etag: str,
    size: int,
) -> None:
    """Let S3 copy one version of an object, while the caller's `chunks` of it are exhausted.

    Raises:
        FileExistsError: the key holds an object.
    """
    part_bytes = max(COPIED_PART_BYTES, -(-size // MOST_PARTS))

    def copy_part(target: _Target, number: int) -> str:
        start = (number - 1) * part_bytes
        end = min(start + part_bytes, size) - 1
        answer = s3.upload_part_copy(
            **target,
            PartNumber=number,
            CopySource=source,
            CopySourceIfMatch=f'"{etag}"',
            CopySourceRange=f"bytes={start}-{end}",
        )
        return answer["CopyPartResult"]["ETag"]

    with _upload(s3, bucket, key) as (target, etags), ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        numbers = range(1, -(-size // part_bytes) + 1)
        parts = [pool.submit(copy_part, target, number) for number in numbers]
        deque(chunks, maxlen=0)
        etags.extend(part.result() for part in parts)


@contextmanager
def _upload(s3: S3Client, bucket: str, key: str) -> Iterator[tuple[_Target, list[str]]]:
    """An upload that is completed with the etags its user collects, in order, or aborted."""
    etags: list[str] = []
    with translated("Amazon S3", f"{bucket}/{key}"), _refusals(key):
        upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        target: _Target = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
        try:
            yield target, etags
            parts: list[CompletedPartTypeDef] = [
                {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)
            ]
            s3.complete_multipart_upload(
                **target, MultipartUpload={"Parts": parts}, IfNoneMatch="*"
            )
        except BaseException:
            s3.abort_multipart_upload(**target)
            raise


@contextmanager
def _refusals(key: str) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == "NoSuchKey":
            raise FileNotFoundError(key) from error
        if code not in {"PreconditionFailed", "ConditionalRequestConflict"}:
            raise
        if error.operation_name == "CompleteMultipartUpload":
            raise FileExistsError(key) from error
        raise ObjectChanged(
            key,
            found="another version than the one whose bytes are being hashed",
            expected="one version from the first part to the last",
            next_move="list again: the new version is a delivery of its own",
        ) from error


def _regrouped(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
