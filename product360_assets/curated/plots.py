"""Plots of published tables: one small query each, drawn where a person looks at a run.

A plot is declared beside its asset; a table that declares none and has a day is drawn by its rows
per week, so that a gap shows. The warehouse adds up, and a picture gets some hundred numbers.

The hazard is the same as a preview's: whoever may open the UI need not be somebody who may read the
table. So a plot that names a column which is not public is refused before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import dagster as dg

from product360_assets.core.plots import bar_chart, histogram, line_chart
from product360_assets.curated.commits import digest_of
from resources.warehouse import Answer, Ask
from spark.tables import DictionaryError, Table

_DAY_OF_PARTITION = re.compile(r"(?:month|day|year)\((\w+)\)|(\w+)")
_LONGEST_NAME = 28
DRAWN_FROM = "plots drawn from"
SHOWN = timedelta(weeks=104)


@dataclass(frozen=True)
class Plot:
    """One picture of a table.

    Attributes:
        title: what it shows.
        sql: gives what stands on the horizontal axis, then one column for each line or bar, in
            order; for a histogram one column of values. Column names become the legend.
        y: what is counted, with its unit.
        x: name of the horizontal axis.
        kind: lines over days or numbers, bars by category (lying, for long names), or how often
            values occur.
        day: a column of the table that says a row's day. The query then reads `recent`, the rows of
            the newest two years: a picture of more shows no week, and costs what history holds.
    """

    title: str
    sql: str
    y: str
    x: str = ""
    kind: Literal["line", "bar", "histogram"] = "line"
    day: str = ""

    def require_public(self, table: Table) -> None:
        """Refuse a query that names a column of the table that is not public.

        Raises:
            DictionaryError: it does.
        """
        words = set(re.findall(r"\w+", self.sql.lower()))
        hidden = sorted(c.name for c in table.columns if c.tag != "public" and c.name in words)
        if hidden:
            raise DictionaryError(
                f"Plot {self.title!r} of {table.identifier}: found {', '.join(hidden)}, which is "
                "not public; expected public columns only. Plot a column that everybody may see."
            )

    def draw(self, ask: Ask, table: Table) -> dg.MarkdownMetadataValue:
        """Ask of the table and draw the answer."""
        answer = ask(self.question(ask, table))
        if self.kind == "histogram":
            return histogram([row[0] for row in answer.rows], title=self.title, x=self.x, y=self.y)
        if self.kind == "bar":
            places = [_short(row[0]) for row in answer.rows]
            return bar_chart(
                places, _series(answer), title=self.title, x=self.x, y=self.y, horizontal=True
            )
        lines = {
            name: [(row[0], row[number]) for row in answer.rows]
            for number, name in enumerate(answer.columns[1:], start=1)
        }
        return line_chart(lines, title=self.title, x=self.x, y=self.y)

    def question(self, ask: Ask, table: Table) -> str:
        """The query, as it is asked of the table."""
        if not self.day:
            return self.sql
        newest = f"SELECT max({self.day})::DATE AS day FROM {table.identifier}"
        day: date | None = ask(newest).single()["day"]
        # By a literal, which files are chosen by. Rows without a day are never shown.
        is_shown = "false" if day is None else f"{self.day} > DATE '{day - SHOWN}'"
        recent = f"SELECT * FROM {table.identifier} WHERE {is_shown}"
        return f"WITH recent AS ({recent}) FROM ({self.sql})"


def plots_of(table: Table, declared: Iterable[Plot]) -> tuple[Plot, ...]:
    """The declared plots of a table, or the one that every table with a day has.

    Raises:
        DictionaryError: a plot names a column that is not public.
    """
    plots = tuple(declared) or _rows_by_week(table)
    for plot in plots:
        plot.require_public(table)
    return plots


def drawn(
    plots: Sequence[Plot],
    ask: Ask,
    table: Table,
    *,
    snapshot: str,
    before: Mapping[str, dg.MetadataValue[Any]],
) -> dict[str, dg.MetadataValue[Any]]:
    """Each plot as metadata under its title.

    A picture costs a tenth of a second, and most runs change nothing: the same plots of the same
    snapshot are taken over from `before`, what the last run said.
    """
    origin = dg.MetadataValue.text(f"snapshot {snapshot} by {digest_of(map(repr, plots))}")
    if before.get(DRAWN_FROM) == origin:
        return {name: before[name] for name in (*(plot.title for plot in plots), DRAWN_FROM)}
    return {**{plot.title: _picture(plot, ask, table) for plot in plots}, DRAWN_FROM: origin}


def _picture(plot: Plot, ask: Ask, table: Table) -> dg.MetadataValue[Any]:
    """The plot, or why there is none: a picture must not fail the table that it shows."""
    try:
        return plot.draw(ask, table)
    except Exception as error:  # noqa: BLE001 - see above
        return dg.MetadataValue.text(f"could not be drawn: {error}")


def last_said(instance: dg.DagsterInstance, asset: dg.AssetKey) -> Mapping[str, Any]:
    """The metadata of an asset's latest materialization; empty before the first."""
    event = instance.get_latest_materialization_event(asset)
    materialization = event.asset_materialization if event is not None else None
    return materialization.metadata if materialization is not None else {}


def _rows_by_week(table: Table) -> tuple[Plot, ...]:
    days = [
        found[1] or found[2]
        for transform in table.partition
        if (found := _DAY_OF_PARTITION.fullmatch(transform))
    ]
    dated = [day for day in days if table.column(day).type in ("date", "timestamp")]
    if not dated:
        return ()
    sql = f"""
        SELECT CAST(date_trunc('week', {dated[0]}) AS DATE) AS week, count(*) AS rows
        FROM recent GROUP BY ALL ORDER BY week
    """
    return (Plot("Rows by week", sql, x=f"week of {dated[0]}", y="rows", day=dated[0]),)


def _series(answer: Answer) -> Mapping[str, list[float | None]]:
    return {
        name: [row[number] for row in answer.rows]
        for number, name in enumerate(answer.columns[1:], start=1)
    }


def _short(name: object) -> str:
    text = "none" if name is None else str(name)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
