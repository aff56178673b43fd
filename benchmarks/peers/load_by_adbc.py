"""A table to Parquet by Arrow's ADBC driver: a stream of batches, written as they come."""

from __future__ import annotations

from pathlib import Path

import adbc_driver_postgresql.dbapi
import pyarrow.parquet as pq

from benchmarks.peers import timed


def load(database: str, table: str, folder: Path) -> None:
    """One file."""
    with adbc_driver_postgresql.dbapi.connect(database) as session, session.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        batches = cursor.fetch_record_batch()
        with pq.ParquetWriter(folder / "1.parquet", batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)


if __name__ == "__main__":
    timed.run(load)
