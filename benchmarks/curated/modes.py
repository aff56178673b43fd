"""The two ways in which Iceberg can merge, on a real table and its last days' changes.

Copy-on-write rewrites each file of which a row changes; merge-on-read writes the new rows and, for
the old ones, delete files that every reader has to apply until they are compacted. The platform
copies on write, on both engines. Sail knows nothing else, so both are measured on Apache Spark.

A copy of the published sales lines is taken back by some days. Then each day comes: its own lines,
which are new, and as many corrections, spread over all the history before. Both are merged by the
platform's own `merge_rows`. Read in between are all rows, by Spark and by the warehouse, which is
what a person asks.

The hazard is two tables that differ in more than in how they were written: in the end their rows
are compared by digest.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.homes import BenchmarkFailed
from benchmarks.processes import cpu_seconds_here
from resources.catalog import LocalCatalogResource
from resources.local import engines
from resources.local.engines import lease_engine
from resources.local.warehouse import LocalWarehouse
from spark.publishing import merge_rows
from spark.session import open_session
from spark.tables.curated import SALES_LINE

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COPY, DELETES = "copy-on-write", "merge-on-read"
NEW, CORRECTED = "new lines", "corrections"
SPARK, WAREHOUSE = "Apache Spark", "the warehouse"
NAME, TARGET = SALES_LINE.identifier, f"lake.{SALES_LINE.identifier}"
READINGS = 5
_ALL_ROWS = "SELECT business_week, count(*) AS n, sum(sales_value) AS v FROM {} GROUP BY 1"


@dataclass(frozen=True)
class Merged:
    """One merge.

    Attributes:
        rows: that changed.
        changed: bytes of these rows alone, as they lie in the table that they come from.
        data, deletes, metadata: bytes of new files in the table's folder.
    """

    mode: str
    what: str
    rows: int
    changed: int
    data: int
    deletes: int
    metadata: int
    seconds: float
    cpu: float


@dataclass(frozen=True)
class Read:
    """Reading all rows after so many days' changes: medians."""

    mode: str
    reader: str
    days: int
    seconds: float
    cpu: float


@dataclass(frozen=True)
class Changes:
    """What comes on one day."""

    new: pa.Table
    corrected: pa.Table


def modes(home: Path, days: int, say: Callable[[str], None]) -> Iterator[Mapping[str, Any]]:
    """Merges and readings of both modes; `home` has the table, and is only read.

    Raises:
        BenchmarkFailed: the modes left different rows.
    """
    source = LocalCatalogResource(home=str(home)).table(NAME)
    rows = source.scan().to_arrow()
    size = sum(task.file.file_size_in_bytes for task in source.scan().plan_files())
    digests = set()
    for mode in (COPY, DELETES):
        with _Work.below(mode, size / rows.num_rows) as work:
            for found in work.days(rows, days):
                say(str(found))
                yield {"kind": type(found).__name__, **asdict(found)}
            digests.add(work.catalog.digest(NAME))
    if len(digests) > 1:
        raise BenchmarkFailed("the two modes left different rows")


@dataclass(frozen=True)
class _Work:
    """One mode at work, in a home of its own; `row_bytes` is what a row takes in the source."""

    home: Path
    mode: str
    row_bytes: float
    catalog: LocalCatalogResource
    session: SparkSession

    @staticmethod
    @contextmanager
    def below(mode: str, row_bytes: float) -> Iterator[_Work]:
        """A new home with the empty table, and its engine."""
        home = Path(tempfile.mkdtemp(prefix="modes-"))
        catalog = LocalCatalogResource(home=str(home))
        catalog.ensure_table(SALES_LINE)
        with catalog.table(NAME).transaction() as transaction:
            kinds = ("merge", "update", "delete")
            transaction.set_properties({f"write.{kind}.mode": mode for kind in kinds})
        try:
            with lease_engine("spark", home=home):
                yield _Work(home, mode, row_bytes, catalog, open_session())
        finally:
            engines.stop_engine()
            shutil.rmtree(home, ignore_errors=True)

    def days(self, rows: pa.Table, count: int) -> Iterator[Merged | Read]:
        """Take the table back by so many days, and let them come."""
        table = self.catalog.table(NAME)
        rows = rows.filter(pc.is_valid(rows["business_date"]))
        known = sorted(set(rows["business_date"].to_pylist()))[-count:]
        history = rows.filter(pc.less(rows["business_date"], known[0]))
        table.append(history.cast(table.schema().as_arrow()))
        # The first merge of all warms the engine, and is not counted.
        self._merge("", history.slice(0, 1))
        yield from self._readings(0)
        for number, day in enumerate(known, start=1):
            changes = changes_of(rows, day, number)
            yield self._merge(NEW, changes.new)
            yield self._merge(CORRECTED, changes.corrected)
            if number in (1, count):
                yield from self._readings(number)

    def _merge(self, what: str, rows: pa.Table) -> Merged:
        file = self.home / "changes.parquet"
        pq.write_table(rows, file)
        days = rows["business_date"]
        first, last = pc.min(days).as_py(), pc.max(days).as_py()
        within = f"t.business_date BETWEEN DATE '{first}' AND DATE '{last}'"
        before, began, spent = self._files(), time.monotonic(), cpu_seconds_here()
        incoming = self.session.read.parquet(f"file://{file}")
        merge_rows(self.session, incoming, SALES_LINE, TARGET, within=lambda: [within])
        seconds, cpu = time.monotonic() - began, cpu_seconds_here() - spent
        written = {name: size for name, size in self._files().items() if name not in before}
        deletes = sum(size for name, size in written.items() if "-deletes" in name)
        data = sum(size for name, size in written.items() if name.startswith("data/"))
        return Merged(
            self.mode,
            what,
            rows.num_rows,
            round(rows.num_rows * self.row_bytes),
            data - deletes,
            deletes,
            sum(written.values()) - data,
            round(seconds, 2),
            round(cpu, 2),
        )

    def _readings(self, days: int) -> Iterator[Read]:
        warehouse = LocalWarehouse(catalog=self.catalog)
        asked: Mapping[str, Callable[[], object]] = {
            SPARK: lambda: self.session.sql(_ALL_ROWS.format(TARGET)).collect(),
            WAREHOUSE: lambda: warehouse.query(_ALL_ROWS.format(NAME)).rows,
        }
        for reader, ask in asked.items():
            ask()
            times = []
            for _ in range(READINGS):
                began, spent = time.monotonic(), cpu_seconds_here()
                ask()
                times.append((time.monotonic() - began, cpu_seconds_here() - spent))
            seconds, cpu = (median(each) for each in zip(*times, strict=True))
            yield Read(self.mode, reader, days, round(seconds, 3), round(cpu, 3))

    def _files(self) -> dict[str, int]:
        """Size of each file in the table's folder, by its path there."""
        folder = self.home / "lake" / "/".join(NAME.split("."))
        found = (file for file in folder.rglob("*") if file.is_file())
        return {str(file.relative_to(folder)): file.stat().st_size for file in found}


def changes_of(rows: pa.Table, day: date, number: int) -> Changes:
    """The day's lines, and as many of the lines before, each dearer than it was."""
    new = rows.filter(pc.equal(rows["business_date"], day))
    before = rows.filter(pc.less(rows["business_date"], day))
    step = before.num_rows // new.num_rows
    some = before.take(pa.array(range(number % step, before.num_rows, step)))
    at = some.schema.get_field_index("sales_value")
    dearer = pc.add(some["sales_value"], pa.scalar(number, pa.decimal128(3, 2)))
    values = dearer.cast(some.schema.field(at).type)
    return Changes(new, some.set_column(at, some.schema.field(at), values))
