"""The weekly files of the pricing system: the price of each product, and its promotions.

The panel has no price list, so a price is a rule. For a product and a business week, over every
line of the whole panel that counts in units (catalogue product, no fuel, quantity 1 to 100, paid):

    shelf price   = (sales_value + retail_disc + coupon_match_disc) / quantity
    loyalty price = (sales_value + coupon_match_disc) / quantity

each rounded to the cent, half a cent up, and of these the price on most lines; of equally frequent
prices, the lowest. Promotions are the panel's own rows, its duplicate keys included.

A smaller scale gets fewer rows, never other ones: prices of the product-weeks that its households
bought. The hazard: week 1 has one day and week 53 has six, because the panel's year starts on a
Sunday and its weeks on Mondays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from demo.calendar import LAST_WEEK, closing
from demo.file_drop import Delivered, FileDrop, Parcel
from demo.panel import open_panel

if TYPE_CHECKING:
    import duckdb

    from demo.settings import Scale

WEEKS: Final = range(1, LAST_WEEK + 1)

_PRICES = """
CREATE TABLE price AS
WITH priced AS (
    SELECT product_id, week, 2 * quantity AS two_q,
           CAST(200 * (sales_value + retail_discount + coupon_match_discount) AS BIGINT) AS shelf,
           CAST(200 * (sales_value + coupon_match_discount) AS BIGINT) AS loyalty
    FROM all_line JOIN unit_product USING (product_id)
    WHERE quantity BETWEEN 1 AND 100 AND sales_value > 0
), in_cents AS (
    -- In integers: (2 x amount + quantity) over (2 x quantity) rounds half a cent up.
    SELECT product_id, week, (shelf + two_q // 2) // two_q AS shelf,
           (loyalty + two_q // 2) // two_q AS loyalty
    FROM priced
), shelf AS (
    SELECT product_id, week, shelf AS cents, count(*) AS lines FROM in_cents GROUP BY ALL
), loyalty AS (
    SELECT product_id, week, loyalty AS cents, count(*) AS lines FROM in_cents GROUP BY ALL
), chosen_shelf AS (
    -- The least (-lines, cents): on most lines, then the lowest.
    SELECT product_id, week, sum(lines)::BIGINT AS lines,
           min({'rarity': -lines, 'cents': cents}).cents AS cents
    FROM shelf GROUP BY ALL
), chosen_loyalty AS (
    SELECT product_id, week, min({'rarity': -lines, 'cents': cents}).cents AS cents
    FROM loyalty GROUP BY ALL
)
SELECT product_id, week,
       CAST(s.cents * 0.01::DECIMAL(3, 2) AS DECIMAL(12, 2)) AS shelf_price,
       CAST(l.cents * 0.01::DECIMAL(3, 2) AS DECIMAL(12, 2)) AS loyalty_price,
       s.lines
FROM chosen_shelf AS s JOIN chosen_loyalty AS l USING (product_id, week)
SEMI JOIN line USING (product_id, week)
"""

PRICE_WEEK: Final = "pricing/price_week/"
_PRICES_OF_WEEK = "SELECT * FROM price WHERE week = {week} ORDER BY product_id"

PROMOTION_WEEK: Final = "pricing/promotion_week/"
_PROMOTIONS_OF_WEEK = """
SELECT product_id, store_id, week, display_location, mailer_location
FROM promotion WHERE week = {week} ORDER BY ALL
"""


def derive_prices(panel: duckdb.DuckDBPyConnection) -> None:
    """Make the table `price`: product_id, week, shelf_price, loyalty_price, lines."""
    panel.execute(_PRICES)


def deliver_prices(scale: Scale, drop: FileDrop) -> Delivered:
    """One price file a week, header and one row per product."""
    if finished := drop.delivered(PRICE_WEEK):
        return finished
    with open_panel(scale) as panel:
        derive_prices(panel)
        return drop.deliver(PRICE_WEEK, _weekly(panel, _PRICES_OF_WEEK, PRICE_WEEK, drop))


def deliver_promotions(scale: Scale, drop: FileDrop) -> Delivered:
    """One promotion file a week, header and one row per product, store and placement."""
    if finished := drop.delivered(PROMOTION_WEEK):
        return finished
    with open_panel(scale) as panel:
        if scale != "full":
            panel.execute("CREATE TABLE sampled AS SELECT * FROM promotion")
            panel.execute("CREATE OR REPLACE VIEW promotion AS SELECT * FROM sampled")
        return drop.deliver(
            PROMOTION_WEEK, _weekly(panel, _PROMOTIONS_OF_WEEK, PROMOTION_WEEK, drop)
        )


def key_of(prefix: str, week: int) -> str:
    """The landing key of a week's file: delivered on the Monday after the week."""
    table = prefix.strip("/").rpartition("/")[2]
    delivery = closing(week).date()
    return f"{prefix}{delivery.isoformat()}/{table}-2017-W{week:02}.csv"


def _weekly(
    panel: duckdb.DuckDBPyConnection, query: str, prefix: str, drop: FileDrop
) -> Iterator[Parcel]:
    for week in WEEKS:
        path = drop.outbox / f"{prefix.strip('/').replace('/', '.')}.csv"
        file = str(path).replace("'", "''")
        written = panel.execute(
            f"COPY ({query.format(week=week)}) TO '{file}' (FORMAT csv, HEADER)"
        ).fetchone()
        yield Parcel(key_of(prefix, week), path, rows=written[0] if written else 0)
