"""What goes wrong in the last weeks, and how it is put right, as in the books of any company.

The panel knows how each line ended. Here a few of them begin otherwise, chosen by keyed numbers:

    mispriced     a line rung up at ten times its value; corrected
    mistaken      a line of something that was not bought; deleted
    misdated      a receipt of a till whose clock was a day late; corrected
    training      a receipt of nobody, with one line, by somebody who learns the till; deleted
    mislabelled   a new product under the other brand; corrected
    unwanted      a product listed by mistake; deleted

Each is put right in the week after its own; in the last week, which has none after it, in the very
transaction that made it. So the year ends as the panel says, and the sum of all changes is the
panel. The hazard: whoever applies half of the changes gets totals that look right. What was changed
is therefore counted, by table and week; see `demo.weeks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from demo.calendar import FIRST_CLOSING, LAST_WEEK, OPENING_WEEK
from demo.keyed import keyed, numbered, uniform
from demo.settings import SEED

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

SHARES: Final[Mapping[str, float]] = {
    "mispriced": 0.01,
    "mistaken": 0.05,
    "misdated": 0.03,
    "training": 0.02,
    "mislabelled": 0.02,
    "unwanted": 0.01,
}

# Ids that the panel does not use: what is only a slip can be told by its number.
_TRAINING_IDS: Final = 100_000_000_000
_UNWANTED_IDS: Final = 900_000_000
_PUT_RIGHT: Final = f"least(week + 1, {LAST_WEEK})"
_LATE_WEEKS: Final = f"week BETWEEN {OPENING_WEEK} AND {LAST_WEEK}"

# The week of a moment in UTC: Monday to Sunday in New York, week 1 from 26 December.
_WEEK_OF_UPDATE: Final = """
    1 + (CAST(timezone('America/New_York', timezone('UTC', updated_at)) AS DATE)
         - DATE '2016-12-26') // 7
"""

_LINE_CHANGES: Final = f"""
CREATE TABLE sales_line_change AS
WITH real AS (
    SELECT *, is_mispriced IS NOT NULL AS is_wrong FROM line
    LEFT JOIN (SELECT *, true AS is_mispriced FROM mispriced) USING (basket_id, product_id)
), invented AS (
    SELECT week, basket_id, mistaken.product_id
    FROM mistaken ANTI JOIN line USING (basket_id, product_id)
    UNION ALL SELECT week, basket_id + {_TRAINING_IDS}, product_id FROM training
), invented_line AS (
    SELECT *, 1 AS quantity, 1.00 AS sales_value, 0 AS retail_discount, 0 AS coupon_discount,
           0 AS coupon_match_discount
    FROM invented
), change AS (
    SELECT week AS made_in, 'I' AS op,
           * REPLACE (if(is_wrong, 10, 1) * sales_value AS sales_value) FROM real
    UNION ALL BY NAME SELECT {_PUT_RIGHT} AS made_in, 'U' AS op, * FROM real WHERE is_wrong
    UNION ALL BY NAME SELECT week AS made_in, 'I' AS op, * FROM invented_line
    UNION ALL BY NAME SELECT {_PUT_RIGHT} AS made_in, 'D' AS op, * FROM invented_line
)
SELECT made_in, op, basket_id, product_id, quantity, sales_value::DECIMAL(12, 2) AS sales_value,
       retail_discount, coupon_discount, coupon_match_discount
FROM change
"""

_BASKET_CHANGES: Final = f"""
CREATE TABLE basket_change AS
WITH basket AS (
    SELECT DISTINCT week, basket_id, household_id, store_id, sold_at FROM line
), real AS (
    SELECT *, is_misdated IS NOT NULL AS is_wrong
    FROM basket LEFT JOIN (SELECT basket_id, true AS is_misdated FROM misdated) USING (basket_id)
), invented AS (
    SELECT * REPLACE (basket_id + {_TRAINING_IDS} AS basket_id)
    FROM basket SEMI JOIN training USING (basket_id)
), change AS (
    SELECT week AS made_in, 'I' AS op,
           * REPLACE (sold_at - to_days(if(is_wrong, 1, 0)) AS sold_at) FROM real
    UNION ALL BY NAME SELECT {_PUT_RIGHT} AS made_in, 'U' AS op, * FROM real WHERE is_wrong
    UNION ALL BY NAME SELECT week AS made_in, 'I' AS op, * FROM invented
    UNION ALL BY NAME SELECT {_PUT_RIGHT} AS made_in, 'D' AS op, * FROM invented
)
SELECT made_in, op, basket_id, household_id, store_id, sold_at, week FROM change
"""

_PRODUCT_CHANGES: Final = f"""
CREATE TABLE product_change AS
WITH real AS (
    SELECT *, is_mislabelled IS NOT NULL AS is_wrong FROM dated_product
    LEFT JOIN (SELECT product_id, true AS is_mislabelled FROM mislabelled) USING (product_id)
), invented AS (
    SELECT * REPLACE (product_id + {_UNWANTED_IDS} AS product_id)
    FROM dated_product SEMI JOIN unwanted USING (product_id)
), change AS (
    SELECT week AS made_in, 'I' AS op, * REPLACE (
        CASE WHEN NOT is_wrong THEN brand WHEN brand = 'Private' THEN 'National' ELSE 'Private' END
        AS brand) FROM real
    UNION ALL BY NAME
    SELECT {_PUT_RIGHT} AS made_in, 'U' AS op, * REPLACE (
        TIMESTAMP '{FIRST_CLOSING:%Y-%m-%d %H:%M:%S}' + to_days(7 * ({_PUT_RIGHT} - 1)::INTEGER)
        AS updated_at) FROM real WHERE is_wrong
    UNION ALL BY NAME SELECT week AS made_in, 'I' AS op, * FROM invented
    UNION ALL BY NAME SELECT {_PUT_RIGHT} AS made_in, 'D' AS op, * FROM invented
)
SELECT made_in, op, product_id, hierarchy_id, manufacturer_id, brand, package_size, updated_at
FROM change
"""

CHANGES: Final = (_LINE_CHANGES, _BASKET_CHANGES, _PRODUCT_CHANGES)


def plan_changes(panel: duckdb.DuckDBPyConnection, products: str) -> None:
    """Make `sales_line_change`, `basket_change` and `product_change` from the panel.

    Each row is one change: `made_in`, the week; `op`, which is I, U or D; and the columns of the
    database's table. The changes of all weeks, one after another, leave the panel's own rows.

    Args:
        panel: the panel at the wanted scale.
        products: the query of the catalogue's products as they end.
    """
    panel.execute(
        f"CREATE TABLE dated_product AS SELECT {_WEEK_OF_UPDATE} AS week, * FROM ({products})"
    )
    _choose_lines(panel)
    _choose_baskets(panel)
    _choose_products(panel)
    for statement in CHANGES:
        panel.execute(statement)


def _choose_lines(panel: duckdb.DuckDBPyConnection) -> None:
    lines = panel.sql(
        f"SELECT basket_id, product_id FROM line WHERE {_LATE_WEEKS} AND sales_value > 0"
    ).fetchnumpy()
    ids = numbered(lines["basket_id"].astype(np.uint64), lines["product_id"])
    _keep(panel, "mispriced", ids, lines)


def _choose_baskets(panel: duckdb.DuckDBPyConnection) -> None:
    baskets = panel.sql(
        f"SELECT DISTINCT basket_id, week FROM line WHERE {_LATE_WEEKS}"
    ).fetchnumpy()
    ids = baskets["basket_id"].astype(np.uint64)
    listed = panel.sql(
        f"SELECT product_id FROM unit_product SEMI JOIN dated_product AS d"
        f" ON d.product_id = unit_product.product_id AND d.week < {OPENING_WEEK} ORDER BY 1"
    ).fetchnumpy()["product_id"]
    drawn = keyed(ids, seed=SEED, purpose="what a slip was rung up for") % np.uint64(listed.size)
    with_product = {**baskets, "product_id": listed[drawn.astype(np.int64)]}
    for slip in ("mistaken", "misdated", "training"):
        _keep(panel, slip, ids, with_product)


def _choose_products(panel: duckdb.DuckDBPyConnection) -> None:
    products = panel.sql(f"SELECT product_id FROM dated_product WHERE {_LATE_WEEKS}").fetchnumpy()
    for slip in ("mislabelled", "unwanted"):
        _keep(panel, slip, products["product_id"].astype(np.uint64), products)


def _keep(
    panel: duckdb.DuckDBPyConnection,
    slip: str,
    ids: NDArray[np.uint64],
    columns: Mapping[str, NDArray[np.generic]],
) -> None:
    """Make the table `slip` of the rows that are drawn for it."""
    import pyarrow as pa

    drawn = uniform(ids, seed=SEED, purpose=slip) < SHARES[slip]
    chosen = pa.table({name: values[drawn] for name, values in columns.items()})
    panel.register(slip, chosen)
