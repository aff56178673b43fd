"""Charts for the UI: plain data in, one small picture inside Markdown out.

A person who opens a materialization should see the shape of the data before its rows. The same data
gives the same bytes. The hazard is a picture too big for an event: a chart is 700 pixels wide and
under 60 kB, so whatever is drawn should be a few hundred points and not a table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from product360_assets.core.figures import (
    COLOURS,
    INK,
    LEGEND,
    colour,
    finished,
    number_of,
    place,
    plain_text,
    say_nothing,
    shown,
    single_chart,
    tell_time,
    tidy,
    titled_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Bars up to so many carry their value as text.
_LABELLED_BARS = 16
_FANS_IN_A_ROW = 3


@dataclass(frozen=True)
class Fan:
    """One item's past and what is expected of it.

    `past` is (day, value) and `expected` (day, low, middle, high), both oldest first; where they
    overlap, the picture shows what came of the expectation.
    """

    title: str
    past: Sequence[tuple[date, float]]
    expected: Sequence[tuple[date, float, float, float]]


def fan_chart(
    fans: Sequence[Fan],
    *,
    title: str,
    y: str,
    past: str,
    middle: str = "p50",
    band: str = "p10 to p90",
) -> dg.MarkdownMetadataValue:
    """Small charts side by side, one for each fan, all on one time axis.

    Args:
        fans: a few; three stand in a row.
        title: what all of them show.
        y: what is counted, with its unit.
        past: what the past is called.
        middle: what the middle of the expectation is called.
        band: what the range from its low to its high is called.
    """
    rows = max(math.ceil(len(fans) / _FANS_IN_A_ROW), 1)
    figure = titled_figure(height=1.1 + 1.55 * rows, title=title)
    grid = figure.subplots(
        rows, min(len(fans), _FANS_IN_A_ROW) or 1, sharex=True, squeeze=False
    ).flatten()
    for axes, fan in zip(grid, fans, strict=False):
        _draw_fan(axes, fan, names=(plain_text(past), plain_text(middle), plain_text(band)))
    for axes in grid[len(fans) :]:
        axes.set_visible(False)
    figure.supylabel(plain_text(y), fontsize=9, color=INK)
    if fans:
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, **LEGEND)
    else:
        say_nothing(grid[0])
    return shown(figure, title)


def line_chart(
    series: Mapping[str, Sequence[tuple[date | float, float | None]]],
    *,
    title: str,
    x: str,
    y: str,
    from_zero: bool = True,
) -> dg.MarkdownMetadataValue:
    """One line for each series of (day or number, value), oldest first; None leaves a gap.

    Args:
        series: points by the name of their line.
        title: what the chart shows.
        x: name of the horizontal axis, with its unit.
        y: name of the vertical axis, with its unit.
        from_zero: whether the vertical axis begins at zero, as amounts should and prices need not.
    """
    figure, axes = single_chart(title, x, y)
    for number, (name, points) in enumerate(series.items()):
        places, values = [place(at) for at, _ in points], [number_of(value) for _, value in points]
        style = ("-", "--", ":")[number // len(COLOURS) % 3]
        axes.plot(
            places, values, style, color=colour(number), label=plain_text(name), linewidth=1.4
        )
    if any(isinstance(at, date) for points in series.values() for at, _ in points):
        tell_time(axes)
    return finished(figure, axes, title, len(series), from_zero=from_zero)


def bar_chart(
    categories: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    *,
    title: str,
    x: str,
    y: str,
    horizontal: bool = False,
) -> dg.MarkdownMetadataValue:
    """Bars by category, side by side where there are several series; None leaves a bar out.

    Args:
        categories: what stands below (or, horizontal, beside) the bars.
        series: one value for each category, by the name of the series.
        title: what the chart shows.
        x: name of the axis of categories.
        y: name of the axis of values, with its unit.
        horizontal: whether bars lie, which leaves room for long names; the first one is on top.
    """
    figure, axes = (
        single_chart(title, y, x, rows=len(categories)) if horizontal else single_chart(title, x, y)
    )
    places = range(len(categories))
    thickness = 0.8 / max(len(series), 1)
    for number, (name, values) in enumerate(series.items()):
        shift = (number - (len(series) - 1) / 2) * thickness
        draw = axes.barh if horizontal else axes.bar
        bars = draw(
            [place + shift for place in places],
            [number_of(value) for value in values],
            thickness * 0.92,
            color=colour(number),
            label=plain_text(name),
        )
        if len(series) * len(categories) <= _LABELLED_BARS:
            labels = [bar_label(value) for value in values]
            axes.bar_label(bars, labels, padding=2, fontsize=8, color=INK)
    names = [plain_text(category) for category in categories]
    if horizontal:
        axes.set_yticks(places, names)
        axes.invert_yaxis()
    else:
        axes.set_xticks(places, names)
    axes.margins(*((0.12, 0.02) if horizontal else (0.02, 0.12)))
    axes.grid(visible=False, axis="y" if horizontal else "x")
    return finished(figure, axes, title, len(series), from_zero=False)


def histogram(
    values: Sequence[float | None], *, title: str, x: str, y: str, bins: int = 30
) -> dg.MarkdownMetadataValue:
    """How often values occur, in `bins` equal steps from the least to the greatest.

    Args:
        values: None and NaN are left out.
        title: what the chart shows.
        x: what the values are, with their unit.
        y: what is counted.
        bins: how many steps.
    """
    figure, axes = single_chart(title, x, y)
    finite = [value for value in map(number_of, values) if math.isfinite(value)]
    if finite:
        axes.hist(finite, bins=bins, color=colour(0), edgecolor="white", linewidth=0.5)
    return finished(figure, axes, title, 1, from_zero=True)


def _draw_fan(axes: Axes, fan: Fan, *, names: tuple[str, str, str]) -> None:
    past, middle, band = names
    tidy(axes)
    axes.set_title(plain_text(fan.title), fontsize=8, color=INK, loc="left")
    weeks = [place(day) for day, *_ in fan.expected]
    lows, middles, highs = ([float(each[n]) for _, *each in fan.expected] for n in range(3))
    axes.fill_between(weeks, lows, highs, color=colour(1), alpha=0.25, linewidth=0, label=band)
    days, values = [place(day) for day, _ in fan.past], [float(value) for _, value in fan.past]
    axes.plot(days, values, color=colour(0), lw=1.2, label=past)
    axes.plot(weeks, middles, color=colour(1), lw=1.6, label=middle)
    axes.set_ylim(bottom=0)
    tell_time(axes, ticks=4)


def bar_label(value: float | None) -> str:
    """A value as people write it: whole from a hundred on, else three digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"
