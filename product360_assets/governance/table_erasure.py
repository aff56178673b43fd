"""Takes a subject out of one published table: out of what readers see, then out of its past.

    eraser.leave(SALES_LINE, "household_id", "anonymise")    # nobody's from now on
    eraser.clear(SALES_LINE, "household_id", "anonymise")    # and never was

The table's own lock is held meanwhile, which its publishers and derivations hold as well: so none
of them commits between the last look and the deletion of a file, and none finds its table moved.

The hazard is a file that is deleted and needed. Only what an expired snapshot named, and no other
snapshot names, is deleted; a file that nothing ever named may belong to a write that is under way.
Who still reads an expired snapshot loses it, which is what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from product360_assets.core.erasures import intend_files, intended_files
from product360_assets.curated.commits import CODE_VERSION
from product360_assets.governance.subjects import (
    Place,
    condition_of,
    data_files,
    published_place,
)
from resources.catalog import CatalogResource
from resources.ledger import Ledger
from resources.locks import holding
from resources.objects import LakeResource
from spark.tables import Table

if TYPE_CHECKING:
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

ERASURE = "product360.erasure"


@dataclass(frozen=True)
class Cleared:
    """What clearing a table did: rows changed, snapshots expired, URIs of the files deleted."""

    rows: int
    snapshots: tuple[int, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableEraser:
    """Takes one subject out of published tables, each under its lock.

    Attributes:
        key: the subject's key; it is looked for and written nowhere.
        folder: where the documents of the request are.
    """

    key: str
    folder: str
    ledger: Ledger
    lake: LakeResource
    catalog: CatalogResource
    code_version: str
    log: Callable[[str], None]

    def leave(self, table: Table, column: str, erasure: str) -> Cleared:
        """Remove the subject's rows, or their key, where readers see them.

        Raises:
            LockHeld: somebody published the table all the time.
        """
        with self._alone(table):
            place = published_place(self.catalog, self.lake, table, column, erasure, self.key)
            return Cleared(self._leave(place) if place else 0)

    def clear(self, table: Table, column: str, erasure: str) -> Cleared:
        """The same, and expire every snapshot that holds the subject, and delete its files.

        Raises:
            LockHeld: somebody published the table all the time.
        """

        def look() -> Place | None:
            return published_place(self.catalog, self.lake, table, column, erasure, self.key)

        with self._alone(table):
            place = look()
            rows = self._leave(place) if place else 0
            if rows:
                place = look()
            if place and not place.current_rows and self._forget(place):
                place = look()
            snapshots = self._expire(place) if place else ()
            return Cleared(rows, snapshots, self._delete_intended(table.identifier))

    @property
    def _request(self) -> str:
        return self.folder.rpartition("/")[2]

    def _alone(self, table: Table) -> AbstractContextManager[Ledger]:
        work = f"erasure {self._request}"
        return holding(self.ledger, table.identifier, work=work, log=self.log)

    def _leave(self, place: Place) -> int:
        import pyarrow as pa

        if not place.current_rows:
            return 0
        table = self.catalog.table(place.table)
        condition = condition_of(table, place.column, self.key)
        said = {ERASURE: self._request, CODE_VERSION: self.code_version}
        self.log(f"{place.table}: {place.current_rows} rows, {place.erasure}")
        if place.erasure == "remove":
            table.delete(condition, snapshot_properties=said)
        else:
            rows = table.scan(row_filter=condition).to_arrow()
            position = rows.schema.get_field_index(place.column)
            field = rows.schema.field(position)
            nobody = pa.nulls(rows.num_rows, field.type)
            anonymous = rows.set_column(position, field, nobody)
            table.overwrite(anonymous, condition, snapshot_properties=said)
        return place.current_rows

    def _forget(self, place: Place) -> bool:
        """Let what readers see say nothing of files that are removed, if it says the key."""
        from resources.forgetting import forget_removed_files

        table = self.catalog.table(place.table)
        current = table.current_snapshot()
        if current is None or current.snapshot_id not in place.snapshots:
            return False
        forget_removed_files(table, {ERASURE: self._request, CODE_VERSION: self.code_version})
        return True

    def _expire(self, place: Place) -> tuple[int, ...]:
        """Take the snapshots that hold the subject out of the table, with what is named on them."""
        table = self.catalog.table(place.table)
        current = table.current_snapshot()
        gone = [each for each in place.snapshots if current and each != current.snapshot_id]
        kept = [each for each in table.metadata.snapshots if each.snapshot_id not in gone]
        named = _named_files(table, table.metadata.snapshots)
        # Written down first: once the snapshots have expired, nothing else names these files.
        intended = named - _named_files(table, kept)
        intend_files(self.lake.zone("clean"), self.folder, place.table, intended)
        for name, ref in table.refs().items():
            if ref.snapshot_id in gone:
                changed = table.manage_snapshots()
                is_tag = ref.snapshot_ref_type == "tag"
                (changed.remove_tag(name) if is_tag else changed.remove_branch(name)).commit()
        if gone:
            table.maintenance.expire_snapshots().by_ids(gone).commit()
        return tuple(gone)

    def _delete_intended(self, identifier: str) -> tuple[str, ...]:
        """Delete what expired snapshots named, now or before a death, and no other one names."""
        intended = intended_files(self.lake.zone("clean"), self.folder, identifier)
        if not intended:
            return ()
        table = self.catalog.table(identifier)
        deleted = []
        for uri in sorted(intended - _named_files(table, table.metadata.snapshots)):
            with suppress(FileNotFoundError):
                table.io.delete(uri)
                deleted.append(uri)
        return tuple(deleted)


def _named_files(table: IcebergTable, snapshots: Iterable[Snapshot]) -> set[str]:
    """URIs of the files that these snapshots of a table name, manifests and data alike."""
    named: set[str] = set()
    for snapshot in snapshots:
        named.add(snapshot.manifest_list)
        named |= {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
        named |= set(data_files(table, snapshot))
    return named
