"""Checks of a published table: each is a claim, written as one query that says whether it holds.

A claim's query gives one row with a boolean `holds`; its other columns are the numbers behind it
and become metadata. All claims of one table run as one step, and on their own at any time; one that
held of the very same data is said again and not asked (`proofs`). A query may read clean data too,
as `clean_<source>_<table>`: only the batches that the table has taken in, so that what is still
under way is nobody's error.
"""

# No `from __future__ import annotations`: Dagster reads the annotations of steps as types.

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from product360_assets.core.checks import (
    KEY_IS_UNIQUE,
    advisory_check,
    blocking_check,
    claim,
    warning,
)
from product360_assets.core.failures import explained_failures
from product360_assets.curated.pending import COMMITTED, Input
from product360_assets.curated.presentation import asset_key
from product360_assets.curated.proofs import Evidence, proved, standing
from product360_assets.curated.watch import WATCHES, Published, watch, watch_specs
from resources.catalog import CatalogResource
from resources.errors import TableMissing
from resources.ledger import Ledger, LedgerResource
from resources.objects import LakeResource
from resources.warehouse import Answer, WarehouseResource
from spark.tables import Table, View


@dataclass(frozen=True)
class Claim:
    """One property of a table.

    Attributes:
        name: what is claimed, as a sentence in snake case.
        why: what would be wrong if it did not hold.
        sql: gives one row: `holds`, and the numbers behind it.
        clean: clean tables that the query reads.
        blocking: whether downstream waits for it; otherwise it warns.
    """

    name: str
    why: str
    sql: str
    clean: tuple[Input, ...] = ()
    blocking: bool = True


def key_is_unique(table: Table) -> Claim:
    """Two rows of one key would be counted twice by everything downstream."""
    keys = ", ".join(table.key)
    return Claim(
        KEY_IS_UNIQUE,
        "Two rows of one key would be counted twice by everything downstream.",
        f"""
        SELECT count(*) = 0 AS holds, count(*) AS keys_with_several_rows
        FROM (SELECT 1 FROM {table.identifier} GROUP BY {keys} HAVING count(*) > 1)
        """,
    )


def is_not_empty(table: Table) -> Claim:
    """An empty table is a failed publication, not a quiet day."""
    return Claim(
        "is_not_empty",
        "An empty table is a failed publication, not a quiet day.",
        f"SELECT count(*) > 0 AS holds, count(*) AS rows FROM {table.identifier}",
    )


def no_price_jumps(
    table: Table, *, key: Sequence[str], order: str, column: str, factor: float = 3.0
) -> Claim:
    """A value that multiplies from one row of its key to the next is more often a slip than a fact.

    Args:
        table: the table that holds the value.
        key: columns that say whose value it is.
        order: the column that says which row comes next.
        column: the value; nulls and zeros are passed over.
        factor: how many times as large, or as small, is still believed.
    """
    whose = ", ".join(key)
    named = " || ' ' || ".join(f"CAST({name} AS VARCHAR)" for name in (*key, order))
    return Claim(
        f"{column}_does_not_jump",
        f"No {column} is more than {factor:g} times as large, or as small, as the same "
        f"{whose}'s one before: a shifted decimal point looks like that.",
        f"""
        WITH changes AS (
            SELECT {named} AS place, {column} AS value,
                   lag({column}) OVER (PARTITION BY {whose} ORDER BY {order}) AS before
            FROM {table.identifier} WHERE {column} > 0
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


def newest(relation: str, *key: str) -> str:
    """A subquery: the rows that stand after all changes of a clean relation.

    Of the newest epoch, because a full reload deletes what it lacks; of each key the last change, a
    delete winning a tie; and then without the deleted ones.
    """
    return f"""(
        FROM (
            FROM {relation} WHERE _epoch = (SELECT max(_epoch) FROM {relation})
            QUALIFY row_number() OVER (
                PARTITION BY {", ".join(key)}
                ORDER BY _committed_at DESC NULLS LAST, _change_sequence DESC NULLS LAST,
                         _operation = 'D' DESC
            ) = 1
        ) WHERE _operation <> 'D'
    )"""


def all_claims(table: Table, claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims about a table, and those that are made about every table."""
    every = (is_not_empty(table), key_is_unique(table))
    return tuple({each.name: each for each in (*every, *claims)}.values())


def table_checks(table: Table, claims: Sequence[Claim]) -> dg.AssetChecksDefinition:
    """The claims, and what holds and is watched for every table, as checks of its asset."""
    by_name = {each.name: each for each in all_claims(table, claims)}
    specs = [_spec(table, claim) for claim in by_name.values()]
    if not isinstance(table, View):  # a view has no snapshots that could be watched
        specs += watch_specs(table)

    @dg.multi_asset_check(
        name=f"{table.zone}_{table.name}_checks",
        specs=specs,
        can_subset=True,
        description=f"Claims about {table.identifier}, each proved by one query.",
    )
    def checks(
        context: dg.AssetCheckExecutionContext,
        warehouse: WarehouseResource,
        ledger: LedgerResource,
        lake: LakeResource,
        catalog: CatalogResource,
    ) -> Iterator[dg.AssetCheckResult]:
        with explained_failures():
            opened, evidence, now = ledger.open(), Evidence(catalog), datetime.now(UTC)
            for key in sorted(context.selected_asset_check_keys):
                if key.name in WATCHES:
                    yield watch(key.name, Published(table, opened, catalog))
                    continue
                claimed = by_name[key.name]
                batches = clean_batches(opened, table, claimed.clean)
                proof = evidence.of(claimed.sql, itertools.chain(*batches.values()))
                result = standing(context.instance, key, proof, now=now)
                if result is None:
                    files = claimed_files(table, lake, batches)
                    answer = warehouse.query(claimed.sql, files=files)
                    result = proved(judged(table, claimed, answer), proof, now=now)
                yield result

    return checks


def judged(table: Table, claimed: Claim, answer: Answer) -> dg.AssetCheckResult:
    """The check's result; a verdict of null is a failed one."""
    numbers = answer.single()
    holds = bool(numbers.pop("holds"))
    judge = claim if claimed.blocking else warning
    counted = {name: _shown(value) for name, value in numbers.items()}
    return judge(claimed.name, asset_key(table), holds=holds, counted=counted)


def clean_batches(
    ledger: Ledger, table: Table, inputs: Sequence[Input], commit: str | None = None
) -> dict[str, list[str]]:
    """Locations of the clean batches that the table has taken in, by relation name.

    Those that the `commit` is about to take in count as well.
    """
    batches: dict[str, list[str]] = {}
    for each in inputs:
        states = ledger.zone_states(each.source, each.table, "clean")
        taken_in = ledger.zone_states(each.source, each.table, table.identifier)
        batches[f"clean_{each.source}_{each.table}"] = [
            states[batch_id].location
            for batch_id, state in sorted(taken_in.items())
            if state.details.get("state") == COMMITTED or state.details.get("commit", "") == commit
        ]
    return batches


def clean_files(lake: LakeResource, batches: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """URIs of the batches' files, by relation name."""
    store = lake.zone("clean")
    return {
        relation: [
            store.uri_of(found.key)
            for location in locations
            for found in store.list(_key(location, store.uri))
            if found.key.endswith(".parquet")
        ]
        for relation, locations in batches.items()
    }


def claimed_files(
    table: Table, lake: LakeResource, batches: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """URIs of the files that a claim about the table is asked of, by relation name.

    Raises:
        TableMissing: the table has taken in no batch of one of them.
    """
    files = clean_files(lake, batches)
    for relation, uris in files.items():
        if not uris:
            raise TableMissing(
                f"relation {relation}",
                found=f"no clean batch that {table.identifier} has taken in",
                expected="one batch at least, to hold the table against",
                next_move="materialize its clean asset and then the table; the check is asked then",
            )
    return files


def _spec(table: Table, claimed: Claim) -> dg.AssetCheckSpec:
    kind = blocking_check if claimed.blocking else advisory_check
    return kind(claimed.name, asset_key(table), claimed.why)


def _key(location: str, store_uri: str) -> str:
    """The key of a folder in its store, whether the ledger holds its URI or its key."""
    return location.removeprefix(store_uri).strip("/") + "/"


def _shown(value: object) -> str | int | float | bool:
    return value if isinstance(value, bool | int | float) else str(value)
