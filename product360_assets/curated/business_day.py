"""The latest closed business day in the data: what "as of" means in everything that is derived.

It comes from the sales themselves and never from a clock, so that the same data gives the same
numbers whenever they are computed. A day is closed when a delivery of a later day has come: the
sales of the delivery's own day may still be going on.
"""

from __future__ import annotations

from datetime import date, timedelta

from product360_assets.curated.pending import COMMITTED
from resources.errors import TableMissing
from resources.ledger import Ledger
from resources.warehouse import WarehouseResource
from spark.tables import Table


def latest_closed_day(
    warehouse: WarehouseResource, ledger: Ledger, *, sales: Table, source: str, table: str
) -> date:
    """The last day with sales that is before the newest delivery taken in from `source.table`.

    Raises:
        TableMissing: no sales have been published.
    """
    taken_in = ledger.zone_states(source, table, sales.identifier)
    delivered = [
        batch.landing_date
        for batch in ledger.batches(source, table)
        if batch.batch_id in taken_in and taken_in[batch.batch_id].details.get("state") == COMMITTED
    ]
    newest = max(delivered, default=date.min)
    day = None
    if delivered:
        day = warehouse.query(
            f"SELECT max(business_date) AS day FROM {sales.identifier} WHERE business_date <= ?",
            parameters=[newest - timedelta(days=1)],
        ).single()["day"]
    if not isinstance(day, date):
        raise TableMissing(
            f"table {sales.identifier}",
            found="no sale on a day before the newest delivery",
            expected="at least one closed business day",
            next_move=f"materialize the asset {sales.identifier.replace('.', '/')} first",
        )
    return day
