"""Compaction: many small files of a partition become few, and files whose rows were deleted whole.

What is worth it, the table's own files say: a few small ones cost a reader nothing, and a rewrite
costs a reader's cache. The hazard is a rewrite that loses a row. So what was written is read back
before its one commit, and compared with what was there: lineage columns too, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, _dataframe_to_data_files
from pyiceberg.manifest import DataFile, ManifestContent
from pyiceberg.table import FileScanTask, Table
from pyiceberg.utils.properties import property_as_int

from resources.digests import content_digest
from resources.errors import JobFailed, TableMoved
from resources.replacing import MANIFEST_BYTES, merge_manifests, replace_files

COMPACTION = "compaction"
MANIFESTS = "manifests"

_TARGET = "write.target-file-size-bytes"
# A group of files is read whole into memory, ten times as large as on disk.
TARGET_BYTES = 64 * 1024 * 1024
SMALL_SHARE = 0.5
# A partition with fewer small files is left alone, unless much of it was deleted.
ENOUGH_FILES = 8
ENOUGH_DELETED = 0.1
ENOUGH_MANIFESTS = 20


@dataclass(frozen=True)
class Group:
    """Files of one partition that are rewritten together."""

    tasks: tuple[FileScanTask, ...]

    @property
    def bytes(self) -> int:
        """Size of the files on disk."""
        return sum(task.file.file_size_in_bytes for task in self.tasks)


@dataclass(frozen=True)
class Rewritten:
    """What one rewrite wrote."""

    files: int
    rows: int


def worth_compacting(table: Table) -> list[Group]:
    """The groups of files that a rewrite would make few of."""
    target = _target_bytes(table)
    tasks = sorted(table.scan().plan_files(), key=_place)
    groups: list[Group] = []
    for _, found in groupby(tasks, key=_partition):
        members = list(found)
        poor = [task for task in members if _is_small(task, target) or _is_mostly_deleted(task)]
        if len(poor) >= ENOUGH_FILES or any(_is_mostly_deleted(task) for task in poor):
            groups += [Group(tuple(each)) for each in _packed(poor, target)]
    return [group for group in groups if len(group.tasks) > 1 or group.tasks[0].delete_files]


def compact(table: Table, groups: Sequence[Group]) -> Rewritten:
    """Rewrite the groups in one commit; the memory that their rows took is given back.

    Raises:
        JobFailed: what was written is not what was read; nothing was committed.
        TableMoved: another commit took one of the files away meanwhile.
    """
    added: list[DataFile] = []
    try:
        for group in groups:
            _rewrite(table, group, added)
        removed = [task.file for group in groups for task in group.tasks]
        replace_files(table, removed, added, what=COMPACTION)
    except (JobFailed, TableMoved):
        # Surely not committed. After any other failure nobody knows, and they are left as orphans.
        for file in added:
            table.io.delete(file.file_path)
        raise
    finally:
        # Arrow's allocator keeps what was freed, and who keeps tables for long would seem to grow.
        pa.default_memory_pool().release_unused()
    return Rewritten(len(added), sum(file.record_count for file in added))


def worth_merging(table: Table) -> int:
    """How many manifests the table's current snapshot has, if a reader would gain from fewer."""
    snapshot = table.current_snapshot()
    if snapshot is None:
        return 0
    manifests = [
        each for each in snapshot.manifests(table.io) if each.content == ManifestContent.DATA
    ]
    needed = 1 + sum(each.manifest_length for each in manifests) // MANIFEST_BYTES
    return len(manifests) if len(manifests) >= max(ENOUGH_MANIFESTS, 2 * needed) else 0


def merge(table: Table) -> int:
    """Merge the table's manifests in one commit; returns how many there are now."""
    before = _live(table)
    merge_manifests(table, what=MANIFESTS)
    table.refresh()
    if _live(table) != before:
        raise JobFailed(
            f"merging the manifests of {'.'.join(table.name())}",
            found="another set of files than before",
            expected="the same files in fewer manifests, or a commit that came meanwhile",
            next_move="compare with the snapshot before; `product360 rollback` goes back to it",
        )
    snapshot = table.current_snapshot()
    return len(snapshot.manifests(table.io)) if snapshot else 0


def _rewrite(table: Table, group: Group, added: list[DataFile]) -> None:
    """Write the group's rows anew, and compare what was written with what was read."""
    scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
    rows = scan.to_table(group.tasks)
    written = _written_in_one(table, rows) if len(rows) else []
    for file in written:
        file.spec_id = table.spec().spec_id  # a file read from a manifest has it from there
    added += written
    before = content_digest(rows.to_reader())
    after = content_digest(scan.to_table([FileScanTask(file) for file in written]).to_reader())
    if before != after:
        raise JobFailed(
            f"compacting {'.'.join(table.name())}",
            found=f"rows with digest {after} in the new files",
            expected=f"{before}, the digest of the files that they replace",
            next_move="nothing was committed; look into the storage, then run it again",
        )


def _written_in_one(table: Table, rows: pa.Table) -> list[DataFile]:
    """One file for each partition that the rows are of.

    PyIceberg measures its target in memory, where rows take many times what they take on disk: by
    the table's own one it would write files that are small again, and again the next time.
    """
    properties = {**table.properties, _TARGET: str(2 * rows.nbytes + 1)}
    metadata = table.metadata.model_copy(update={"properties": properties})
    return list(_dataframe_to_data_files(metadata, rows, table.io))


def _live(table: Table) -> set[str]:
    return {task.file.file_path for task in table.scan().plan_files()}


def _target_bytes(table: Table) -> int:
    return property_as_int(table.properties, _TARGET, TARGET_BYTES) or TARGET_BYTES


def _is_small(task: FileScanTask, target: int) -> bool:
    return task.file.file_size_in_bytes < SMALL_SHARE * target


def _is_mostly_deleted(task: FileScanTask) -> bool:
    deleted = sum(file.record_count for file in task.delete_files)
    return deleted >= ENOUGH_DELETED * max(task.file.record_count, 1)


def _partition(task: FileScanTask) -> str:
    return f"{task.file.spec_id} {task.file.partition}"


def _place(task: FileScanTask) -> tuple[str, str]:
    return _partition(task), task.file.file_path


def _packed(tasks: Sequence[FileScanTask], target: int) -> Iterator[list[FileScanTask]]:
    """The files in order, in groups of about the target's size."""
    group: list[FileScanTask] = []
    size = 0
    for task in tasks:
        if group and size + task.file.file_size_in_bytes > target:
            yield group
            group, size = [], 0
        group.append(task)
        size += task.file.file_size_in_bytes
    if group:
        yield group
