"""From raw to published tables with DuckDB and PyIceberg, without any platform.

Clean: every delivered row typed, judged by its source's declarations, written by batch or held with
its reason, and all rows accounted for. Then the published tables, with their checks.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from benchmarks.plain import duckdb_curated
from benchmarks.plain.work import SourceColumn, SourceTable, Work, work_from

# Spark's types, in DuckDB's words.
TYPES = {"string": "VARCHAR", "int": "INTEGER", "timestamp": "TIMESTAMPTZ"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do all of it."""
    work = work_from(arguments)
    connection = duckdb.connect(str(work.out / "stage.duckdb"))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET preserve_insertion_order = false")
    for table in work.tables():
        with work.timed(f"clean {table.full_name}"):
            clean(connection, work, table)
    duckdb_curated.publish_all(connection, work)
    work.tell()


def clean(connection: duckdb.DuckDBPyConnection, work: Work, table: SourceTable) -> None:
    """Type, judge and write one table."""
    connection.execute(f"CREATE OR REPLACE TABLE staged AS {_staged(table)}")
    _set_copies_apart(connection, table)
    folder, held = work.clean_folder(table.full_name), work.quarantine_folder(table.full_name)
    held.mkdir(parents=True)
    columns = ", ".join(column.published for column in table.columns)
    folder.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(
        f"""COPY (SELECT {columns}, _batch_id, _landing_date, _source_file, _committed_at,
                         _change_sequence, _operation, _batch_id AS batch
                  FROM staged WHERE problem IS NULL)
            TO '{folder}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (batch))"""
    )
    connection.execute(
        f"""COPY (SELECT _batch_id, _landing_date, _source_file, problem.column_name,
                         problem.rule, problem.reason, to_json(staged) AS raw_text
                  FROM staged WHERE problem IS NOT NULL)
            TO '{held}/rows.parquet' (FORMAT parquet, COMPRESSION zstd)"""
    )
    staged = "SELECT _batch_id, count(*) FROM staged GROUP BY ALL"
    counted = "SELECT _batch_id, count(*) FROM read_parquet('{}') GROUP BY ALL"
    work.account(
        table.full_name,
        files=_counts(connection, _records(table)),
        staged=_counts(connection, staged),
        written=_counts(connection, counted.format(f"{folder}/*/*.parquet")),
        quarantined=_counts(connection, counted.format(f"{held}/rows.parquet")),
    )
    connection.execute("DROP TABLE staged")


def _staged(table: SourceTable) -> str:
    delivered = ", ".join(f'"{name}" AS "_given_{name}"' for name in table.delivered)
    typed = ", ".join(f"{_typed(table, column)} AS {column.name}" for column in table.columns)
    warned = "".join(
        f", problem IS NULL AND NOT ({_sql(rule.expression)}) AS warned_{number}"
        for number, rule in enumerate(table.rules)
        if rule.action == "warn"
    )
    return f"""
        WITH given AS (
            SELECT {delivered}, filename AS _source_file, batch AS _batch_id,
                   CAST(landing_date AS DATE) AS _landing_date
            FROM {_reader(table)}
        ),
        typed AS (SELECT *, {typed}, {_changes(table)} FROM given),
        judged AS (SELECT *, CASE {" ".join(_problems(table))} END AS problem FROM typed)
        SELECT * EXCLUDE ({", ".join(f'"_given_{name}"' for name in table.delivered)}){warned}
        FROM judged
    """


def _reader(table: SourceTable) -> str:
    files = f"'{table.files}', filename = true, hive_partitioning = true, hive_types_autocast = 0"
    texts = ", ".join(f"'{name}': 'VARCHAR'" for name in table.delivered)
    return {
        "parquet": f"read_parquet({files})",
        "csv": f"read_csv({files}, header = true, all_varchar = true)",
        "json": f"read_json({files}, format = 'newline_delimited', columns = {{{texts}}})",
    }[table.format]


def _records(table: SourceTable) -> str:
    """How many records the files hold, by another count than the parser's."""
    batch = "regexp_extract({}, 'batch=([^/]+)/', 1)"
    if table.format == "parquet":
        return f"""SELECT {batch.format("file_name")}, sum(num_rows)::BIGINT
                   FROM parquet_file_metadata('{table.files}') GROUP BY ALL"""
    headers = "- count(DISTINCT filename)" if table.format == "csv" else ""
    return f"""SELECT {batch.format("filename")}, count(*) {headers}
               FROM read_csv('{table.files}', columns = {{'line': 'VARCHAR'}}, delim = '\\x07',
                             quote = '', escape = '', header = false, filename = true)
               GROUP BY 1"""


def _typed(table: SourceTable, column: SourceColumn) -> str:
    kind = TYPES.get(column.type, column.type)
    given = f'"_given_{column.name}"'
    return f"TRY_CAST({given} AS {kind})" if column.type != "string" else given


def _changes(table: SourceTable) -> str:
    if table.change_columns:
        return """
            coalesce(nullif(upper(trim("_given_Op")), ''), 'I') AS _operation,
            TRY_CAST("_given_dms_timestamp" AS TIMESTAMPTZ) AS _committed_at,
            nullif("_given_ar_h_change_seq", '') AS _change_sequence
        """
    committed = f'TRY_CAST("_given_{table.order}" AS TIMESTAMPTZ)' if table.order else "NULL"
    return f"""'I' AS _operation, CAST({committed} AS TIMESTAMPTZ) AS _committed_at,
               CAST(NULL AS VARCHAR) AS _change_sequence"""


def _problems(table: SourceTable) -> list[str]:
    found = [_problem("_operation NOT IN ('I', 'U', 'D')", "Op", "operation", "_operation")]
    for column in table.columns:
        given = f'"_given_{column.name}"'
        if column.type != "string":
            blank = f"trim(CAST({given} AS VARCHAR)) <> ''"
            broken = f"{given} IS NOT NULL AND {blank} AND {column.name} IS NULL"
            found.append(_problem(broken, column.name, "type", given))
        if column.allowed:
            values = ", ".join(f"'{value}'" for value in column.allowed)
            broken = f"{column.name} NOT IN ({values})"
            found.append(_problem(broken, column.name, "allowed", column.name))
        if not column.nullable:
            broken = f"{column.name} IS NULL AND _operation <> 'D'"
            found.append(_problem(broken, column.name, "required", "'nothing'"))
    for rule in table.rules:
        if rule.action != "warn":
            broken = f"NOT ({_sql(rule.expression)}) AND _operation <> 'D'"
            found.append(_problem(broken, "", rule.name, "'what breaks it'"))
    return found


def _problem(condition: str, column: str, rule: str, found: str) -> str:
    return f"""WHEN {condition} THEN {{'column_name': '{column}', 'rule': '{rule}',
               'reason': concat('found ', {found})}}"""


def _set_copies_apart(connection: duckdb.DuckDBPyConnection, table: SourceTable) -> None:
    """Of rows that share a key within a batch, all but one become a problem."""
    if table.unique is None:
        return
    key = ", ".join(("_batch_id", *table.key))
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE repeated AS
            SELECT {key} FROM staged WHERE problem IS NULL GROUP BY ALL HAVING count(*) > 1"""
    )
    (copies,) = connection.execute("SELECT count(*) FROM repeated").fetchone() or (0,)
    if not copies or table.unique == "warn":
        return
    connection.execute(
        f"""UPDATE staged SET problem = {{'column_name': '', 'rule': 'unique',
                                         'reason': 'another row has the same key'}}
            WHERE rowid IN (
                SELECT rowid FROM staged SEMI JOIN repeated USING ({key}) WHERE problem IS NULL
                QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY hash(staged) DESC) > 1
            )"""
    )


def _sql(expression: str) -> str:
    """Spark's SQL, in DuckDB's words."""
    return expression.replace(" RLIKE ", " ~ ")


def _counts(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, int]:
    return {str(batch): int(rows) for batch, rows in connection.execute(query).fetchall()}


if __name__ == "__main__":
    main()
