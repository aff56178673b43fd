"""Lets a table forget files that it no longer has: its manifests still list what was removed.

A manifest keeps an entry for every file that its commit removed, with the least and the greatest
value of each column, until some later commit happens to write it anew. For a file of an erased
subject such a value may be the very key. So the manifests are written again without those entries,
in one commit that changes no row; the snapshot before it can then expire.

PyIceberg has no such commit, so its own for adding files is taken, which adds none, and made to say
`replace`. It is a private class: PyIceberg is pinned.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyiceberg.manifest import ManifestContent, ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Summary
from pyiceberg.table.update.snapshot import _FastAppendFiles


def forget_removed_files(table: Table, said: Mapping[str, str]) -> None:
    """Commit the same files and rows, by manifests that list nothing else.

    Args:
        table: an Iceberg table; only its main branch changes.
        said: properties of the new snapshot.

    Raises:
        CommitFailedException: others were always faster.
    """
    with table.transaction() as transaction:
        _Forgetting(
            operation=Operation.APPEND,
            transaction=transaction,
            io=table.io,
            snapshot_properties=dict(said),
        ).commit()
    table.refresh()


class _Forgetting(_FastAppendFiles):
    def _summary(self, snapshot_properties: dict[str, str] | None = None) -> Summary:
        said = super()._summary(snapshot_properties or {})
        return Summary(Operation.REPLACE, **said.additional_properties)

    def _existing_manifests(self) -> list[ManifestFile]:
        before = self._transaction.table_metadata.snapshot_by_id(self._parent_snapshot_id or 0)
        manifests = before.manifests(self._io) if before else []
        written = (self._without_removed(each) for each in manifests)
        return [each for each in written if each]

    def _without_removed(self, manifest: ManifestFile) -> ManifestFile | None:
        """The manifest, or one without its entries of removed files; None if nothing is left."""
        entries = manifest.fetch_manifest_entry(self._io, discard_deleted=False)
        left = manifest.fetch_manifest_entry(self._io, discard_deleted=True)
        if len(left) == len(entries) or manifest.content == ManifestContent.DELETES:
            return manifest
        if not left:
            return None
        with self.new_manifest_writer(self.spec(manifest.partition_spec_id)) as writer:
            for entry in left:
                writer.existing(entry)
        return writer.to_manifest_file()
