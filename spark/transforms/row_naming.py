"""Gives rejected rows their names (`spark.row_names`), by which people release them.

Names are staged, because what was delivered is at hand only before the first write. Where it may be
read, they are SQL. Where columns are treated, they are made by Python in the engine's workers, with
the key, in the same pass as pseudonyms; the delivered text gets as far as there, in memory.

The hazard is a contract that changes after rows were released: a column is treated from now on, or
no longer, or the key has another version. A released row keeps the name that it was released under,
so a row is looked for under every name that it can have had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pyspark.sql import Column
from pyspark.sql.functions import col, concat_ws, expr, sha2, when

from spark.keys import master_key
from spark.row_names import DIGITS, SEPARATOR, key_version, keyed_name, plain_name
from spark.transforms.contract import CleanSpec, DeclaredColumn
from spark.transforms.typing import named

if TYPE_CHECKING:
    import pyarrow

NAME = "_name"
# The typed row as one line; in memory only.
TYPED = "_typed"
# The batch in whose accounts a row is: a corrected row keeps the batch that it came from first.
ACCOUNTED = "coalesce(_correction_id, _batch_id)"

# (batch, file, text, typed row) → name
NameRow = Callable[[str, str, str, "str | None"], str]


def is_named_by_python(spec: CleanSpec) -> bool:
    """Whether a name needs the key: columns are treated, or were when rows were released."""
    return spec.is_treated or any(map(key_version, spec.released_names))


def name_columns(spec: CleanSpec, *, raw_text: str, is_told: str) -> list[Column]:
    """What staged rows are named by: the name, or for `with_names` the text itself.

    Args:
        spec: says whether names need the key.
        raw_text: SQL for the record as it was delivered.
        is_told: SQL for whether the row is, or may turn out to be, a rejected one.
    """
    if not is_named_by_python(spec):
        text = expr(f"CASE WHEN {is_told} THEN {raw_text} END")
        return [plain_name_of(text).alias(NAME)]
    if spec.is_treated and spec.unique_action == "quarantine":
        # Only later is it known which rows share a key, and then their text is gone.
        is_told = "true"
    text = expr(f"CASE WHEN {is_told} THEN {raw_text} END").alias(NAME)
    typed = f"CASE WHEN _problem IS NULL AND {is_told} THEN {typed_record(spec.columns)} END"
    return [text, expr(typed if spec.released else "CAST(NULL AS string)").alias(TYPED)]


def plain_name_of(text: Column) -> Column:
    """The name of a row by a text that may be read; null where there is none."""
    digest = sha2(concat_ws(SEPARATOR, expr(ACCOUNTED), col("_source_file"), text), 256)
    return when(text.isNotNull(), digest.substr(1, DIGITS))


def typed_record(columns: Iterable[DeclaredColumn]) -> str:
    """SQL for a typed row as one line of JSON, every value as text."""
    names = [named(column.name) for column in columns]
    values = ", ".join(f"CAST({name} AS string) AS {name}" for name in names)
    return f"to_json(struct({values}))"


def row_namer(
    uri: str, version: str, *, is_treated: bool, released: Iterable[str]
) -> Callable[[], NameRow]:
    """Makes the function that names a row, in the process that calls it; holds no key itself."""
    known = frozenset(released)
    versions = sorted({each for each in map(key_version, known) if each} | {version})
    are_plain = any(key_version(name) is None for name in known)

    def make() -> NameRow:
        keys = {each: master_key(uri, each) for each in versions}

        def name(batch_id: str, source_file: str, text: str, typed: str | None) -> str:
            keyed = {
                each: keyed_name(batch_id, source_file, text, master=key, version=each)
                for each, key in keys.items()
            }
            own = keyed[version] if is_treated else plain_name(batch_id, source_file, text)
            if not known:
                return own
            plain = [plain_name(batch_id, source_file, each) for each in (text, typed) if each]
            before = [*keyed.values(), *(plain if are_plain else ())]
            return next((each for each in before if each in known), own)

        return name

    return make


def with_names(batch: pyarrow.RecordBatch, name: NameRow) -> pyarrow.RecordBatch:
    """The block with names for the texts of its rows, and without the typed rows."""
    import pyarrow

    columns = ("_correction_id", "_batch_id", "_source_file", NAME, TYPED)
    names: list[str | None] = [None] * batch.num_rows
    if batch.column(NAME).null_count < batch.num_rows:
        values = zip(*(batch.column(column).to_pylist() for column in columns))
        names = [
            None if text is None else name(correction or batch_id, file, text, typed)
            for correction, batch_id, file, text, typed in values
        ]
    kept = [each for each in batch.schema.names if each != TYPED]
    arrays = [
        pyarrow.array(names, pyarrow.string()) if each == NAME else batch.column(each)
        for each in kept
    ]
    return pyarrow.RecordBatch.from_arrays(arrays, names=kept)
