"""The model of the synthetic shop visits, which end in the panel's real baskets.

The panel is of shops; the clicks are a model, and every row says that it is synthetic. A tenth of
the baskets get one buying session, which ends when the real basket was paid and whose cart is
exactly that basket's eligible lines; browsing sessions are placed up to six days before real
baskets of the same household. The hazard: browsing uses products that the household buys later, so
a purchase "predicted" from these clicks is the generator's own echo, never a finding.

Published figures, as constants (no data of theirs is used):
- UCI: Sakar, Polat, Katircioglu, Kastro (2019), "Online Shoppers Purchasing Intention Dataset",
  12,330 sessions: share of buying sessions, product pages by outcome, visitor types, conversion.
- Diginetica: CIKM Cup 2016, gaps between the clicks of a session. Yoochoose (RecSys Challenge
  2015) agrees for long sessions: median 46.5 s.
Assumptions of our own: the digital share of baskets, where extra views come from, and how many of
them are put into the cart and taken out again.

Every number is keyed by a basket's id (`demo.keyed`) and the pool of popular products is the whole
panel's, so a smaller scale's events are a subset of a larger one's, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from demo.columns import Integers

if TYPE_CHECKING:
    import duckdb

GENERATOR: Final = "product360-clickstream/1"

DIGITAL_SHARE: Final = 0.10  # of baskets; assumption
BUYING_SHARE: Final = 0.1547  # of sessions; UCI
NEW_VISITORS: Final = 0.137  # of sessions; UCI
NEW_VISITORS_BUY: Final = 0.249  # of new visitors' sessions; UCI
OWN_PURCHASES: Final = 0.60  # of extra views; assumption; the rest follow overall popularity
REGRETTED: Final = 0.03  # of extra views; assumption
MOST_VIEWS: Final = 150
DAYS_BEFORE: Final = 7  # a browsing session lies 0 to 6 days before its basket

# Quantiles: the value at each of these levels, in per cent; straight lines between them.
LEVELS: Final = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)
VIEWS_WHEN_BUYING: Final = (0, 5, 8, 13, 18, 22, 29, 36, 48, 69, 113, 159, 308)  # UCI
VIEWS_WHEN_BROWSING: Final = (0, 1, 2, 5, 8, 12, 16, 22, 29, 41, 67, 97, 191)  # UCI
GAP_SECONDS: Final = (  # Diginetica
    0, 7.1, 11.4, 19.3, 28.0, 37.7, 50.4, 68.0, 93.8, 135.5, 233.0, 369.6, 734.7,
)  # fmt: skip

_ELIGIBLE = """
SELECT household_id, basket_id, product_id, quantity, epoch_ms(sold_at) AS sold_ms
FROM {lines} JOIN unit_product USING (product_id)
WHERE quantity BETWEEN 1 AND 100 AND department <> 'COUPON'
ORDER BY household_id, basket_id, product_id
"""


@dataclass(frozen=True)
class Lines:
    """Eligible sales lines of whole households, ordered by household, basket and product."""

    household: Integers
    basket: Integers
    product: Integers
    quantity: Integers
    sold_ms: Integers


@dataclass(frozen=True)
class Popularity:
    """Products of the whole panel, and how many eligible lines they and those before them have."""

    product: Integers
    lines_so_far: Integers


def read_lines(panel: duckdb.DuckDBPyConnection) -> Lines:
    """The eligible lines of the panel's sampled households."""
    columns = panel.execute(_ELIGIBLE.format(lines="line")).fetchnumpy()
    household, basket, product, quantity, sold_ms = (
        np.asarray(columns[name], dtype=np.int64)
        for name in ("household_id", "basket_id", "product_id", "quantity", "sold_ms")
    )
    return Lines(household, basket, product, quantity, sold_ms)


def read_popularity(panel: duckdb.DuckDBPyConnection) -> Popularity:
    """How often each product of the whole panel was bought, whatever the scale."""
    counted = panel.execute(
        f"SELECT product_id, count(*) AS lines FROM ({_ELIGIBLE.format(lines='all_line')}) "
        "GROUP BY product_id ORDER BY product_id"
    ).fetchnumpy()
    return Popularity(
        product=np.asarray(counted["product_id"], dtype=np.int64),
        lines_so_far=np.cumsum(np.asarray(counted["lines"], dtype=np.int64)),
    )
