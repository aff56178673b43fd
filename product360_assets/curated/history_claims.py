"""What holds of every history, and how its current rows are compared with what was delivered.

Current rows are compared with the clean batches that the history has taken in, and not with the
table of the current state: that one may have taken in more, or less, at the same moment.
"""

from __future__ import annotations

from collections.abc import Mapping

from product360_assets.curated.claims import Claim, newest
from product360_assets.curated.pending import Input
from product360_assets.curated.plots import Plot
from spark.tables import Table
from spark.tables.curated.history import VALID_FROM


def history_claims(table: Table) -> list[Claim]:
    """Periods of one key follow each other, and the open one is the current one."""
    key = ", ".join(_key(table))
    following = f"(PARTITION BY {key} ORDER BY valid_from)"
    return [
        Claim(
            "periods_do_not_overlap",
            "Of a key, one thing at most is so at any moment; two would double what is joined.",
            f"""
            SELECT count(*) FILTER (next < coalesce(valid_to, 'infinity')) = 0 AS holds,
                   count(*) AS periods, count(DISTINCT ({key})) AS keys,
                   count(*) FILTER (next < coalesce(valid_to, 'infinity')) AS overlaps,
                   count(*) FILTER (next > valid_to) AS gaps
            FROM (
                SELECT {key}, valid_to, lead(valid_from) OVER {following} AS next
                FROM {table.identifier}
            )
            """,
        ),
        Claim(
            "a_period_ends_after_it_begins",
            "What was replaced within its own moment was never so.",
            f"""
            SELECT count(*) FILTER (valid_to <= valid_from) = 0 AS holds,
                   count(*) FILTER (valid_to <= valid_from) AS without_length
            FROM {table.identifier}
            """,
        ),
        Claim(
            "what_is_current_has_no_end",
            "A reader who asks for current rows gets each key that stands, once.",
            f"""
            SELECT count(*) FILTER (is_current <> (valid_to IS NULL)) = 0 AS holds,
                   count(*) FILTER (is_current) AS current
            FROM {table.identifier}
            """,
        ),
        _neighbours_differ(table),
    ]


def _neighbours_differ(table: Table) -> Claim:
    period = {VALID_FROM, "valid_to", "is_current"}
    tracked = [
        column
        for column in table.column_names
        if column not in {*table.key, *period} and not column.startswith("_")
    ]
    return Claim(
        "a_new_period_says_something_new",
        "Two periods that follow each other and say the same are one; a change would be counted "
        "where nothing changed.",
        f"""
        SELECT count(*) FILTER (valid_from = ended AND said IS NOT DISTINCT FROM before) = 0
                   AS holds,
               count(*) FILTER (valid_from = ended) AS changes
        FROM (
            SELECT *, lag(valid_to) OVER w AS ended, lag(said) OVER w AS before
            FROM (SELECT *, row({", ".join(tracked)}) AS said FROM {table.identifier})
            WINDOW w AS (PARTITION BY {", ".join(_key(table))} ORDER BY valid_from)
        )
        """,
    )


def current_rows_are(table: Table, source: Input, columns: Mapping[str, str]) -> Claim:
    """Current rows are what the newest deliveries say, and nothing else is current.

    Left out are keys of which one place in their source's history says two things: the fold decides
    by a hash that no query here computes again.

    Args:
        table: the history.
        source: the clean table that it is made of.
        columns: what is compared: the history's columns, and the clean ones.
    """
    key = ", ".join(_key(table))
    ours = ", ".join(f"h.{name}" for name in ("is_current", *columns))
    theirs = ", ".join(("d._operation <> 'D'", *(f"d.{name}" for name in columns.values())))
    clean = f"clean_{source.source}_{source.table}"
    return Claim(
        "current_rows_are_what_was_last_delivered",
        "The history's last word is the current state's, deletions and newer loads included.",
        f"""
        SELECT count(*) FILTER (row({ours}) IS DISTINCT FROM row({theirs})) = 0 AS holds,
               count({_key(table)[0]}) AS keys,
               count(*) FILTER (row({ours}) IS DISTINCT FROM row({theirs})) AS different
        FROM {newest(clean, *_key(table))} d
        FULL JOIN (FROM {table.identifier} WHERE is_current) h USING ({key})
        WHERE ({key}) NOT IN {_tied(clean, _key(table), list(columns.values()))}
        """,
        clean=(source,),
    )


def _tied(relation: str, key: list[str], columns: list[str]) -> str:
    """A subquery: keys whose last place is held by different contents, and by no deletion."""
    keys = ", ".join(key)
    return f"""(
        SELECT {keys}
        FROM (
            FROM {relation} WHERE _epoch = (SELECT max(_epoch) FROM {relation})
            QUALIFY rank() OVER (
                PARTITION BY {keys}
                ORDER BY _committed_at DESC NULLS LAST, _change_sequence DESC NULLS LAST
            ) = 1
        )
        GROUP BY {keys}
        HAVING count(DISTINCT row({", ".join(columns)})) > 1 AND NOT bool_or(_operation = 'D')
    )"""


def changes_by_month(table: Table) -> Plot:
    """How many keys came, changed and ended in each month."""
    return Plot(
        "Periods that began and ended, by month",
        f"""
        SELECT month, sum(began) AS began, sum(ended) AS ended
        FROM (
            SELECT CAST(date_trunc('month', valid_from) AS DATE) AS month, 1 AS began, 0 AS ended
            FROM {table.identifier}
            UNION ALL
            SELECT CAST(date_trunc('month', valid_to) AS DATE), 0, 1
            FROM {table.identifier} WHERE valid_to IS NOT NULL
        )
        GROUP BY ALL ORDER BY month
        """,
        y="periods",
    )


def _key(table: Table) -> list[str]:
    return [name for name in table.key if name != VALID_FROM]
