"""The latest closed business day in the data: what "as of" means in everything that is derived.

It comes from the rows themselves and never from a clock, so that the same data gives the same
numbers whenever they are computed. A day is closed when a delivery of a later day has come: what
happens on the delivery's own day may still be going on.
"""

from __future__ import annotations

from datetime import date, timedelta

from product360_assets.curated.pending import COMMITTED
from resources.errors import TableMissing
from resources.ledger import Ledger
from resources.warehouse import WarehouseResource
from spark.tables import Table


def latest_closed_day(
    warehouse: WarehouseResource,
    ledger: Ledger,
    *,
    published: Table,
    day: str,
    source: str,
    table: str,
) -> date:
    """The last day with rows that is before the newest delivery taken in from `source.table`.

    Args:
        warehouse: where the published table is read.
        ledger: what knows its deliveries.
        published: the table that has taken `source.table` in.
        day: its column that says on which day a row happened.
        source: the source system that the deliveries are of.
        table: the source's table.

    Raises:
        TableMissing: nothing has been published.
    """
    newest = newest_delivery(ledger, source, table, published.identifier)
    latest = None
    if newest > date.min:
        latest = warehouse.query(
            f"SELECT max({day}) AS day FROM {published.identifier} WHERE {day} <= ?",
            parameters=[newest - timedelta(days=1)],
        ).single()["day"]
    if not isinstance(latest, date):
        raise TableMissing(
            f"table {published.identifier}",
            found=f"no {day} before the newest delivery",
            expected="at least one closed business day",
            next_move=f"materialize the asset {published.identifier.replace('.', '/')} first",
        )
    return latest


def newest_delivery(ledger: Ledger, source: str, table: str, published: str) -> date:
    """Landing date of the newest batch that the published table has taken in, or `date.min`."""
    taken_in = ledger.zone_states(source, table, published)
    delivered = (
        batch.landing_date
        for batch in ledger.batches(source, table)
        if batch.batch_id in taken_in and taken_in[batch.batch_id].details.get("state") == COMMITTED
    )
    return max(delivered, default=date.min)
