"""The source systems of the local environment: is each connection known, does its database answer?

The hazard is what is told of a secret: how many fields there are, and nothing that is in them but
what names the database.
"""

from __future__ import annotations

from collections.abc import Iterator

from resources.doctor import Finding, failure, ok
from resources.errors import SecretMissing, SourceRejected, SourceUnreachable
from resources.local.postgres import connected, database_name
from resources.secrets import SecretsResource

PATIENCE_SECONDS = 5


def look_at_secret(secrets: SecretsResource, reference: str) -> Iterator[Finding]:
    """Whether a connection is published; sources of a laptop come and go, so none is a warning."""
    try:
        fields = secrets.get(reference)
    except SecretMissing as error:
        yield failure(error, "warning")
    else:
        yield ok(f"secret {reference!r}", f"readable, {len(fields)} fields")


def look_at_database(secrets: SecretsResource, reference: str) -> Iterator[Finding]:
    """Whether a source's database answers, and writes the log that changes are read from."""
    try:
        connection = secrets.get(reference)
        name = database_name(connection)
    except (SecretMissing, KeyError):
        yield Finding(
            f"database of {reference!r}",
            "skipped",
            "its connection is not known",
            "host, port, dbname, user and password in its secret",
            f"see the check 'secret {reference}'",
        )
        return
    try:
        with connected(connection, timeout_seconds=PATIENCE_SECONDS) as session:
            row = session.execute("SELECT version(), current_setting('wal_level')").fetchone()
    except SourceUnreachable as error:
        # What is not running now may be when it is asked; a refusal stays one.
        yield failure(error, "warning")
        return
    except SourceRejected as error:
        yield failure(error)
        return
    version, level = row or ("nothing", "nothing")
    if level == "logical":
        yield ok(name, f"{' '.join(version.split()[:2])}, wal_level {level}")
        return
    yield Finding(
        name,
        "failed",
        f"wal_level {level}",
        "wal_level logical, without which no changes can be read",
        "ALTER SYSTEM SET wal_level = logical, then restart the database",
    )
