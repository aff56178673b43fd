"""Erased subjects on their way through clean: their rows become tombstones, their facts nobody's.

Who was erased is told as keyed hashes, never as keys. Rows are compared in the engine's workers,
before the first write of a job, so that no value of an erased subject reaches staging, clean or
quarantine, however often its rows are delivered or replayed. A tombstone is a row of quarantine
with its lineage and nothing else, under the rule `erased`: so a batch still adds up. Where a table
says `anonymise`, the row stays as it is but for the subject's key, which is null.

The hazard is a rejected row: its reason and its record quote what was delivered. So a row with a
problem becomes a tombstone in either case. A row whose key cannot be read as its type names nobody
that could be recognised; it stays in quarantine as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pyspark.sql.types import StructField, StructType

from spark.keys import master_key
from spark.tokens import subject_hash, subject_version
from spark.transforms.rules import ERASED
from spark.transforms.staging import LINEAGE

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import DataFrame

    from spark.transforms.contract import CleanSpec

ANONYMISE = "anonymise"
REASON = "the subject of this row was erased on request; nothing of it is kept"
_WARNED = "_warned_"


def without_erased(rows: DataFrame, spec: CleanSpec) -> DataFrame:
    """Staged rows, those of erased subjects as tombstones or with nobody's key.

    Raises:
        KeyUnavailable: the key of the hashes cannot be read here.
    """
    subjects = {each.name: (each.subject, each.erasure) for each in spec.columns if each.subject}
    if spec.erased is None or not subjects:
        return rows
    uri, erased = spec.erased.uri, spec.erased.hashes
    for version in _versions(erased):
        master_key(uri, version)

    def erase(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        # Only the reference is in this function, and so in the plan.
        known = {
            column: _recogniser(uri, subject, erased.get(subject, frozenset()))
            for column, (subject, _) in subjects.items()
        }
        for batch in batches:
            batch = _may_hold_nulls(batch)
            for column, (_, how) in subjects.items():
                batch = _erased(batch, column, how, known[column])
            yield batch

    # A tombstone is null where any other row has a value, such as a name of its own.
    schema = StructType([StructField(each.name, each.dataType) for each in rows.schema])
    return rows.mapInArrow(erase, schema)


def _may_hold_nulls(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    import pyarrow

    fields = [field.with_nullable(True) for field in batch.schema]
    return pyarrow.RecordBatch.from_arrays(batch.columns, schema=pyarrow.schema(fields))


def _versions(erased: Mapping[str, frozenset[str]]) -> set[str]:
    return {subject_version(each) for hashes in erased.values() for each in hashes}


def _recogniser(uri: str, subject: str, hashes: frozenset[str]) -> Callable[[str], bool]:
    functions = [
        subject_hash(master_key(uri, version), version, subject)
        for version in sorted({subject_version(each) for each in hashes})
    ]
    return lambda value: any(function(value) in hashes for function in functions)


def _erased(
    batch: pyarrow.RecordBatch, column: str, how: str, is_erased: Callable[[str], bool]
) -> pyarrow.RecordBatch:
    """The block without what it holds of erased subjects in that column."""
    import pyarrow
    import pyarrow.compute as pc

    names = batch.schema.names
    values = batch.column(names.index(column)).cast(pyarrow.string()).dictionary_encode()
    found = pyarrow.array([is_erased(each) for each in values.dictionary.to_pylist()], "bool")
    theirs = pc.fill_null(found.take(values.indices), False)
    if not pc.any(theirs).as_py():
        return batch
    gone = theirs
    if how == ANONYMISE:
        gone = pc.and_(theirs, pc.is_valid(batch.column(names.index("_problem"))))
    arrays = [
        _after(name, array, theirs if name == column else gone)
        for name, array in zip(names, batch.columns)
    ]
    return pyarrow.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _after(name: str, array: pyarrow.Array, gone: pyarrow.BooleanArray) -> pyarrow.Array:
    """A column's values, those of the rows that are gone replaced; their lineage stays."""
    import pyarrow
    import pyarrow.compute as pc

    if name in LINEAGE:
        return array
    if name == "_problem":
        tombstone = {"column": None, "rule": ERASED, "reason": REASON}
        problems = [
            tombstone if is_gone else problem
            for is_gone, problem in zip(gone.to_pylist(), array.to_pylist())
        ]
        return pyarrow.array(problems, array.type)
    if name.startswith(_WARNED):
        return pc.and_(pc.fill_null(array, False), pc.invert(gone))
    return pc.if_else(gone, pyarrow.scalar(None, array.type), array)
