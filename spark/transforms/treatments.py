"""From judged rows to what may be written of them: hashed, tokenised, redacted, in buckets, or not.

Everything here happens before the first write of a job, staging included, so a value that must not
be read is in memory only. Redaction and buckets are SQL. Hashes and tokens are made by Python in
the engine's workers: as SQL they would need the key in the plan, which engines log and show.
They work on the distinct values of a block of rows, because people come back.

The hazard is a rejected row. What it holds may stand in the wrong columns, so nothing of it is
quoted: its record shows what clean would have shown, and no untreated column at all where a value
was not what its column declares. Raw has the rest, under the file that the row names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pyspark.sql import Column, DataFrame
from pyspark.sql.functions import expr

from spark.failures import SpecInvalid
from spark.keys import master_key
from spark.tokens import Pseudonymise, pseudonymiser
from spark.transforms.contract import CleanSpec, DeclaredColumn
from spark.transforms.row_naming import TYPED, is_named_by_python, row_namer, with_names
from spark.transforms.treatment_spec import KEYED, Treatment
from spark.transforms.typing import named, quoted

if TYPE_CHECKING:
    import pyarrow

HIDDEN = "what is not shown, because the table has treated columns; raw holds it"
OTHER_GROUP = "other"
# Characters of a date's text in ISO 8601 that name the period.
_YEAR, _MONTH = 4, 7


def treated_columns(spec: CleanSpec) -> list[Column]:
    """The published columns; those that need the key are still text, see `pseudonymised`."""
    return [expr(_treated(column)).alias(column.name) for column in spec.published]


def pseudonymised(rows: DataFrame, spec: CleanSpec) -> DataFrame:
    """The rows with their keyed columns hashed or tokenised, and named where that needs the key.

    Raises:
        KeyUnavailable: the key cannot be read here, so it is not looked for in the workers.
    """
    if spec.keys is None or not is_named_by_python(spec):
        return rows
    columns = [column for column in spec.published if column.how in KEYED]
    uri, version = spec.keys.uri, spec.keys.version
    master_key(uri, version)
    ways = {
        column.name: (column.how, column.treatment.domain) for column in columns if column.treatment
    }
    make_namer = row_namer(uri, version, is_treated=spec.is_treated, released=spec.released_names)

    def treat(batches: Iterable[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        # Only the reference is in this function, and so in the plan.
        key = master_key(uri, version)
        functions = {
            name: pseudonymiser(how, key, domain=domain, version=version)
            for name, (how, domain) in ways.items()
        }
        name_row = make_namer()
        for batch in batches:
            yield with_names(_with_pseudonyms(batch, functions), name_row)

    return rows.mapInArrow(treat, rows.drop(TYPED).schema)


def hidden_reason(reason: str) -> str:
    """SQL of a reason without what was found; every reason says first what was expected."""
    return f"concat(substring_index({reason}, 'found', 1), {quoted('found ' + HIDDEN)})"


def shown_record(spec: CleanSpec, *, unreliable: Sequence[str]) -> str:
    """SQL over published columns and `_problem`: a rejected row as JSON.

    Args:
        spec: of a table with treated columns.
        unreliable: rules after which untreated columns may hold anything.
    """
    rules = ", ".join(map(quoted, unreliable))
    texts = []
    for column in spec.published:
        text = f"CAST({named(column.name)} AS string)"
        if column.treatment is None:
            text = f"CASE WHEN _problem.rule NOT IN ({rules}) THEN {text} END"
        texts.append(f"{text} AS {named(column.name)}")
    return f"to_json(struct({', '.join(texts)}))"


def _treated(column: DeclaredColumn) -> str:
    name, treatment = named(column.name), column.treatment
    if treatment is None:
        return name
    if treatment.how == "redact":
        nothing = f"CAST(NULL AS {column.type})"
        return nothing if treatment.replacement is None else quoted(treatment.replacement)
    if treatment.how == "generalise":
        return _bucket(name, column.type, treatment)
    return f"CAST({name} AS string)"


def _bucket(name: str, kind: str, treatment: Treatment) -> str:
    text = f"CAST({name} AS string)"
    if treatment.period:
        return _period(text, treatment.period)
    if treatment.bands:
        return _band(name, kind, treatment.bands)
    if treatment.prefix:
        longer = f"length({name}) > {treatment.prefix}"
        begin = f"concat(substring({name}, 1, {treatment.prefix}), '*')"
        return f"CASE WHEN {longer} THEN {begin} WHEN {name} IS NOT NULL THEN '*' END"
    if treatment.groups:
        cases = " ".join(
            f"WHEN {text} IN ({', '.join(map(quoted, values))}) THEN {quoted(group)}"
            for group, values in treatment.groups
        )
        return f"CASE {cases} WHEN {name} IS NOT NULL THEN {quoted(OTHER_GROUP)} END"
    raise SpecInvalid("A generalised column: found no buckets, expected one way of making them.")


def _period(text: str, period: str) -> str:
    year, month = f"substring({text}, 1, {_YEAR})", f"substring({text}, 1, {_MONTH})"
    if period != "quarter":
        return year if period == "year" else month
    number = f"substring({text}, {_YEAR + 2}, 2)"
    cases = " ".join(
        f"WHEN {number} <= '{last:02d}' THEN '-Q{quarter}'"
        for quarter, last in enumerate((3, 6, 9, 12), start=1)
    )
    return f"concat({year}, CASE {cases} END)"


def _band(name: str, kind: str, edges: Sequence[str]) -> str:
    typed = [f"CAST({quoted(edge)} AS {kind})" for edge in edges]
    labels = [f"under {edges[0]}"]
    labels += [f"{low} to under {high}" for low, high in zip(edges, edges[1:])]
    cases = " ".join(
        f"WHEN {name} < {edge} THEN {quoted(label)}" for edge, label in zip(typed, labels)
    )
    return f"CASE {cases} WHEN {name} IS NOT NULL THEN {quoted(f'{edges[-1]} and over')} END"


def _with_pseudonyms(
    batch: pyarrow.RecordBatch, functions: dict[str, Pseudonymise]
) -> pyarrow.RecordBatch:
    """The block with each of these columns' values replaced; null stays null."""
    import pyarrow

    arrays = list(batch.columns)
    for name, function in functions.items():
        position = batch.schema.get_field_index(name)
        found = arrays[position]
        values = found.cast(pyarrow.string()).dictionary_encode()
        treated = [function(value) for value in values.dictionary.to_pylist()]
        made = pyarrow.array(treated, pyarrow.string()).take(values.indices)
        arrays[position] = made.cast(found.type)
    return pyarrow.RecordBatch.from_arrays(arrays, schema=batch.schema)
