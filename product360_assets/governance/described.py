"""How the tables of a source are described where their files lie: raw, clean and quarantine.

All of it is the contract's: names, meaning, owner, freshness, sensitivity. What is added here is
how a column of the contract looks in the files of each zone: as it was delivered, as it was typed
and treated, or as the text of a record that was set aside.

The hazard is a name that two sources make: `a_b` of `c` and `b` of `c_a`. Such a pair is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from product360_assets.clean.columns import lineage_columns
from product360_assets.core.contract import ColumnContract, SourceContract, TableContract
from product360_assets.core.in_force import InForce
from product360_assets.core.metadata import highest_sensitivity
from product360_assets.core.treatments import Treatment
from resources.errors import ContractInvalid
from resources.external_tables import (
    DESCRIPTION_LENGTH,
    DescribedZone,
    ExternalColumn,
    ExternalTable,
    one_line,
)
from resources.objects import LakeResource
from resources.replication import CHANGE_SEQUENCE, COMMIT_TIME, OPERATION
from resources.saas import OPERATION as PULLED_OPERATION

_TREATED: Mapping[Treatment, str] = MappingProxyType(
    {
        "hash": "Kept as a keyed hash.",
        "tokenise": "Kept as a token.",
        "redact": "Redacted.",
        "generalise": "Kept as the bucket that it is in.",
    }
)
_SET_ASIDE = {
    "column": "Column in which the record breaks a rule; null where it is the record as a whole.",
    "rule": "Rule that it breaks.",
    "reason": "What is wrong, for a person.",
    "raw_text": "The record as it was delivered; of a treated table, as it was treated.",
    "row_name": "Name of the row, the same whenever its batch is made clean again.",
}
_DOES: Mapping[DescribedZone, str] = MappingProxyType(
    {
        "raw": "As it was delivered, byte for byte.",
        "clean": "Typed, as a log of changes: every version of a row that was delivered.",
        "quarantine": "Rows that break a rule, with their text and the reason.",
    }
)
_DELIVERED = {
    OPERATION: "What happened to the row: I(nserted), U(pdated) or D(eleted).",
    COMMIT_TIME: "When the source made the change, or when it was loaded.",
    CHANGE_SEQUENCE: "Position of the change in its load's log.",
}


def entry_name(source: str, table: str) -> str:
    """What a source's table is called in each of the three zones."""
    return f"{source}_{table}"


def refuse_shared_names(contracts: Iterable[SourceContract]) -> None:
    """Let every table have a name of its own in the catalog.

    Raises:
        ContractInvalid: two tables of two sources would have the same one.
    """
    named = Counter(
        entry_name(each.name, table.name) for each in contracts for table in each.tables
    )
    if shared := sorted(name for name, times in named.items() if times > 1):
        raise ContractInvalid(
            f"catalog entry {shared[0]}",
            found="two tables of two sources that are both called so",
            expected="one table for each name <source>_<table>",
            next_move="give one of the two tables another name in its source's YAML",
        )


def described(zone: DescribedZone, agreed: InForce, name: str, lake: LakeResource) -> ExternalTable:
    """One table of a contract that is in force, in one zone."""
    contract, table = agreed.contract, agreed.table(name)
    columns = tuple(_COLUMNS[zone](contract, table))
    folder = f"{contract.name}/{table.name}/"
    store = lake.zone("raw" if zone == "raw" else "clean")
    return ExternalTable(
        zone=zone,
        name=entry_name(contract.name, table.name),
        doc=one_line(f"{table.description} {_DOES[zone]}", DESCRIPTION_LENGTH),
        owner=one_line(contract.owners[0]),
        columns=columns,
        partitioned_by=_partitioned_by(columns),
        format=table.format if zone == "raw" else "parquet",
        location=store.uri_of(f"quarantine/{folder}" if zone == "quarantine" else folder),
        renamed=_renamed(table) if zone == "raw" and table.format == "json" else {},
        properties=_properties(agreed, table),
    )


def delivered_header(contract: SourceContract, table: TableContract) -> list[str]:
    """The header that a CSV file must have to be read by position, as the entry in raw is."""
    declared = [column.delivered_name for column in table.columns]
    if contract.kind != "database":
        return declared
    return [OPERATION, *declared, COMMIT_TIME, CHANGE_SEQUENCE]


def _delivered(contract: SourceContract, table: TableContract) -> Iterator[ExternalColumn]:
    """Raw's columns: by name in Parquet and JSON, by position in CSV."""
    first, last = _around(contract, table)
    yield from first
    for column in table.columns:
        is_typed = table.format == "parquet"
        yield ExternalColumn(
            # Athena finds a column of Parquet by its name, whatever its case.
            column.delivered_name.lower() if is_typed else column.name,
            column.type if is_typed else "string",
            one_line(column.description),
            {"product360.type": column.type, "product360.sensitivity": column.sensitivity},
        )
    yield from last


def _around(
    contract: SourceContract, table: TableContract
) -> tuple[list[ExternalColumn], list[ExternalColumn]]:
    """What the delivering service puts before and after the table's own columns."""
    if contract.kind == "database":
        added = {
            name: ExternalColumn(name.lower(), "string", text) for name, text in _DELIVERED.items()
        }
        return [added[OPERATION]], [added[COMMIT_TIME], added[CHANGE_SEQUENCE]]
    if table.pull.compare_keys is not None:
        return [], [ExternalColumn(PULLED_OPERATION, "string", _DELIVERED[OPERATION])]
    return [], []


def _typed(_: SourceContract, table: TableContract) -> Iterator[ExternalColumn]:
    for column in table.published_columns:
        yield ExternalColumn(
            column.name, column.published_type, _said_of(column), _properties_of(column)
        )
    yield from _lineage()


def _set_aside(_: SourceContract, __: TableContract) -> Iterator[ExternalColumn]:
    yield from (ExternalColumn(name, "string", text) for name, text in _SET_ASIDE.items())
    yield from _lineage()


_COLUMNS = MappingProxyType({"raw": _delivered, "clean": _typed, "quarantine": _set_aside})


def _lineage() -> Iterator[ExternalColumn]:
    for column in lineage_columns():
        yield ExternalColumn(column.name, column.type or "string", column.description or "")


def _said_of(column: ColumnContract) -> str:
    treated = _TREATED.get(column.treatment)
    return one_line(f"{column.description} {treated}" if treated else column.description)


def _properties_of(column: ColumnContract) -> dict[str, str]:
    treated = {"product360.treatment": column.treatment} if column.treatment != "keep" else {}
    return {"product360.sensitivity": column.sensitivity, **treated}


def _partitioned_by(columns: Iterable[ExternalColumn]) -> tuple[ExternalColumn, ...]:
    """The partition columns; a table that has one of these names itself gets others."""
    taken = {column.name for column in columns}
    said = (
        ("landing_date", "date", "Day on which it was delivered, as the delivery says."),
        ("batch", "string", "Batch that it came with; one batch is one partition."),
    )
    return tuple(
        ExternalColumn(f"partition_{name}" if name in taken else name, kind, text)
        for name, kind, text in said
    )


def _renamed(table: TableContract) -> dict[str, str]:
    return {
        column.name: column.delivered_name
        for column in table.columns
        if column.delivered_name != column.name
    }


def _properties(agreed: InForce, table: TableContract) -> dict[str, str]:
    contract = agreed.contract
    return {
        "product360.source": contract.name,
        "product360.table": table.name,
        "product360.source.kind": contract.kind,
        "product360.owners": ", ".join(contract.owners),
        "product360.cadence": table.cadence,
        "product360.freshness.hours": str(table.freshness_hours),
        "product360.key": ",".join(table.key),
        "product360.sensitivity": highest_sensitivity(table),
        "product360.contract.version": str(agreed.version),
    }
