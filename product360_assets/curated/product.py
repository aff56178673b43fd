"""`curated.product`: every product that the catalogue lists or that was sold.

The hazard is the orphan: a few products are sold that the catalogue does not list. Each gets one
visible row whose attributes are UNKNOWN, so that no sale disappears in a join; the row gives way
when the catalogue delivers the product. That is why the sales lines are an input here.
"""

from __future__ import annotations

from product360_assets.curated.claims import Claim, all_claims, newest
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from product360_assets.curated.publish import Publication
from product360_assets.curated.steps import publication_asset
from product360_assets.curated.table_checks import table_checks
from spark.tables.curated import PRODUCT

CATALOGUE = Input("catalog", "product", looked_up=True)
HIERARCHY = Input("catalog", "product_hierarchy", looked_up=True)
SOLD = Input("pos", "sales_line", looked_up=True)
PUBLICATION = Publication(PRODUCT, job="product", inputs=(CATALOGUE, HIERARCHY, SOLD))
PLOTS = (
    Plot(
        "Products by department",
        f"""
        SELECT department, count(*) AS products FROM {PRODUCT.identifier}
        GROUP BY ALL ORDER BY products DESC, department LIMIT 12
        """,
        y="products",
        kind="bar",
    ),
)


CLAIMS = all_claims(
    PRODUCT,
    [
        Claim(
            "every_product_of_the_catalogue_is_there",
            "A product that was delivered must be found, whatever happened on the way.",
            f"""
            SELECT count(*) FILTER (p.product_id IS NULL) = 0 AS holds,
                   count(*) AS delivered,
                   count(*) FILTER (p.product_id IS NULL) AS missing
            FROM {newest("clean_catalog_product", "product_id")} c
            LEFT JOIN curated.product p ON p.product_id = c.product_id AND NOT p.is_unknown_member
            """,
            clean=(CATALOGUE,),
        ),
        Claim(
            "every_product_sold_is_there",
            "A sale of a product without a row would vanish from every report by product.",
            f"""
            SELECT count(*) FILTER (p.product_id IS NULL) = 0 AS holds,
                   count(*) AS sold,
                   count(*) FILTER (p.is_unknown_member) AS unknown_to_the_catalogue,
                   count(*) FILTER (p.product_id IS NULL) AS missing
            FROM (
                SELECT DISTINCT product_id
                FROM {newest("clean_pos_sales_line", "basket_id", "product_id")}
            ) s LEFT JOIN curated.product p USING (product_id)
            """,
            clean=(SOLD,),
        ),
    ],
)

product = publication_asset(PUBLICATION, claims=CLAIMS, plots=PLOTS)

product_checks = table_checks(PRODUCT, CLAIMS)
