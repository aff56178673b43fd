"""The columns that clean adds to a table's own: where each row came from and what orders it."""

from __future__ import annotations

import dagster as dg

_LINEAGE = {
    "_batch_id": ("string", "Batch that delivered the row."),
    "_landing_date": ("date", "Day on which it was delivered, as the delivery says."),
    "_source_file": ("string", "Raw object that holds it."),
    "_row_number": ("bigint", "Its position there, from 1; null where the format has none."),
    "_ingested_at": ("timestamp", "When its batch was accepted into raw; UTC."),
    "_epoch": ("string", "Load that it belongs to; a later load replaces earlier ones."),
    "_committed_at": ("timestamp", "When the source made the change, if it says so; UTC."),
    "_change_sequence": ("string", "Position of the change in its load's log, if there is one."),
    "_operation": ("string", "What happened to the row: I(nserted), U(pdated) or D(eleted)."),
    "_correction_id": ("string", "Batch that delivered it again, if a person corrected it."),
}
# What a corrected row keeps of the row that was rejected: where it came from, and its place in the
# history of its source.
ORIGIN = tuple(name for name in _LINEAGE if name not in ("_operation", "_correction_id"))


def lineage_columns() -> list[dg.TableColumn]:
    """The added columns, described."""
    return [
        dg.TableColumn(name, type=kind, description=text, tags={"lineage": ""})
        for name, (kind, text) in _LINEAGE.items()
    ]
