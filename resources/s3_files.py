"""The buckets as one file system, for engines in this process that open files by their URI.

It reads parts of objects, so that an engine fetches the columns that it needs and no more. Which
files an engine may open is its own fence; whatever else is done with objects is `resources.s3`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from resources.errors import ServiceUnavailable
from resources.s3 import connection

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from obstore.fsspec import FsspecStore

SCHEME: Final = "s3"


def lie_in_s3(uris: Iterable[str]) -> bool:
    """Whether any of these is an object of a bucket."""
    return any(uri.startswith(f"{SCHEME}://") for uri in uris)


def reach_s3(session: DuckDBPyConnection, uris: Iterable[str]) -> None:
    """Have a session of DuckDB reach those of the files that lie in S3.

    DuckDB's own way there is an extension, which would be fetched from elsewhere.
    """
    if lie_in_s3(uris) and not session.filesystem_is_registered(SCHEME):
        session.register_filesystem(s3_files())


def s3_files() -> FsspecStore:
    """The file system; makes no request.

    Raises:
        ServiceUnavailable: there are no credentials.
    """
    from obstore.fsspec import FsspecStore

    found = connection()
    if found is None:
        raise ServiceUnavailable(
            "files in Amazon S3",
            found="no AWS credentials",
            expected="credentials that may read them",
            next_move="check them with `aws sts get-caller-identity`, then try again",
        )
    # Its short name: of the most specific one, `from_url` behind this takes the head off.
    found["endpoint_url"] = found.pop("aws_endpoint_url_s3")
    # Not one that an earlier caller had, whose credentials may have been others.
    found["skip_instance_cache"] = True
    return FsspecStore(SCHEME, **found)
