"""Judges every record of a call, and parts the good ones from those that are rejected.

Good rows are written to where they are published, straight from the delivery. A file of which as
many are there as it has records has none that was rejected, and is done with; only the others are
read again, for their rejected rows. So what is delivered well is encoded once. Where something has
to be known of all rows before any of them is written, all are staged first and parted from there.

That good rows lie in the output before the rest is known harms nobody: the folder is the call's own
and counts only when the caller has recorded it. The hazard is the filter: an optimizer moves it
below the columns that it needs and computes these again for it (`staging.judged_once`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, expr

from spark.formats.intake import (
    Intake,
    failing_files,
    good_rows,
    rejected_rows,
    staged_rows,
    take_in,
)
from spark.io import ENGINE_ERRORS, write_rows, written
from spark.transforms.contract import CleanSpec, DeliveredFile
from spark.transforms.corrections import expect_released, without_released
from spark.transforms.row_naming import ACCOUNTED
from spark.transforms.staging import staged_again
from spark.transforms.tally import Tally, expect_records, tally_of
from spark.transforms.unique import copy_text

if TYPE_CHECKING:
    from spark.report import Report

FOLDER = "batch"
# Each file becomes a file of its own when it is written straight; from staging they are packed.
MANY_FILES = 16


@dataclass(frozen=True)
class Judged:
    """All records of a call.

    Attributes:
        intake: how their files were read in the end.
        good: staged rows without a problem.
        rejected: staged rows with one.
        tally: how many there are of both.
        are_written: whether the good ones are in the output, by batch.
    """

    intake: Intake
    good: DataFrame
    rejected: DataFrame
    tally: Tally
    are_written: bool

    def without(self, batch_ids: Collection[str]) -> Judged:
        """The same, without the records of some batches; the tally stays."""
        if not batch_ids:
            return self
        others = ~col("_batch_id").isin(list(batch_ids))
        return replace(
            self,
            intake=self.intake.without(batch_ids),
            good=self.good.where(others),
            rejected=self.rejected.where(others),
        )


def judge(
    session: SparkSession, spec: CleanSpec, intake: Intake, staging: str, report: Report
) -> Judged:
    """Read every source and judge what it holds.

    Raises:
        RowsUnaccounted: a parser gave more or fewer records than a file has, or a released row is
            not found again.
    """
    way = _all_first if _is_judged_first(spec, intake) else _while_writing
    judged = way(session, spec, intake, staging, report)
    expect_records(judged.tally, spec, judged.intake.expected)
    return judged


def write_by_batch(rows: DataFrame, uri: str) -> None:
    """Write rows into a folder for each batch in whose accounts they are."""
    write_rows(rows.withColumn(FOLDER, expr(ACCOUNTED)), uri, folders=FOLDER)


def _is_judged_first(spec: CleanSpec, intake: Intake) -> bool:
    """Whether all rows are judged before any of them is written.

    A value of a wider type may hold its batch, and a correction stands for one of equal rows. Who
    was erased, and what a treated column held, is looked at only once; and so are records that
    Python reads, if that is most of them. Many small files are packed.
    """
    told_of_rows = spec.released or spec.corrections or spec.erased
    needs_all = bool(spec.is_treated or told_of_rows or spec.drift == "evolve")
    are_slow = 2 * len(intake.slow) > len(spec.files)
    return needs_all or are_slow or len(spec.files) > MANY_FILES * len(spec.batches)


def _all_first(
    session: SparkSession, spec: CleanSpec, intake: Intake, staging: str, report: Report
) -> Judged:
    uri = f"{staging}/rows"

    def write(each: Intake) -> None:
        write_rows(staged_rows(session, spec, each), uri)

    intake = _read(session, spec, intake, report, write)
    rows = session.read.parquet(uri)
    expect_released(rows, spec, copy_text=copy_text(spec))
    rows = without_released(rows, spec, copy_text=copy_text(spec))
    good, rejected = rows.where("_problem IS NULL"), rows.where("_problem IS NOT NULL")
    return Judged(intake, good, rejected, tally_of(rows, spec), are_written=False)


def _while_writing(
    session: SparkSession, spec: CleanSpec, intake: Intake, staging: str, report: Report
) -> Judged:
    def write(each: Intake) -> None:
        write_by_batch(good_rows(session, spec, each), spec.output)

    intake = _read(session, spec, intake, report, write)
    good = staged_again(_published(session, spec), spec)
    tally = tally_of(good, spec)
    rejected = rejected_rows(session, spec, Intake())
    if short := _short_files(spec, intake, tally):
        uri = f"{staging}/rejected"
        write_rows(rejected_rows(session, spec, intake.only(short)), uri)
        rejected = session.read.parquet(uri)
        tally += tally_of(rejected, spec)
    return Judged(intake, good, rejected, tally, are_written=True)


def _read(
    session: SparkSession,
    spec: CleanSpec,
    intake: Intake,
    report: Report,
    write: Callable[[Intake], None],
) -> Intake:
    """Read every source once; what the fast parser refuses is read record by record."""
    try:
        write(intake)
    except ENGINE_ERRORS:
        distrusted = failing_files(session, intake)
        if not distrusted:
            raise
        report.progress(f"{len(distrusted)} files are malformed; reading them record by record")
        intake = take_in(session, spec, distrusted=distrusted)
        write(intake)
    return intake


def _published(session: SparkSession, spec: CleanSpec) -> DataFrame:
    """What is in the output, of batches that have any good row."""
    there = written(session, spec.output)
    ids = [each.batch_id for each in spec.batches if f"{FOLDER}={each.batch_id}" in there]
    if not ids:
        return good_rows(session, spec, Intake())
    return session.read.parquet(*map(spec.location, ids))


def _short_files(spec: CleanSpec, intake: Intake, tally: Tally) -> set[DeliveredFile]:
    """Files of which not every record is known to be good."""

    def good(file: DeliveredFile) -> int:
        return tally.staged[file.batch.batch_id, file.name]

    return {file for file in spec.files if good(file) != intake.expected.get(file)}
