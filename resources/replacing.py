"""Commits that replace files by others with the same rows: what the Iceberg format calls `replace`.

PyIceberg has no such commit, so its own commits for overwriting files and for adding some are taken
and made to say so: streams skip what replaces nothing, and a commit that came meanwhile is only in
the way if it took the very files away. These are private classes: PyIceberg is pinned.

The hazard is a commit between planning and committing. What a commit of ours carries on is read
from the snapshot that it follows in the end, at every attempt anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.manifest import (
    DataFile,
    ManifestContent,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.table import Table, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import (
    _FastAppendFiles,
    _ManifestMergeManager,
    _OverwriteFiles,
)
from pyiceberg.table.update.validate import (
    _validate_data_files_exist,
    _validate_no_new_deletes_for_data_files,
)

from resources.errors import TableMoved
from resources.maintenance import CONTENT_SNAPSHOT, MAINTENANCE, OURS

# What a manifest is merged up to; the default of the format's Java implementation.
MANIFEST_BYTES = 8 * 1024 * 1024


def replace_files(
    table: Table, removed: Sequence[DataFile], added: Sequence[DataFile], *, what: str
) -> None:
    """Put `added` in place of `removed` in one commit; the caller knows that their rows are equal.

    Raises:
        TableMoved: another commit took one of the files away, or rows of one, meanwhile.
    """
    with committing(table) as transaction:
        commit = _ReplaceFiles(
            operation=Operation.OVERWRITE,
            transaction=transaction,
            io=table.io,
            snapshot_properties={MAINTENANCE: what},
        )
        for file in removed:
            commit.delete_data_file(file)
        for file in added:
            commit.append_data_file(file)
        commit.commit()


def merge_manifests(table: Table, *, what: str) -> None:
    """Write the entries of all data manifests into few manifests, in one commit.

    Raises:
        TableMoved: other commits were always faster.
    """
    with committing(table) as transaction:
        _MergeManifests(
            operation=Operation.APPEND,
            transaction=transaction,
            io=table.io,
            snapshot_properties={MAINTENANCE: what},
        ).commit()


def forget_removed_files(table: Table, *, what: str, said: Mapping[str, str]) -> None:
    """List the same files by manifests that list nothing else, in one commit.

    A manifest keeps an entry for every file that its commit removed, with the least and greatest
    value of each column, until some later commit happens to write it anew.

    Args:
        table: only its main branch changes.
        what: what for, as every commit of upkeep says it.
        said: other properties of the new snapshot.

    Raises:
        TableMoved: other commits were always faster.
    """
    with committing(table) as transaction:
        _ForgetRemoved(
            operation=Operation.APPEND,
            transaction=transaction,
            io=table.io,
            snapshot_properties={**said, MAINTENANCE: what},
        ).commit()
    table.refresh()


@contextmanager
def committing(table: Table) -> Iterator[Transaction]:
    """One transaction, whose sure failure to commit is an error of ours."""
    try:
        with table.transaction() as transaction:
            yield transaction
    except (CommitFailedException, ValidationException) as error:
        raise table_moved(table, error) from error


def table_moved(table: Table, error: Exception) -> TableMoved:
    """The error for a commit that others were in the way of; it did not land."""
    return TableMoved(
        f"table {'.'.join(table.name())}",
        found=f"another commit since it was looked at ({str(error).splitlines()[0][:200]})",
        expected="it as it was planned for",
        next_move="run it again: it looks at the table anew",
    )


def _replacing(summary: Summary, metadata: TableMetadata, parent: int | None) -> Summary:
    """The summary of a commit that changes no row, with what its predecessor said of the rows."""
    before = metadata.snapshot_by_id(parent) if parent is not None else None
    said = dict(before.summary.additional_properties) if before and before.summary else {}
    carried = {name: text for name, text in said.items() if name.startswith(OURS)}
    carried.setdefault(CONTENT_SNAPSHOT, str(parent))
    return Summary(Operation.REPLACE, **{**carried, **summary.additional_properties})


class _ReplaceFiles(_OverwriteFiles):
    def _summary(self, snapshot_properties: dict[str, str] | None = None) -> Summary:
        said = super()._summary(snapshot_properties or {})
        return _replacing(said, self._transaction.table_metadata, self._parent_snapshot_id)

    def _validate_concurrency(self) -> None:
        """What others added stands beside ours; only what they took away is in the way."""
        window = self._commit_window
        if window is None or window.is_empty() or window.head is None:
            return
        table = self._transaction._table
        _validate_data_files_exist(table, window.head, self._deleted_data_files, window.base)
        _validate_no_new_deletes_for_data_files(
            table, window.head, None, self._deleted_data_files, window.base
        )


class _SameFiles(_FastAppendFiles):
    """Adds no file, and may list those that are there otherwise."""

    def _summary(self, snapshot_properties: dict[str, str] | None = None) -> Summary:
        said = super()._summary(snapshot_properties or {})
        return _replacing(said, self._transaction.table_metadata, self._parent_snapshot_id)


class _MergeManifests(_SameFiles):
    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        merging = _ManifestMergeManager(
            target_size_bytes=MANIFEST_BYTES,
            min_count_to_merge=2,
            merge_enabled=True,
            snapshot_producer=self,
        )
        data = [each for each in manifests if each.content == ManifestContent.DATA]
        deletes = [each for each in manifests if each.content == ManifestContent.DELETES]
        return merging.merge_manifests(data) + deletes


class _ForgetRemoved(_SameFiles):
    def _existing_manifests(self) -> list[ManifestFile]:
        before = self._transaction.table_metadata.snapshot_by_id(self._parent_snapshot_id or 0)
        manifests = before.manifests(self._io) if before else []
        written = (self._without_removed(each) for each in manifests)
        return [each for each in written if each]

    def _without_removed(self, manifest: ManifestFile) -> ManifestFile | None:
        """The manifest, or one without its entries of removed files; None if nothing is left."""
        entries = manifest.fetch_manifest_entry(self._io, discard_deleted=False)
        left = [each for each in entries if each.status != ManifestEntryStatus.DELETED]
        if len(left) == len(entries) or manifest.content == ManifestContent.DELETES:
            return manifest
        if not left:
            return None
        with self.new_manifest_writer(self.spec(manifest.partition_spec_id)) as writer:
            for entry in left:
                writer.existing(entry)
        return writer.to_manifest_file()
