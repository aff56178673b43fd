"""What is remembered of deleted rows: a table beside a published one, with nothing but keys.

A published table holds only rows that stand, so of a deleted row it could not tell that a change
which comes late is older than the deletion. Its tombstones can.
"""

from __future__ import annotations

from spark.tables.curated.lineage import LINEAGE
from spark.tables.model import Table


def tombstones_of(table: Table) -> Table:
    """The table that says which keys of `table` were deleted, and by which change."""
    return Table(
        zone=table.zone,
        name=f"{table.name}_tombstone",
        doc=f"Keys of {table.identifier} that were deleted, with the last change that did so. Kept "
        "so that older changes that come late do not bring them back; newer ones do.",
        grain=f"one row per key of {table.identifier} that was ever deleted",
        owner=table.owner,
        key=table.key,
        columns=(*(table.column(name) for name in table.key), *LINEAGE),
    )
