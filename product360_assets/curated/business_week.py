"""Weekly deliveries as claims see them: the rules of business week and delivery in SQL.

The jobs have their own words for both, on the engine; a claim that used those would agree with them
whatever they said.
"""

from __future__ import annotations

from product360_assets.curated.changes import place_of

# SQL: the place of a delivery in its source's history, which is its rows'.
DELIVERED_AT = place_of("_landing_date::TIMESTAMP", "NULL")


def delivered_weeks(relation: str, *key: str) -> str:
    """A subquery: a clean relation with `week_start`, and of each key and week its newest delivery.

    Several rows of one delivery with one key all stay. Only weeks that were delivered more than
    once are compared by key: to do so with all of them costs as much as everything else together.
    """
    dated = f"(FROM {relation} JOIN {weeks_of(relation)} USING (week, _landing_date))"
    same = ", ".join((*key, "week_start"))
    return f"""(
        FROM {dated} WHERE deliveries = 1
        UNION ALL
        FROM {dated} SEMI JOIN (
            SELECT {same}, max(_landing_date) AS _landing_date
            FROM {dated} WHERE deliveries > 1 GROUP BY {same}
        ) USING ({same}, _landing_date)
        WHERE deliveries > 1
    )"""


def weeks_of(relation: str) -> str:
    """A subquery: each delivery of a week to a clean relation, and how many that week had.

    Its columns are `week`, `_landing_date`, `week_start` and `deliveries`.
    """
    return f"""(
        SELECT *, count(*) OVER (PARTITION BY week_start) AS deliveries
        FROM (SELECT week, _landing_date,
                     {_monday_of("week", "_landing_date")} AS week_start FROM (
                  SELECT DISTINCT week, _landing_date FROM {relation}))
    )"""


def begins_week(monday: str, week: str) -> str:
    """SQL for whether a Monday begins the week of that number, in the year of either of its ends.

    A week that holds 1 January is the first of one year and the last of the other.
    """
    years = (f"year({monday})", f"year({monday} + 6)")
    return f"{monday} IN ({', '.join(_monday(year, week) for year in years)})"


def _monday_of(week: str, delivered: str) -> str:
    """The latest Monday of a week of that number that a delivery came after."""
    near = ", ".join(_monday(f"year({delivered}) + {years}", week) for years in (-1, 0, 1))
    return f"list_max(list_filter([{near}], lambda monday: monday <= {delivered}))"


def _monday(year: str, week: str) -> str:
    return f"date_trunc('week', make_date({year}, 1, 1))::DATE + 7 * ({week} - 1)::INT"
