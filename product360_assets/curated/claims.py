"""Claims about a published table, each written as one query that says whether it holds.

A claim's query gives one row with a boolean `holds`; its other columns are the numbers behind it
and become metadata. A query may read clean data too, as `clean_<source>_<table>`: only the batches
that the table has taken in, so that what is still under way is nobody's error.

A claim may say besides how it is asked of what changed since it held. That query reads `added` and
`removed`, the rows of the table's files that only the later or the earlier state has (a file is
replaced as a whole, so rows that stayed are in both), `near`, the files of the table in which their
keys can be, and of clean relations what came since. Or it says the day of each row that it reads:
then it is asked of the weeks since the first that changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from product360_assets.core.checks import KEY_IS_UNIQUE
from product360_assets.curated.pending import Input
from spark.tables import Table

ADDED, REMOVED, NEAR = "added", "removed", "near"
# In a query about a derived table: the last day that its state knows of, as its commit says.
AS_OF = "$as_of"
# In a query that is asked by weeks: the Monday of the first. A query that says it restricts itself,
# where it has to look at what was before; any other one sees nothing before it.
SINCE = "$since"


@dataclass(frozen=True)
class Claim:
    """One property of a table.

    Attributes:
        name: what is claimed, as a sentence in snake case.
        why: what would be wrong if it did not hold.
        sql: gives one row: `holds`, and the numbers behind it.
        clean: clean tables that the query reads.
        blocking: whether downstream waits for it; otherwise it warns.
        each_row: whether every row meets it by itself: it is then enough to ask what came.
        shows: other claims that hold where this one holds of everything: they are not asked then.
        changes: gives one row too: `holds` where the claim holds of what changed, and so of all, as
            it held before; false or null where it does not or where that cannot be told. Without
            any of them, everything is asked every time.
        days: of relations that it reads, the column that says each row's day. Cut at a Monday, the
            claim holds of all if it holds of what was before and of what was not: so it is asked of
            the weeks from the first on that changed. What has no day here must not have changed.
        reach: so many days before the first changed one may a row lie that it belongs to.
    """

    name: str
    why: str
    sql: str
    clean: tuple[Input, ...] = ()
    blocking: bool = True
    each_row: bool = False
    shows: tuple[str, ...] = ()
    changes: str = ""
    days: Mapping[str, str] = field(default_factory=dict)
    reach: int = 0

    def of_changes(self, table: Table) -> str:
        """The query about what changed; empty where everything has to be asked."""
        if self.each_row:
            return self.sql.replace(table.identifier, ADDED)
        return self.changes


def repeated(number: str, relation: str) -> str:
    """A subquery: the numbers, as `again`, that several rows of a relation have.

    Where nearly all differ, to put them in order and to look at neighbours costs half of what it
    costs to group them.

    Args:
        number: SQL of a hash of each row.
        relation: a relation, or a subquery.
    """
    return f"""(
        SELECT DISTINCT again FROM (
            SELECT again, lag(again) OVER (ORDER BY again) AS before
            FROM (SELECT {number} AS again FROM {relation})
        ) WHERE again = before
    )"""


def equal_by_week(here: str, there: str, sums: Sequence[str]) -> str:
    """A query: whether sums of a table are, in each week, those of what it was made of.

    In each week, as what one has too much may be what another lacks.

    Args:
        here: a query that gives `week_start` and the sums, by week, of the table.
        there: the same of its inputs.
        sums: names of the sums; null is zero, as is a week that is not there.
    """
    names = ", ".join(sums)
    differs = " OR ".join(f"{name} <> {name}_there" for name in sums)
    both = ", ".join(
        f"coalesce(sum({name}) FILTER ({side}is_here), 0) AS {name}{there}"
        for name in sums
        for side, there in (("", ""), ("NOT ", "_there"))
    )
    totals = ", ".join(f"sum({name}) AS {name}, sum({name}_there) AS {name}_there" for name in sums)
    return f"""
        WITH here AS ({here}), there AS ({there}),
        weeks AS (
            SELECT week_start, {both}
            FROM (SELECT true AS is_here, week_start, {names} FROM here
                  UNION ALL SELECT false, week_start, {names} FROM there)
            GROUP BY week_start
        )
        SELECT count(*) FILTER ({differs}) = 0 AS holds, {totals},
               count(*) FILTER ({differs}) AS weeks_that_differ
        FROM weeks
    """


def key_is_unique(table: Table) -> Claim:
    """Two rows of one key would be counted twice by everything downstream.

    Hashes of keys are compared first: few are equal, and only their keys are grouped. A key that
    came must be unique among those that came, and must not have been there before.
    """
    keys = ", ".join(table.key)
    return Claim(
        KEY_IS_UNIQUE,
        "Two rows of one key would be counted twice by everything downstream.",
        f"""
        SELECT count(*) = 0 AS holds, count(*) AS keys_with_several_rows
        FROM (
            SELECT 1 FROM {table.identifier}
            WHERE hash({keys}) IN {repeated(f"hash({keys})", table.identifier)}
            GROUP BY {keys} HAVING count(*) > 1
        )
        """,
        changes=f"""
        WITH came AS (SELECT {keys} FROM {ADDED}),
        new AS (FROM came ANTI JOIN {REMOVED} USING ({keys}))
        SELECT NOT EXISTS (SELECT 1 FROM came GROUP BY {keys} HAVING count(*) > 1)
               AND (SELECT count(*) FROM {NEAR} SEMI JOIN new USING ({keys}))
                   = (SELECT count(*) FROM new) AS holds,
               (SELECT count(*) FROM came) AS rows, (SELECT count(*) FROM new) AS new_keys
        """,
    )


def is_not_empty(table: Table) -> Claim:
    """An empty table is a failed publication, not a quiet day."""
    return Claim(
        "is_not_empty",
        "An empty table is a failed publication, not a quiet day.",
        f"SELECT count(*) > 0 AS holds, count(*) AS rows FROM {table.identifier}",
        changes=f"SELECT count(*) > 0 AS holds, count(*) AS rows FROM {ADDED}",
    )


def no_price_jumps(
    table: Table,
    *,
    key: Sequence[str],
    order: str,
    column: str,
    factor: float = 3.0,
    days: int | None = None,
) -> Claim:
    """A value that multiplies from one row of its key to the next is more often a slip than a fact.

    Args:
        table: the table that holds the value.
        key: columns that say whose value it is.
        order: the column that says which row comes next.
        column: the value; nulls and zeros are passed over.
        factor: how many times as large, or as small, is still believed.
        days: of so many before the newest, where `order` is a day; of all if left out.
    """
    whose = ", ".join(key)
    newest = f"(SELECT max({order}) FROM {table.identifier})"
    lately = "" if days is None else f" AND {order} > {newest} - {days}"
    span = "" if days is None else f" Looked at are the newest {days} days."
    named = " || ' ' || ".join(f"CAST({name} AS VARCHAR)" for name in (*key, order))
    return Claim(
        f"{column}_does_not_jump",
        f"No {column} is more than {factor:g} times as large, or as small, as the same "
        f"{whose}'s one before: a shifted decimal point looks like that.{span}",
        f"""
        WITH changes AS (
            SELECT {named} AS place, {column} AS value,
                   lag({column}) OVER (PARTITION BY {whose} ORDER BY {order}) AS before
            FROM {table.identifier} WHERE {column} > 0{lately}
        ),
        sized AS (
            SELECT *, greatest(value / before, before / value) AS times
            FROM changes WHERE before IS NOT NULL
        )
        SELECT count(*) FILTER (times > {factor}) = 0 AS holds,
               count(*) AS compared, count(*) FILTER (times > {factor}) AS jumps,
               round(max(times), 2) AS largest_factor,
               arg_max(place || ': ' || before || ' to ' || value, (times, place)) AS largest_jump
        FROM sized
        """,
        blocking=False,
    )


def last_changes(relation: str, *key: str) -> str:
    """A subquery: the last change of each key of a clean relation, deletes among them.

    Of the newest epoch, because a full reload deletes what it lacks; a delete wins a tie. Most keys
    have one change: only those are put in order whose hash occurs more than once.
    """
    keys = ", ".join(key)
    told = f"(FROM {relation} WHERE _epoch = (SELECT max(_epoch) FROM {relation}))"
    several = repeated(f"hash({keys})", told)
    placed = f"(SELECT *, hash({keys}) AS again FROM {told})"
    return f"""(
        SELECT * EXCLUDE (again) FROM {placed} ANTI JOIN {several} USING (again)
        UNION ALL
        SELECT * EXCLUDE (again) FROM {placed} SEMI JOIN {several} USING (again)
        QUALIFY row_number() OVER (
            PARTITION BY {keys}
            ORDER BY _committed_at DESC NULLS LAST, _change_sequence DESC NULLS LAST,
                     _operation = 'D' DESC
        ) = 1
    )"""


def newest(relation: str, *key: str) -> str:
    """A subquery: the rows that stand after all changes of a clean relation."""
    return f"(FROM {last_changes(relation, *key)} WHERE _operation <> 'D')"


def all_claims(table: Table, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims about a table, and those that are made about every table."""
    every = (is_not_empty(table), key_is_unique(table))
    return tuple({each.name: each for each in (*every, *claims)}.values())
