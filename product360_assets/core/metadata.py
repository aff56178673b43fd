"""What the UI shows beside an asset: its columns, where it lies, and a few of its rows.

The hazard: a preview is data. What a contract calls personal or sensitive is shown as dots, because
whoever may open the UI need not be somebody who may read the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from product360_assets.core.contract import Sensitivity, TableContract

HIDDEN_IN_PREVIEWS: frozenset[Sensitivity] = frozenset({"personal", "sensitive"})
_SENSITIVITIES: tuple[Sensitivity, ...] = ("public", "internal", "personal", "sensitive")
_HIDDEN = "•••"
_LONGEST_CELL = 40


def column_schema(
    table: TableContract, *, delivered_names: bool = False, more: Sequence[dg.TableColumn] = ()
) -> dg.TableSchema:
    """The columns as clean publishes them or as the source delivers them, and `more` after them."""
    columns = [
        dg.TableColumn(
            name=column.delivered_name if delivered_names else column.name,
            type=column.type if delivered_names else column.published_type,
            description=column.description,
            constraints=dg.TableColumnConstraints(
                nullable=column.nullable if delivered_names else column.published_nullable,
                unique=table.key == (column.name,),
            ),
            tags={"sensitivity": column.sensitivity, "treatment": column.treatment},
        )
        for column in (table.columns if delivered_names else table.published_columns)
    ]
    return dg.TableSchema(
        columns=[*columns, *more],
        constraints=dg.TableConstraints(other=[f"key: {', '.join(table.key)}"]),
    )


def column_lineage(
    table: TableContract, upstream: dg.AssetKey, *, renamed: bool = False
) -> dg.TableColumnLineage:
    """Each declared column from the same one upstream.

    `renamed`, for clean: from its name at the source, and only what is published.
    """
    return dg.TableColumnLineage(
        {
            column.name if renamed else column.delivered_name: [
                dg.TableColumnDep(asset_key=upstream, column_name=column.delivered_name)
            ]
            for column in table.columns
            if column.is_published or not renamed
        }
    )


def highest_sensitivity(table: TableContract) -> Sensitivity:
    """The most protected kind of column in the table."""
    return max((column.sensitivity for column in table.columns), key=_SENSITIVITIES.index)


def preview(
    rows: Iterable[Mapping[str, Any]],
    *,
    columns: Sequence[str],
    hidden: Iterable[str] = (),
    longest: int = _LONGEST_CELL,
) -> dg.MarkdownMetadataValue:
    """Rows as a Markdown table; columns in `hidden` show dots where there is a value.

    A cell of more than `longest` characters is cut.
    """
    concealed = set(hidden)
    lines = [columns, ["---"] * len(columns)]
    for row in rows:
        lines.append(
            [_cell(row[name], hidden=name in concealed, longest=longest) for name in columns]
        )
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines))


def hidden_columns(table: TableContract) -> frozenset[str]:
    """The columns that previews must not show."""
    return frozenset(
        column.name for column in table.columns if column.sensitivity in HIDDEN_IN_PREVIEWS
    )


def _cell(value: object, *, hidden: bool, longest: int) -> str:
    if value is None:
        return ""
    if hidden:
        return _HIDDEN
    text = str(value)
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
