"""A table to Parquet by ConnectorX: its stream of batches, which keeps memory small."""

from __future__ import annotations

from pathlib import Path

import connectorx
import pyarrow.parquet as pq

from benchmarks.peers import timed


def load(database: str, table: str, folder: Path) -> None:
    """One file."""
    batches = connectorx.read_sql(
        database, f"SELECT * FROM {table}", return_type="arrow_stream", batch_size=100_000
    )
    with pq.ParquetWriter(folder / "1.parquet", batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


if __name__ == "__main__":
    timed.run(load)
