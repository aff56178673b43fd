"""Columns that say which delivery a row came from; they begin with an underscore.

Content digests and previews leave them out: two deliveries of one content are one content.
"""

from __future__ import annotations

from spark.tables.model import Column

BATCH_ID = Column("_batch_id", "string", "Batch that delivered the row's latest change.")
CHANGE_ORDER = Column(
    "_change_order",
    "string",
    "Place of the row's latest change in its source's history: epoch, commit time, sequence.",
)
LINEAGE = (BATCH_ID, CHANGE_ORDER)
