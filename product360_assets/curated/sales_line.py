"""`curated.sales_line`: every product line of every till receipt, in units and to the cent.

The hazard is fuel: its quantity is a volume, so one tank would outweigh a week of groceries. Fuel
lines keep their value and lose their units. Real lines are never quarantined; the accounting check
compares every cent with the clean data that was taken in.
"""

from __future__ import annotations

from datetime import date

from product360_assets.curated.business_day import latest_closed_day
from product360_assets.curated.changes import follow_from, place_of
from product360_assets.curated.claims import Claim, all_claims, last_changes, newest
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from resources.ledger import Ledger
from resources.warehouse import WarehouseResource
from spark.tables.curated import PRODUCT, SALES_LINE

LINES = Input("pos", "sales_line")
BASKETS = Input("pos", "basket", looked_up=True)
PUBLICATION = Publication(
    SALES_LINE, job="sales_line", inputs=(LINES, BASKETS), with_tombstones=True
)
PLOTS = (
    Plot(
        "Revenue by business day",
        """
        SELECT business_date, sum(sales_value) AS revenue FROM recent
        GROUP BY ALL ORDER BY business_date
        """,
        y="USD",
        day="business_date",
    ),
)


def as_of_sales(warehouse: WarehouseResource, ledger: Ledger) -> date:
    """The latest closed business day with sales."""
    return latest_closed_day(
        warehouse,
        ledger,
        published=SALES_LINE,
        day="business_date",
        source="pos",
        table="sales_line",
    )


_AMOUNTS = ("sales_value", "retail_discount", "coupon_discount", "coupon_match_discount")
_SAID = f"""(
    SELECT *, {place_of()} AS _place, _operation = 'D' AS _is_deleted
    FROM {last_changes("clean_pos_sales_line", "basket_id", "product_id")}
)"""

CLAIMS = all_claims(
    SALES_LINE,
    [
        Claim(
            "sales_equal_the_clean_lines_to_the_cent",
            "Every line that was accepted is published once, with its whole value.",
            f"""
            WITH expected AS (
                SELECT count(*) AS lines, sum(sales_value) AS sales,
                       sum(retail_discount + coupon_discount + coupon_match_discount) AS discounts
                FROM {newest("clean_pos_sales_line", "basket_id", "product_id")}
            ),
            published AS (
                SELECT count(*) AS lines, sum(sales_value) AS sales,
                       sum(retail_discount + coupon_discount + coupon_match_discount) AS discounts
                FROM curated.sales_line
            )
            SELECT expected = published AS holds,
                   published.lines AS published_lines, expected.lines AS clean_lines,
                   published.sales AS published_sales, expected.sales AS clean_sales,
                   published.discounts AS published_discounts,
                   expected.discounts AS clean_discounts
            FROM expected, published
            """,
            clean=(LINES,),
            changes=follow_from(SALES_LINE, _SAID, _AMOUNTS, with_tombstones=True),
        ),
        Claim(
            "every_line_has_its_receipt",
            "A line without a receipt has no day, no store and no household. It is nobody's only "
            "if its clean receipt is nobody's too: then its household was erased.",
            f"""
            WITH line AS (
                SELECT l.business_date IS NULL OR l.store_id IS NULL AS is_alone,
                       l.household_id IS NULL AS is_nobodys,
                       is_nobodys AND b.basket_id IS NOT NULL AND b.household_id IS NULL
                           AS is_erased
                FROM curated.sales_line l
                LEFT JOIN {newest("clean_pos_basket", "basket_id")} b USING (basket_id)
            )
            SELECT count(*) FILTER (is_alone OR is_nobodys AND NOT is_erased) = 0 AS holds,
                   count(*) FILTER (is_alone) AS lines_without_receipt,
                   count(*) FILTER (is_nobodys AND NOT is_erased) AS lines_without_household,
                   count(*) FILTER (is_erased) AS lines_of_erased_households
            FROM line
            """,
            clean=(BASKETS,),
            # Nobody became nobody, and nobody's receipt was said to be anybody's.
            changes="""
            WITH line AS (
                SELECT basket_id, product_id, household_id,
                       business_date IS NULL OR store_id IS NULL AS is_alone
                FROM added
            ),
            nobodys AS (
                SELECT basket_id, product_id FROM line WHERE household_id IS NULL
                EXCEPT SELECT basket_id, product_id FROM removed WHERE household_id IS NULL
            ),
            told AS (
                FROM curated.sales_line SEMI JOIN clean_pos_basket USING (basket_id)
                WHERE household_id IS NULL
            )
            SELECT NOT EXISTS (FROM line WHERE is_alone) AND NOT EXISTS (FROM nobodys)
                   AND NOT EXISTS (FROM told) AS holds,
                   (SELECT count(*) FROM line) AS lines
            """,
        ),
        Claim(
            "no_sale_is_after_2037",
            "Engines disagree on summer time after 2037, so the day of a sale near midnight may be "
            "off by one.",
            """
            SELECT count(*) = 0 AS holds, count(*) AS lines, max(business_date) AS latest
            FROM curated.sales_line WHERE business_date > DATE '2037-12-31'
            """,
            blocking=False,
            each_row=True,
        ),
        Claim(
            "fuel_has_no_units",
            "Litres counted as pieces would outweigh everything else.",
            """
            SELECT count(*) FILTER (is_fuel = (units IS NOT NULL)) = 0 AS holds,
                   count(*) FILTER (is_fuel) AS fuel_lines,
                   max(units) AS most_units_of_one_line
            FROM curated.sales_line
            """,
            each_row=True,
        ),
        Claim(
            "products_are_known_to_the_catalogue",
            "Sales of products that the catalogue lacks are real, and somebody should list them.",
            """
            SELECT count(*) FILTER (NOT is_known_product) = 0 AS holds,
                   count(*) FILTER (NOT is_known_product) AS lines,
                   sum(sales_value) FILTER (NOT is_known_product) AS sales
            FROM curated.sales_line
            """,
            blocking=False,
            each_row=True,
        ),
    ],
)

sales_line = publication_asset(
    PUBLICATION,
    claims=CLAIMS,
    upstream=[PRODUCT],
    parameters=lambda contract: {
        "time_zone": contract("pos").time_zone,
        "product": f"lake.{PRODUCT.identifier}",
    },
    plots=PLOTS,
)

sales_line_checks = table_checks(SALES_LINE, CLAIMS)
