"""Where a subject is: every Parquet file of clean, quarantine and the published tables is read.

Which columns hold the keys of subjects is declared: in the sources' contracts and in the
dictionary of tables. Files are looked at as they lie there, whatever names them: what only an old
snapshot or an earlier unit holds is found too, and so is what a failed write left behind, also
where listings hide it.

The hazard is quarantine, where a record is text as the source had it. Where that is no JSON object
with names, a key counts as found when it stands in the text as a whole word; a short key may be
another number there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from product360_assets.core.contract import ColumnContract, SourceContract, TableContract
from resources.arrow_files import file_system, parquet_keys
from resources.catalog import CatalogResource
from resources.keys import is_unfinished
from resources.objects import LakeResource, ObjectStore
from spark.tables import TABLES, Table
from spark.tables.model import View

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyiceberg.expressions import BooleanExpression
    from pyiceberg.table import Table as IcebergTable

COLUMNS = ("zone", "table", "column", "erasure", "rows", "files", "snapshots")


@dataclass(frozen=True)
class Place:
    """What one table holds of a subject.

    Attributes:
        zone: clean, quarantine, curated or forecast.
        table: its name there.
        column: the column of the key; for quarantine, the one whose key its records quote.
        erasure: what is done: remove or anonymise.
        rows: rows by the key of the file that holds them, in the zone's store.
        batches: batches that these files are of; clean and quarantine only.
        snapshots: snapshots that name one of these files, or have the key as the least or greatest
            value of some file, be it removed since; published tables only.
        current_rows: rows that a reader of the table sees now; published tables only.
    """

    zone: str
    table: str
    column: str
    erasure: str
    rows: Mapping[str, int]
    batches: frozenset[str] = frozenset()
    snapshots: tuple[int, ...] = ()
    current_rows: int = 0

    @property
    def row(self) -> tuple[object, ...]:
        """The place under `COLUMNS`."""
        rows = sum(self.rows.values())
        how = (self.zone, self.table, self.column, self.erasure)
        return (*how, rows, len(self.rows), len(self.snapshots))


def clean_places(
    contract: SourceContract, table: TableContract, lake: LakeResource, kind: str, key: str
) -> Iterator[Place]:
    """What clean and quarantine hold of a subject in one table; nothing where there is none."""
    clean, name = lake.zone("clean"), f"{contract.name}.{table.name}"
    folder = f"{contract.name}/{table.name}/"
    for column in (each for each in table.columns if each.subject == kind):
        counted = {
            each: _rows_of(clean, each, column.name, key)
            for each in parquet_keys(clean, folder, unfinished=True)
        }
        if rows := {each: count for each, count in counted.items() if count}:
            batches = frozenset(batch_of(each) for each in rows) - {""}
            yield Place("clean", name, column.name, column.erasure, rows, batches)
        rows, batches = _quarantined(clean, f"quarantine/{folder}", column, key)
        if rows:
            yield Place("quarantine", name, column.name, "remove", rows, batches)


def left_behind(contract: SourceContract, table: TableContract, lake: LakeResource) -> list[str]:
    """Files with rows that a job of clean did not finish, or cannot be read; while none is at work.

    A job stages a whole delivery before it writes a batch, and removes that at its end.
    """
    clean, folder = lake.zone("clean"), f"{contract.name}/{table.name}/"
    return [
        file
        for prefix in (folder, f"quarantine/{folder}")
        for file in parquet_keys(clean, prefix, unfinished=True)
        if is_unfinished(file) and _may_hold_rows(clean, file)
    ]


def published_place(
    catalog: CatalogResource,
    lake: LakeResource,
    table: Table,
    column: str,
    erasure: str,
    key: str,
) -> Place | None:
    """What a published table holds of a subject, in every snapshot and beside them."""
    from resources.orphans import folder_in, place_of
    from resources.telling import snapshots_that_tell

    if not catalog.load().table_exists(table.identifier):
        return None
    store = zone_of(lake, table)
    iceberg = catalog.table(table.identifier)
    counted = {
        each: _rows_of(store, each, column, key)
        for each in parquet_keys(store, folder_in(iceberg, store))
    }
    rows = {each: count for each, count in counted.items() if count}
    uris = {place_of(store.uri_of(each)) for each in rows}
    snapshots = snapshots_that_tell(iceberg, uris, column, key)
    if not (rows or snapshots):
        return None
    now = rows_now(iceberg, column, key)
    how = (table.zone, table.identifier, column, erasure)
    return Place(*how, rows, snapshots=snapshots, current_rows=now)


def subject_columns(kind: str) -> list[tuple[Table, str, str]]:
    """The published columns that hold keys of such subjects, and what erasing does to their row."""
    return [
        (table, column.name, column.erasure)
        for table in TABLES.values()
        if not isinstance(table, View)
        for column in table.columns
        if column.subject == kind
    ]


def condition_of(table: IcebergTable, column: str, key: str) -> BooleanExpression:
    """PyIceberg's condition that a column holds the key; never true where it cannot."""
    from pyiceberg.expressions import AlwaysFalse, EqualTo
    from pyiceberg.types import StringType

    if isinstance(table.schema().find_type(column), StringType):
        return EqualTo(term=column, value=key)
    return EqualTo(term=column, value=int(key)) if key == str(_number(key)) else AlwaysFalse()


def zone_of(lake: LakeResource, table: Table) -> ObjectStore:
    """The zone that a published table lies in."""
    return lake.zone("curated" if table.zone == "curated" else "forecast")


def rows_now(table: IcebergTable, column: str, key: str) -> int:
    """Rows that a reader of the table sees."""
    found = table.scan(row_filter=condition_of(table, column, key), selected_fields=(column,))
    return int(found.to_arrow().num_rows)


def batch_of(key: str) -> str:
    """The batch in whose folder a file of clean is."""
    return next((part[6:] for part in key.split("/") if part.startswith("batch=")), "")


def unit_of(key: str) -> str:
    """The unit in whose folder a file of clean or quarantine is."""
    return next((part[5:] for part in key.split("/") if part.startswith("unit=")), "")


def _number(key: str) -> int | None:
    return int(key) if re.fullmatch(r"-?[0-9]{1,19}", key) else None


def _rows_of(store: ObjectStore, file: str, column: str, key: str) -> int:
    rows = _read(store, file, [column])
    if column not in rows.column_names:
        return 0
    return _equal(rows.column(column), key)


def _equal(values: pa.ChunkedArray, key: str) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    return int(pc.sum(pc.equal(values.cast(pa.string()), key)).as_py() or 0)


def _quarantined(
    clean: ObjectStore, prefix: str, column: ColumnContract, key: str
) -> tuple[dict[str, int], frozenset[str]]:
    """Rows that quote the key by file, and every batch of which such a file holds rows."""
    names = ["column", "raw_text", "reason", "_batch_id", "_correction_id"]
    found: dict[str, int] = {}
    batches: set[str] = set()
    for file in parquet_keys(clean, prefix, unfinished=True):
        rows = _read(clean, file, names).to_pylist()
        if quoted := sum(_quotes(row, column, key) for row in rows):
            found[file] = quoted
            batches |= {row.get("_correction_id") or row["_batch_id"] for row in rows}
    return found, frozenset(batches)


def _quotes(row: Mapping[str, Any], column: ColumnContract, key: str) -> bool:
    word = re.compile(rf"(?<![0-9A-Za-z_]){re.escape(key)}(?![0-9A-Za-z_])")
    if row["column"] == column.name and word.search(row["reason"]):
        return True
    try:
        record = json.loads(row["raw_text"] or "null")
    except ValueError:
        record = None
    if isinstance(record, dict):
        return str(record.get(column.delivered_name, record.get(column.name))) == key
    return bool(word.search(row["raw_text"] or ""))


def _may_hold_rows(store: ObjectStore, file: str) -> bool:
    import pyarrow as pa

    try:
        with _opened(store, file) as parquet:
            return bool(parquet.metadata.num_rows)
    except pa.ArrowInvalid:
        return True


def _read(store: ObjectStore, file: str, columns: list[str]) -> pa.Table:
    """Those of the columns that it has; of a file that its writer is still at, none."""
    import pyarrow as pa

    try:
        with _opened(store, file) as parquet:
            present = [name for name in columns if name in parquet.schema_arrow.names]
            return parquet.read(columns=present)
    except (pa.ArrowInvalid, FileNotFoundError):
        if not is_unfinished(file):
            raise
        return pa.table({})


@contextmanager
def _opened(store: ObjectStore, file: str) -> Iterator[pq.ParquetFile]:
    import pyarrow.parquet as pq

    files, root = file_system(store)
    with files.open_input_file(f"{root}/{file}") as opened:
        yield pq.ParquetFile(opened)
