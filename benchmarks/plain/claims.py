"""What must hold between published tables, in SQL that DuckDB and both Spark engines read alike."""

from __future__ import annotations

CLAIMS = {
    "every line has its receipt": """
        SELECT count(*) = 0 FROM sales_line
        WHERE business_date IS NULL OR store_id IS NULL OR household_id IS NULL
    """,
    "every event is in one visit": """
        SELECT (SELECT sum(events) FROM click_session) = (
            SELECT count(*) FROM click_event
            WHERE event_date <= (SELECT max(session_date) FROM click_session))
    """,
    "the stores' revenue is the sales' to the cent": """
        SELECT (SELECT sum(revenue) FROM store) = (SELECT sum(sales_value) FROM sales_line)
    """,
}
