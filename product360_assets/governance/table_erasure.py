"""Takes a subject out of one published table: out of what readers see, then out of its past.

    eraser.leave(table, "member_id", "anonymise")    # nobody's from now on
    eraser.clear(table, "member_id", "anonymise")    # and never was

The table's own lock is held meanwhile, which its publishers and derivations hold as well: so none
of them commits between the last look and the deletion of a file, and none finds its table moved.

The hazard is a file that is deleted and needed. Only what an expired snapshot named, and no other
snapshot names, is deleted; a file that nothing ever named may belong to a write that is under way.
Who still reads an expired snapshot loses it, which is what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass

from product360_assets.core.erasures import intend, intended_of
from product360_assets.curated.commits import CODE_VERSION
from product360_assets.governance.subjects import Place, condition_of, published_place, zone_of
from resources.catalog import CatalogResource
from resources.ledger import Ledger
from resources.locks import holding
from resources.objects import LakeResource
from spark.tables import Table

ERASURE = "product360.erasure"


@dataclass(frozen=True)
class Cleared:
    """What clearing a table did: rows changed, snapshots expired, URIs of the files deleted.

    Attributes:
        names: tags and branches that ended for the request, now or before a death.
    """

    rows: int
    snapshots: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


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
            intended = intended_of(self.lake.zone("clean"), self.folder, table.identifier)
            files = self._delete(table, intended.files)
            return Cleared(rows, snapshots, files, tuple(sorted(intended.names)))

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
        from resources.replacing import forget_removed_files

        table = self.catalog.table(place.table)
        current = table.current_snapshot()
        if current is None or current.snapshot_id not in place.snapshots:
            return False
        said = {ERASURE: self._request, CODE_VERSION: self.code_version}
        forget_removed_files(table, what="erasure", said=said)
        return True

    def _expire(self, place: Place) -> tuple[int, ...]:
        """Take the snapshots that hold the subject out of the table, with what stands on them."""
        from resources.expiry import expire, names_on, take_off
        from resources.orphans import files_of

        table = self.catalog.table(place.table)
        ids = set(place.snapshots) - {table.metadata.current_snapshot_id}
        gone = [each for each in table.metadata.snapshots if each.snapshot_id in ids]
        kept = [each for each in table.metadata.snapshots if each.snapshot_id not in ids]
        if not gone:
            return ()
        files, names = {*files_of(table, gone)} - {*files_of(table, kept)}, names_on(table, gone)
        # Written down first: once the snapshots have expired, nothing else names these files.
        intend(self.lake.zone("clean"), self.folder, place.table, files=files, names=names)
        take_off(table, names)
        self.log(f"{place.table}: {expire(table, gone)}")
        return tuple(each.snapshot_id for each in gone)

    def _delete(self, table: Table, intended: Collection[str]) -> tuple[str, ...]:
        """Delete what expired snapshots named, now or before a death, and no other one names."""
        from resources.orphans import released, remove

        if not intended:
            return ()
        iceberg = self.catalog.table(table.identifier)
        found = released(iceberg, zone_of(self.lake, table), intended)
        remove(iceberg, found)
        return tuple(each.uri for each in found)
