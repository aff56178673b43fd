"""Counts what became of every record, and refuses to go on where the counts do not meet.

Three counts of the same records are compared: lines or footers of the delivered files, records that
were judged, and what is there in the end. The first is not the parser's, the last is read back, so
that a parser or a writer that loses a row is found out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql.functions import count, expr, lit

from spark.failures import RowsUnaccounted, RuleHalted
from spark.transforms.contract import CleanSpec, DeliveredFile
from spark.transforms.row_naming import ACCOUNTED
from spark.transforms.rules import UNIQUE
from spark.transforms.staging import OUTGROWN


@dataclass
class Tally:
    """Records of one call: all by (batch, file); broken rules by (batch, rule).

    `outgrown` counts records with a value that is too great for a column, by (batch, file, column).
    """

    staged: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    problems: Counter[tuple[str, str]] = field(default_factory=Counter)
    warnings: Counter[tuple[str, str]] = field(default_factory=Counter)
    outgrown: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def rows_in(self, batch_id: str) -> int:
        """Records of a batch, whatever became of them."""
        return sum(rows for (batch, _), rows in self.staged.items() if batch == batch_id)

    def rows_quarantined(self, batch_id: str) -> int:
        """Records of a batch with a problem."""
        return sum(rows for (batch, _), rows in self.problems.items() if batch == batch_id)

    def rows_out(self, batch_id: str) -> int:
        """Records of a batch without a problem."""
        return self.rows_in(batch_id) - self.rows_quarantined(batch_id)

    def __add__(self, other: Tally) -> Tally:
        """The records of both."""
        return Tally(
            self.staged + other.staged,
            self.problems + other.problems,
            self.warnings + other.warnings,
            self.outgrown + other.outgrown,
        )

    def details(self, batch_id: str) -> dict[str, str]:
        """How often a batch broke which rule, as it is reported."""
        counts = (("quarantine", self.problems), ("warn", self.warnings))
        return {
            f"{action}.{rule}": str(rows)
            for action, counter in counts
            for (batch, rule), rows in sorted(counter.items())
            if batch == batch_id and rows
        }


def tally_of(rows: DataFrame, spec: CleanSpec) -> Tally:
    """Count staged rows, in one pass."""
    warned = {
        f"_warned_{number}": rule.name
        for number, rule in enumerate(spec.rules)
        if rule.action == "warn"
    }
    outgrown = [OUTGROWN] if spec.drift == "evolve" else []
    # A corrected row names the file that it came from first, which its own batch does not hold.
    file = "CAST(NULL AS string)" if spec.corrections else "_source_file"
    by = (f"{ACCOUNTED} AS _batch", f"{file} AS _file", "_problem.rule AS rule", *outgrown)
    counted = rows.groupBy(*map(expr, by)).agg(
        count(lit(1)).alias("rows"),
        *(expr(f"count(CASE WHEN {column} THEN 1 END)").alias(column) for column in warned),
    )
    tally = Tally()
    for row in counted.collect():
        batch = row["_batch"]
        tally.staged[batch, row["_file"]] += int(row["rows"])
        if row["rule"] is not None:
            tally.problems[batch, row["rule"]] += int(row["rows"])
        if outgrown and row[OUTGROWN] is not None:
            tally.outgrown[batch, row["_file"], row[OUTGROWN]] += int(row["rows"])
        for column, name in warned.items():
            tally.warnings[batch, name] += int(row[column])
    return tally


def add_copies(tally: Tally, copies: Mapping[str, int], spec: CleanSpec) -> None:
    """Add rows that share a key with another row of their batch, by batch."""
    counter = tally.warnings if spec.unique_action == "warn" else tally.problems
    for batch_id, rows in copies.items():
        counter[batch_id, UNIQUE] += rows


def expect_records(tally: Tally, spec: CleanSpec, expected: Mapping[DeliveredFile, int]) -> None:
    """Compare judged records with what was counted in the files themselves.

    Raises:
        RowsUnaccounted: a parser gave more or fewer records than the file has.
    """
    wanted: Counter[tuple[str, str | None]] = Counter()
    for file, records in expected.items():
        wanted[file.batch.batch_id, None if spec.corrections else file.name] += records
    for (batch_id, name), records in wanted.items():
        found = tally.staged[batch_id, name]
        if found != records:
            raise RowsUnaccounted(
                f"File {name or '*'} of batch {batch_id}: found {found} records parsed, expected "
                f"{records} as counted in the file. Nothing was published; the parser is at fault."
            )


def expect_no_halt(tally: Tally, spec: CleanSpec) -> None:
    """Stop where a rule whose action is `halt` is broken.

    Raises:
        RuleHalted: one is.
    """
    halting = {rule.name for rule in spec.rules if rule.action == "halt"}
    if spec.unique_action == "halt":
        halting.add(UNIQUE)
    for (batch_id, rule), rows in sorted(tally.problems.items()):
        if rule in halting and rows:
            raise RuleHalted(
                f"{spec.dataset}, batch {batch_id}: {rows} rows break rule {rule}, whose action is "
                "halt, and expected none. Nothing was published. Correct the source and deliver "
                "again, or change the rule's action."
            )


def expect_all_written(
    tally: Tally, spec: CleanSpec, *, published: Mapping[str, int], quarantined: Mapping[str, int]
) -> None:
    """Compare what was written, read back, with what came in, batch by batch.

    Raises:
        RowsUnaccounted: they differ.
    """
    for batch in spec.batches:
        rows_in = tally.rows_in(batch.batch_id)
        rows_out = published.get(batch.batch_id, 0)
        rows_held = quarantined.get(batch.batch_id, 0)
        if rows_in != rows_out + rows_held or rows_held != tally.rows_quarantined(batch.batch_id):
            raise RowsUnaccounted(
                f"{spec.dataset}, batch {batch.batch_id}: found {rows_out} rows published and "
                f"{rows_held} quarantined, expected {rows_in} together, of them "
                f"{tally.rows_quarantined(batch.batch_id)} quarantined. Run the job again; it "
                "replaces what it wrote."
            )
