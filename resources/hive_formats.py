"""How Hive, Athena and Glue are told to read an entry's files: classes, and the parameters of each.

The hazard is a type that the reader of a format does not have. OpenCSVSerDe gives text and nothing
else, and a number or a time in JSON is what its sender made of it; so raw's columns of these two
formats are strings, and `product360.type` says what clean makes of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from resources.external_tables import ExternalColumn, ExternalTable, FileFormat

_HIVE, _TEXT = "org.apache.hadoop.hive", "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUT = f"{_HIVE}.ql.io.HiveIgnoreKeyTextOutputFormat"
_PARQUET = f"{_HIVE}.ql.io.parquet"
# Input format, output format, and what takes records apart.
CLASSES: Mapping[FileFormat, tuple[str, str, str]] = MappingProxyType(
    {
        "csv": (_TEXT, _TEXT_OUT, f"{_HIVE}.serde2.OpenCSVSerde"),
        "json": (_TEXT, _TEXT_OUT, "org.openx.data.jsonserde.JsonSerDe"),
        "parquet": (
            f"{_PARQUET}.MapredParquetInputFormat",
            f"{_PARQUET}.MapredParquetOutputFormat",
            f"{_PARQUET}.serde.ParquetHiveSerDe",
        ),
    }
)
# Of the table; a text that is compressed is known by the ending of its file's name.
_OF_TABLE: Mapping[FileFormat, Mapping[str, str]] = MappingProxyType(
    {
        "csv": {"skip.header.line.count": "1"},
        "json": {},
        "parquet": {},
    }
)
_OF_READER: Mapping[FileFormat, Mapping[str, str]] = MappingProxyType(
    {
        "csv": {"separatorChar": ",", "quoteChar": '"', "escapeChar": "\\"},
        # A damaged record is a row of nulls, and no query fails on it; clean has its text aside.
        "json": {"case.insensitive": "TRUE", "ignore.malformed.json": "TRUE"},
        "parquet": {"serialization.format": "1"},
    }
)
_RENAMED = "mapping."


def parameters_of(table: ExternalTable) -> dict[str, str]:
    """The parameters of the table, as Glue and Athena expect them, and our own."""
    return {
        "EXTERNAL": "TRUE",
        "classification": table.format,
        **_OF_TABLE[table.format],
        **table.properties,
    }


def reading_of(table: ExternalTable) -> dict[str, str]:
    """What takes its records apart is told."""
    renamed = {f"{_RENAMED}{name}": there for name, there in table.renamed.items()}
    return {**_OF_READER[table.format], **renamed}


def renamed_by(reading: Mapping[str, str]) -> dict[str, str]:
    """The names in the files of columns that are called otherwise, from what `reading_of` told."""
    return {
        name.removeprefix(_RENAMED): there
        for name, there in reading.items()
        if name.startswith(_RENAMED)
    }


def storage_of(table: ExternalTable, location: str, *, described: bool) -> dict[str, Any]:
    """Glue's storage descriptor of the table or of one of its partitions.

    Args:
        table: whose columns and format they are.
        location: the folder.
        described: with what each column means, which a partition need not repeat.
    """
    given, taken, reader = CLASSES[table.format]
    return {
        "Columns": columns_as_glue(table.columns, described=described),
        "Location": location,
        "InputFormat": given,
        "OutputFormat": taken,
        "SerdeInfo": {"SerializationLibrary": reader, "Parameters": reading_of(table)},
    }


def columns_as_glue(
    columns: Iterable[ExternalColumn], *, described: bool = True
) -> list[dict[str, Any]]:
    """Columns as Glue's requests have them."""
    return [
        {
            "Name": column.name,
            "Type": column.type,
            **({"Comment": column.comment} if described and column.comment else {}),
            **({"Parameters": dict(column.properties)} if described and column.properties else {}),
        }
        for column in columns
    ]


def columns_of_glue(columns: Iterable[Mapping[str, Any]]) -> tuple[ExternalColumn, ...]:
    """Columns from Glue's answers."""
    return tuple(
        ExternalColumn(
            each["Name"], each.get("Type", ""), each.get("Comment", ""), each.get("Parameters", {})
        )
        for each in columns
    )
