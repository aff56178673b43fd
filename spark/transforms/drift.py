"""What it means when a delivery is laid out otherwise than declared: four modes, one table.

A layout is the names of a file's columns, their order where the format has one, and their types
where it has any: CSV and JSON deliver text, where a type shows in values and never in the layout.
The hazard is the guess. A column that is gone beside a new one may have been renamed; two spellings
of one name leave open which is meant; a change that does not say what it did may have been a
delete. Nothing here decides such a thing for its owner, except where the owner chose to discard.

Standard library only: the same words are read in the job, in tests and in the documentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from spark.tables.widening import declarable, holds, may_become, next_wider
from spark.transforms.contract import DRIFT_MODES, CleanSpec, DeclaredColumn, DeliveredFile

TAKE, EVOLVE, DISCARD, REFUSE = "take", "evolve", "discard", "refuse"

# What becomes of each difference, by mode in the order of DRIFT_MODES (docs/drift.md shows it).
VERDICTS: Mapping[str, tuple[str, str, str, str]] = {
    "reordered": (REFUSE, TAKE, TAKE, TAKE),
    "narrowed": (REFUSE, TAKE, TAKE, TAKE),
    "absent": (REFUSE, TAKE, TAKE, TAKE),
    "respelled": (REFUSE, TAKE, REFUSE, TAKE),
    "added": (REFUSE, EVOLVE, REFUSE, DISCARD),
    "widened": (REFUSE, EVOLVE, REFUSE, DISCARD),
    "nested": (REFUSE, REFUSE, REFUSE, DISCARD),
    "renamed": (REFUSE, REFUSE, REFUSE, DISCARD),
    "missing": (REFUSE, REFUSE, REFUSE, DISCARD),
    "retyped": (REFUSE, REFUSE, REFUSE, DISCARD),
    "ambiguous": (REFUSE, REFUSE, REFUSE, DISCARD),
    "unexplained": (REFUSE, REFUSE, REFUSE, REFUSE),
}
# A report is for a person; a thousand new columns are no more news than fifty.
MOST_DIFFERENCES = 50


@dataclass(frozen=True)
class Layout:
    """How a file is laid out: names and Spark types (None: text) of its columns.

    Attributes:
        columns: in the file's order, each name as it is spelled there; a name may come twice.
        ordered: whether the order is the file's own; JSON objects have none.
    """

    columns: tuple[tuple[str, str | None], ...]
    ordered: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(name for name, _ in self.columns)


@dataclass(frozen=True)
class Difference:
    """One way in which a batch is laid out otherwise; `file` is the first of `files` that are.

    `column` is the declared column's name at the source, or the delivered one where none is
    declared; `type` is what an added or widened column is to become.
    """

    kind: str
    column: str
    found: str
    expected: str
    verdict: str
    file: str
    files: int = 1
    type: str | None = None


def batch_differences(
    spec: CleanSpec, layouts: Mapping[DeliveredFile, Layout]
) -> dict[str, list[Difference]]:
    """Batch id → how its files differ from what is declared; only batches that do."""
    found: dict[str, list[Difference]] = {}
    for file, layout in layouts.items():
        found.setdefault(file.batch.batch_id, []).extend(differences(spec, file, layout))
    return {batch: _merged(each) for batch, each in found.items() if each}


def outgrown_columns(
    spec: CleanSpec, outgrown: Mapping[tuple[str, str, str], int]
) -> dict[str, list[Difference]]:
    """Batch id → columns whose text holds values too great for them, by (batch, file, column)."""
    columns = {column.name: column for column in spec.columns}
    files = {(file.batch.batch_id, file.name): file for file in spec.files}
    found: dict[str, list[Difference]] = {}
    for (batch_id, file, name), _ in sorted(outgrown.items()):
        column = columns[name]
        told = _Teller(spec, files[batch_id, file], ordered=False)
        found_there = f"values too great for {column.type}"
        told.say("widened", column.source_name, found_there, column.type, next_wider(column.type))
        found.setdefault(batch_id, []).extend(told.differences)
    return {batch_id: _merged(each) for batch_id, each in found.items()}


def is_ambiguous(layout: Layout) -> bool:
    """Whether two of its columns have one name, but for case."""
    return bool(_spelled_alike(layout.names))


def is_held(differences: Iterable[Difference]) -> bool:
    """Whether a batch with these differences must wait for another contract, or for its owner."""
    return any(each.verdict in (EVOLVE, REFUSE) for each in differences)


def report_of(differences: Sequence[Difference]) -> str:
    """The differences as JSON, the ones that decide first."""
    decided = sorted(differences, key=lambda each: (each.verdict != REFUSE, each.verdict != EVOLVE))
    return json.dumps([asdict(each) for each in decided[:MOST_DIFFERENCES]], ensure_ascii=False)


def differences(spec: CleanSpec, file: DeliveredFile, layout: Layout) -> list[Difference]:
    """How one file differs: its declared columns in their order, then its other ones."""
    told = _Teller(spec, file, layout.ordered)
    if twice := _spelled_alike(layout.names):
        told.of_ambiguity(twice)
        return told.differences
    spelled = spelling(spec, layout.names)
    told.may_be_deletes = spec.operation_column in spelled
    found = dict(layout.columns)
    unknown = [name for name in found if name not in spelled.values()]
    for column in spec.columns:
        if column.source_name in spelled:
            told.of_column(column, spelled[column.source_name], found)
        else:
            told.of_absence(column, unknown)
    for name in unknown:
        told.of_unknown(name, found[name])
    told.of_changes(spelled)
    if layout.ordered and not _is_in_order(spec, layout.names, spelled):
        told.say("reordered", "*", _listed(layout.names), _listed(_declared(spec)))
    return told.differences


def spelling(spec: CleanSpec, names: Sequence[str]) -> dict[str, str]:
    """Declared source name → its name in the file: the same, or the only one but for case."""
    spelled = {}
    for declared in spec.source_names:
        alike = {name for name in names if name.casefold() == declared.casefold()}
        if declared in alike:
            spelled[declared] = declared
        elif len(alike) == 1 and declared not in _change_names(spec):
            spelled[declared] = alike.pop()
    return spelled


@dataclass
class _Teller:
    """Collects the differences of one file."""

    spec: CleanSpec
    file: DeliveredFile
    ordered: bool
    may_be_deletes: bool = False
    differences: list[Difference] = field(default_factory=list)

    def say(
        self, kind: str, column: str, found: str, expected: str, type: str | None = None
    ) -> None:
        verdict = VERDICTS[kind][DRIFT_MODES.index(self.spec.drift)]
        self.differences.append(
            Difference(kind, column, found, expected, verdict, self.file.name, type=type)
        )

    def of_ambiguity(self, twice: Sequence[Sequence[str]]) -> None:
        for alike in twice:
            self.say("ambiguous", alike[0], _listed(alike), "one column of this name")

    def of_column(self, column: DeclaredColumn, name: str, found: Mapping[str, str | None]) -> None:
        declared, kind = column.source_name, found[name]
        if name != declared:
            self.say("respelled", declared, name, declared)
        if kind is None or _is_same(kind, column.type):
            return
        wider = declarable(kind)
        if holds(column.type, kind):
            self.say("narrowed", declared, kind, column.type)
        elif wider is not None and may_become(column.type, wider):
            self.say("widened", declared, kind, column.type, wider)
        else:
            self.say("retyped", declared, kind, column.type)

    def of_absence(self, column: DeclaredColumn, unknown: Sequence[str]) -> None:
        in_key = column.name in self.spec.key
        # JSON leaves out what is null, and of a delete all but its key.
        if not self.ordered and not in_key and (column.nullable or self.may_be_deletes):
            return
        required = in_key or not column.nullable
        if unknown:
            found = f"no such column, but others that are not declared: {_listed(unknown)}"
            self.say("renamed", column.source_name, found, column.type)
        else:
            kind = "missing" if required else "absent"
            self.say(kind, column.source_name, "no such column", column.type)

    def of_unknown(self, name: str, kind: str | None) -> None:
        type = "string" if kind is None else declarable(kind)
        if type is None:
            self.say("nested", name, str(kind), "a column of one value")
        else:
            self.say("added", name, kind or "text", "no such column", type)

    def of_changes(self, spelled: Mapping[str, str]) -> None:
        """Without these columns nobody can tell what happened to a row, or in which order."""
        # A load is all inserts of one moment, and DMS writes it without `Op` unless asked to.
        if self.file.batch.kind != "changes":
            return
        for name in _change_names(self.spec):
            if name not in spelled:
                self.say("unexplained", name, "no such column", "what each change did, and when")


def _merged(differences: Sequence[Difference]) -> list[Difference]:
    """The same difference of several files once, with their number."""
    merged: dict[tuple[str, str, str], Difference] = {}
    for each in differences:
        known = merged.get((each.kind, each.column, each.found))
        merged[each.kind, each.column, each.found] = (
            each if known is None else replace(known, files=known.files + 1)
        )
    return list(merged.values())


def _spelled_alike(names: Sequence[str]) -> list[list[str]]:
    """Names that occur twice, or twice but for case."""
    by_folded: dict[str, list[str]] = {}
    for name in names:
        by_folded.setdefault(name.casefold(), []).append(name)
    return [alike for alike in by_folded.values() if len(alike) > 1]


def _is_same(found: str, declared: str) -> bool:
    """Whether it is the declared type; or text, of which every value is judged by itself."""
    return found in (declared, "string") or (found, declared) == ("timestamp_ntz", "timestamp")


def _is_in_order(spec: CleanSpec, names: Sequence[str], spelled: Mapping[str, str]) -> bool:
    declared = [spelled[name] for name in _declared(spec) if name in spelled]
    return [name for name in dict.fromkeys(names) if name in declared] == declared


def _declared(spec: CleanSpec) -> list[str]:
    return [column.source_name for column in spec.columns]


def _change_names(spec: CleanSpec) -> list[str]:
    """The columns that delivery adds to a table's own, to say what happened and when."""
    added = (spec.operation_column, spec.commit_time_column, spec.change_sequence_column)
    return [name for name in added if name and name not in _declared(spec)]


def _listed(names: Iterable[str]) -> str:
    """Names as a person reads them, cut."""
    return _cut(", ".join(_cut(name, 100) for name in names), 500)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
