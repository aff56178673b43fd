"""The tables of the company's database: how each is declared, and where its rows come from.

The hazard: `sold_at` and `updated_at` are UTC without saying so, as the panel delivers them; only
the source contract knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from demo.manifest import COMPANY_SCHEMA


@dataclass(frozen=True)
class DatabaseTable:
    """A table: its columns as PostgreSQL declares them, its key, and where its rows come from.

    Attributes:
        changes: the panel's relation of `made_in`, `op` and the table's columns; see `demo.slips`.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    changes: str

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns in their order."""
        return tuple(column.partition(" ")[0] for column in self.columns)

    @property
    def declaration(self) -> str:
        """What stands between the parentheses of CREATE TABLE."""
        return f"{', '.join(self.columns)}, PRIMARY KEY ({', '.join(self.key)})"

    @property
    def planned(self) -> str:
        """The company's own table of what is still to happen to this one."""
        return f"{COMPANY_SCHEMA}.{self.name.rpartition('.')[2]}_change"


_HIERARCHY: Final = """
SELECT row_number() OVER (
           ORDER BY department, product_category NULLS FIRST, product_type NULLS FIRST
       ) AS hierarchy_id, department, product_category, product_type
FROM (SELECT DISTINCT department, product_category, product_type FROM products)
"""

# A product enters the catalogue when it is first sold or first promoted, whichever is earlier, in
# the whole panel; one that never was has been there since the first day.
_FIRST_SEEN: Final = """
WITH sold AS (SELECT product_id, min(sold_at) AS sold_at FROM all_line GROUP BY ALL),
     promoted AS (SELECT product_id, min(week) AS week FROM promotions GROUP BY ALL)
SELECT product_id,
       coalesce(least(sold.sold_at, timezone('UTC', timezone('America/New_York',
                greatest(TIMESTAMP '2016-12-26' + to_days(7 * (week - 1)::INTEGER),
                         TIMESTAMP '2017-01-01')))),
                TIMESTAMP '2017-01-01 05:00:00') AS updated_at
FROM products LEFT JOIN sold USING (product_id) LEFT JOIN promoted USING (product_id)
"""

PRODUCTS: Final = f"""
WITH hierarchy AS ({_HIERARCHY}), first_seen AS ({_FIRST_SEEN})
SELECT product_id, hierarchy_id, manufacturer_id, brand, package_size, updated_at
FROM products AS p JOIN first_seen USING (product_id) JOIN hierarchy AS h
  ON p.department = h.department
 AND p.product_category IS NOT DISTINCT FROM h.product_category
 AND p.product_type IS NOT DISTINCT FROM h.product_type
"""

# Parents before the tables that refer to them.
TABLES: Final = (
    DatabaseTable(
        "catalog.product_hierarchy",
        (
            "hierarchy_id bigint",
            "department text NOT NULL",
            "product_category text",
            "product_type text",
        ),
        ("hierarchy_id",),
        f"(SELECT 1 AS made_in, 'I' AS op, * FROM ({_HIERARCHY}))",
    ),
    DatabaseTable(
        "catalog.product",
        (
            "product_id bigint",
            "hierarchy_id bigint NOT NULL",
            "manufacturer_id bigint NOT NULL",
            "brand text NOT NULL",
            "package_size text",
            "updated_at timestamp NOT NULL",
        ),
        ("product_id",),
        "product_change",
    ),
    DatabaseTable(
        "pos.basket",
        (
            "basket_id bigint",
            "household_id bigint NOT NULL",
            "store_id bigint NOT NULL",
            "sold_at timestamp NOT NULL",
            "week integer NOT NULL",
        ),
        ("basket_id",),
        "basket_change",
    ),
    DatabaseTable(
        "pos.sales_line",
        (
            "basket_id bigint",
            "product_id bigint",
            "quantity bigint NOT NULL",
            "sales_value numeric(12, 2) NOT NULL",
            "retail_discount numeric(12, 2) NOT NULL",
            "coupon_discount numeric(12, 2) NOT NULL",
            "coupon_match_discount numeric(12, 2) NOT NULL",
        ),
        ("basket_id", "product_id"),
        "sales_line_change",
    ),
)
