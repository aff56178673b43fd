"""Delivered files of one table → typed rows by batch, and quarantine; every record accounted for.

All batches of a call are one job: its records are judged (`spark.judging`), those that repeat
others are found, and what is good and what is rejected is counted where it was written. A crash
leaves nothing that counts: the caller records the result only after the report, and a second run
replaces the folders.

A batch whose layout the table's drift mode does not take is held: none of its rows is read, and its
result says how it differs. The others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import count, expr, lit

from spark.errors import harmless_reason_of
from spark.failures import RuleHalted, Withheld
from spark.formats.intake import Intake, take_in
from spark.io import (
    ENGINE_ERRORS,
    Written,
    forget,
    read_rows,
    write_no_rows,
    write_rows,
    written,
)
from spark.judging import FOLDER, Judged, judge, write_by_batch
from spark.report import COUNTERS
from spark.transforms.contract import Batch, CleanSpec, clean_spec
from spark.transforms.drift import (
    EVOLVE,
    REFUSE,
    Difference,
    batch_differences,
    is_held,
    outgrown_columns,
    report_of,
)
from spark.transforms.row_naming import ACCOUNTED
from spark.transforms.staging import clean_rows, quarantined_rows
from spark.transforms.tally import (
    Tally,
    add_copies,
    expect_all_written,
    expect_no_halt,
)
from spark.transforms.unique import (
    RANK,
    quarantined_copies,
    repeated_rows,
    without_repeated,
)

if TYPE_CHECKING:
    from spark.report import Report

ACCOUNTS = ("_batch_id", "_correction_id")


def run(session: SparkSession, document: dict[str, Any], report: Report) -> None:
    """Clean every batch of the spec and report one result for each.

    Raises:
        SpecInvalid, DeliveryMissing, RuleHalted, RowsUnaccounted, KeyUnavailable, Withheld: see
            `spark.failures`.
    """
    spec = clean_spec(document)
    if not spec.batches:
        report.results([])
        return
    staging = _staging_of(spec.output)
    try:
        report.results(_clean(session, spec, staging, report))
    except ENGINE_ERRORS as error:
        if not spec.is_treated:
            raise
        # An engine quotes the value that it failed over.
        raise Withheld(
            f"{spec.dataset}: the engine failed ({harmless_reason_of(error)}). Its message is "
            "withheld, because it may quote treated columns. Run the job on the raw files where "
            "they may be read, or look at the rules: each must hold for any value."
        ) from None
    finally:
        # Also when a rule halts: nothing else would ever remove it.
        with suppress(*ENGINE_ERRORS):
            forget(session, staging)


def _clean(
    session: SparkSession, spec: CleanSpec, staging: str, report: Report
) -> list[dict[str, Any]]:
    intake = take_in(session, spec)
    drift = batch_differences(spec, intake.layouts)
    held = {batch_id for batch_id, found in drift.items() if is_held(found)}
    going = spec.without(held)
    results = []
    if going.batches:
        results = _clean_all(session, going, intake.without(held), drift, staging, report)
    return [*(_held(spec, batch_id, drift[batch_id]) for batch_id in sorted(held)), *results]


def _clean_all(
    session: SparkSession,
    spec: CleanSpec,
    intake: Intake,
    drift: dict[str, list[Difference]],
    staging: str,
    report: Report,
) -> list[dict[str, Any]]:
    """Clean the batches; those are held that turn out to hold values of a wider type."""
    judged = judge(session, spec, intake, staging, report)
    outgrown = outgrown_columns(spec, judged.tally.outgrown)
    results = [_held(spec, batch_id, found) for batch_id, found in outgrown.items()]
    going = spec.without(outgrown)
    if going.batches:
        results += _publish_all(session, going, judged.without(outgrown), drift, staging, report)
    return results


def _publish_all(
    session: SparkSession,
    spec: CleanSpec,
    judged: Judged,
    drift: dict[str, list[Difference]],
    staging: str,
    report: Report,
) -> list[dict[str, Any]]:
    tally = judged.tally
    read = sum(tally.rows_in(batch.batch_id) for batch in spec.batches)
    report.progress(f"{read:,} rows read; now copies are looked for, and rows counted")
    repeated = _repeated(session, spec, judged, f"{staging}/repeated")
    _expect_no_halt(session, spec, judged)
    _publish(session, spec, judged, repeated, f"{staging}/kept")
    _quarantine(spec, judged, repeated)
    _account(session, spec, tally)
    files = written(session, spec.output)
    return [
        _result(spec, batch, judged, drift.get(batch.batch_id, []), files) for batch in spec.batches
    ]


def _staging_of(output: str) -> str:
    # Beside the output, because writing the output clears its folder; hidden from listings.
    parent, _, name = output.rpartition("/")
    return f"{parent}/.staging-{name}"


def _repeated(session: SparkSession, spec: CleanSpec, judged: Judged, uri: str) -> DataFrame | None:
    """Rows that may share a key, ranked; None where the table allows it or none do."""
    if spec.unique_action is None:
        return None
    write_rows(repeated_rows(judged.good, spec), uri)
    repeated = session.read.parquet(uri)
    copies = _rows_by_batch(repeated.where(f"{RANK} > 1"))
    add_copies(judged.tally, copies, spec)
    return repeated if copies and spec.unique_action == "quarantine" else None


def _expect_no_halt(session: SparkSession, spec: CleanSpec, judged: Judged) -> None:
    try:
        expect_no_halt(judged.tally, spec)
    except RuleHalted:
        if judged.are_written:
            # Nobody will come back for them.
            forget(session, spec.output)
        raise


def _publish(
    session: SparkSession, spec: CleanSpec, judged: Judged, repeated: DataFrame | None, uri: str
) -> None:
    """See that the output holds the good rows without copies; `uri` is a place in between."""
    clean = clean_rows(judged.good, spec)
    rows_out = {batch.batch_id: judged.tally.rows_out(batch.batch_id) for batch in spec.batches}
    if repeated is not None:
        kept = without_repeated(clean, repeated, spec)
        if judged.are_written:
            # They are read from where they are to go.
            write_rows(kept, uri)
            kept = session.read.parquet(uri)
        write_by_batch(kept, spec.output)
    elif any(rows_out.values()) and not judged.are_written:
        write_by_batch(clean, spec.output)
    for batch_id, expected in rows_out.items():
        if not expected:
            write_no_rows(clean, spec.location(batch_id))


def _quarantine(spec: CleanSpec, judged: Judged, repeated: DataFrame | None) -> None:
    """Rejected rows by batch, so that those of one can be read, moved or left without the others'.

    Where there are none, one file without rows says so.
    """
    rejected = quarantined_rows(judged.rejected, spec)
    if not any(judged.tally.rows_quarantined(batch.batch_id) for batch in spec.batches):
        write_no_rows(rejected, spec.quarantine)
        return
    if repeated is not None:
        rejected = rejected.unionAll(quarantined_copies(repeated, spec))
    write_by_batch(rejected, spec.quarantine)


def _account(session: SparkSession, spec: CleanSpec, tally: Tally) -> None:
    locations = [spec.location(batch.batch_id) for batch in spec.batches]
    expect_all_written(
        tally,
        spec,
        published=_rows_by_batch(read_rows(session, locations, ACCOUNTS)),
        quarantined=_rows_by_batch(read_rows(session, [spec.quarantine], ACCOUNTS)),
    )


def _rows_by_batch(rows: DataFrame) -> dict[str, int]:
    counted = rows.groupBy(expr(ACCOUNTED).alias("_batch")).agg(count(lit(1)).alias("rows"))
    return {row["_batch"]: int(row["rows"]) for row in counted.collect()}


def _result(
    spec: CleanSpec,
    batch: Batch,
    judged: Judged,
    drift: Sequence[Difference],
    files: Mapping[str, Written],
) -> dict[str, Any]:
    on_disk = files.get(f"{FOLDER}={batch.batch_id}", Written(0, 0))
    tally = judged.tally
    return {
        "dataset": spec.dataset,
        "batch_id": batch.batch_id,
        "rows_in": tally.rows_in(batch.batch_id),
        "rows_out": tally.rows_out(batch.batch_id),
        "rows_quarantined": tally.rows_quarantined(batch.batch_id),
        "files": on_disk.files,
        "bytes": on_disk.bytes,
        "location": spec.location(batch.batch_id),
        "details": {
            **tally.details(batch.batch_id),
            **_reading_details(batch, judged.intake, drift),
        },
    }


def _held(spec: CleanSpec, batch_id: str, drift: Sequence[Difference]) -> dict[str, Any]:
    """The result of a batch that waits: for its owner, or for a contract that has evolved."""
    refused = any(each.verdict == REFUSE for each in drift)
    return {
        "dataset": spec.dataset,
        "batch_id": batch_id,
        **dict.fromkeys(COUNTERS, 0),
        "location": None,
        "details": {"held": REFUSE if refused else EVOLVE, "drift": report_of(drift)},
    }


def _reading_details(batch: Batch, intake: Intake, drift: Sequence[Difference]) -> dict[str, str]:
    """What a person should know about how the batch's files were read; often nothing."""
    facts = {
        "files.read_record_by_record": sum(file.batch == batch for file in intake.slow) or "",
        "files.refused": sum(file.batch == batch for file, _ in intake.refused) or "",
        "drift": report_of(drift) if drift else "",
    }
    return {name: str(value) for name, value in facts.items() if value}
