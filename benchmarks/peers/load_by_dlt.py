"""A table to Parquet by dlt: its source for SQL databases with the Arrow backend, into a folder."""

from __future__ import annotations

from pathlib import Path

import dlt
from dlt.sources.sql_database import sql_table

from benchmarks.peers import timed


def load(database: str, table: str, folder: Path) -> None:
    """Files below `data/`, as dlt names them."""
    schema, _, name = table.partition(".")
    rows = sql_table(
        database.replace("postgresql://", "postgresql+psycopg2://"),
        table=name,
        schema=schema,
        backend="pyarrow",
        chunk_size=100_000,
        reflection_level="full_with_precision",
    )
    pipeline = dlt.pipeline(
        name,
        destination=dlt.destinations.filesystem(bucket_url=folder.as_uri()),
        dataset_name="data",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run(rows, loader_file_format="parquet", write_disposition="replace")


if __name__ == "__main__":
    timed.run(load)
