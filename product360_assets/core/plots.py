"""Charts for the UI: plain data in, one small picture inside Markdown out.

A person who opens a materialization should see the shape of the data before its rows. The same data
gives the same bytes, and no call touches state that another thread could see: figures are objects
here, never pyplot's. The hazard is a picture too big for an event: a chart is 700 pixels wide and
under 60 kB, so whatever is drawn should be a few hundred points and not a table.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES = 7.0
PIXELS_PER_INCH = 100
# By Okabe and Ito: told apart with every kind of colour vision, and by lightness in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK, PALE = "#333333", "#D0D0D0"
# Bars up to so many carry their value as text.
_LABELLED_BARS = 16
_FANS_IN_A_ROW = 3
_PALETTE = 64
_DAY_ZERO = date(1970, 1, 1).toordinal()


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
    figure = _figure(height=1.1 + 1.55 * rows, title=title)
    grid = figure.subplots(
        rows, min(len(fans), _FANS_IN_A_ROW) or 1, sharex=True, squeeze=False
    ).flatten()
    for axes, fan in zip(grid, fans, strict=False):
        _draw_fan(axes, fan, names=(_text(past), _text(middle), _text(band)))
    for axes in grid[len(fans) :]:
        axes.set_visible(False)
    figure.supylabel(_text(y), fontsize=9, color=INK)
    if fans:
        handles, labels = grid[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, **_LEGEND)
    else:
        _say_nothing(grid[0])
    return _shown(figure, title)


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
    figure, axes = _single(title, x, y)
    for number, (name, points) in enumerate(series.items()):
        places, values = [_place(at) for at, _ in points], [_number(value) for _, value in points]
        style = ("-", "--", ":")[number // len(COLOURS) % 3]
        axes.plot(places, values, style, color=_colour(number), label=_text(name), linewidth=1.4)
    if any(isinstance(at, date) for points in series.values() for at, _ in points):
        _tell_time(axes)
    return _finished(figure, axes, title, len(series), from_zero=from_zero)


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
        _single(title, y, x, rows=len(categories)) if horizontal else _single(title, x, y)
    )
    places = range(len(categories))
    thickness = 0.8 / max(len(series), 1)
    for number, (name, values) in enumerate(series.items()):
        shift = (number - (len(series) - 1) / 2) * thickness
        draw = axes.barh if horizontal else axes.bar
        bars = draw(
            [place + shift for place in places],
            [_number(value) for value in values],
            thickness * 0.92,
            color=_colour(number),
            label=_text(name),
        )
        if len(series) * len(categories) <= _LABELLED_BARS:
            labels = ["" if value is None else f"{value:,.3g}" for value in values]
            axes.bar_label(bars, labels, padding=2, fontsize=8, color=INK)
    names = [_text(category) for category in categories]
    if horizontal:
        axes.set_yticks(places, names)
        axes.invert_yaxis()
    else:
        axes.set_xticks(places, names)
    axes.margins(*((0.12, 0.02) if horizontal else (0.02, 0.12)))
    axes.grid(visible=False, axis="y" if horizontal else "x")
    return _finished(figure, axes, title, len(series), from_zero=False)


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
    figure, axes = _single(title, x, y)
    finite = [value for value in map(_number, values) if math.isfinite(value)]
    if finite:
        axes.hist(finite, bins=bins, color=_colour(0), edgecolor="white", linewidth=0.5)
    return _finished(figure, axes, title, 1, from_zero=True)


_LEGEND = {"frameon": False, "fontsize": 8, "labelcolor": INK}


def _figure(*, height: float, title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(WIDTH_INCHES, height),
        dpi=PIXELS_PER_INCH,
        layout="constrained",
        facecolor="white",
    )
    figure.suptitle(_text(title), x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
    return figure


def _single(title: str, x: str, y: str, *, rows: int = 0) -> tuple[Figure, Axes]:
    """A figure of one chart; lying bars make it higher by their `rows`."""
    figure = _figure(height=min(max(3.0, 1.0 + 0.28 * rows), 6.0), title=title)
    axes = figure.subplots()
    _tidy(axes)
    axes.set_xlabel(_text(x), fontsize=9, color=INK)
    axes.set_ylabel(_text(y), fontsize=9, color=INK)
    return figure, axes


def _tidy(axes: Axes) -> None:
    """Quiet axes: no frame, a pale grid behind the data, numbers with thousands set apart."""
    from matplotlib.ticker import FuncFormatter

    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    axes.tick_params(labelsize=8, length=0, labelcolor=INK)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _draw_fan(axes: Axes, fan: Fan, *, names: tuple[str, str, str]) -> None:
    past, middle, band = names
    _tidy(axes)
    axes.set_title(_text(fan.title), fontsize=8, color=INK, loc="left")
    weeks = [_place(day) for day, *_ in fan.expected]
    lows, middles, highs = ([float(each[n]) for _, *each in fan.expected] for n in range(3))
    axes.fill_between(weeks, lows, highs, color=_colour(1), alpha=0.25, linewidth=0, label=band)
    days, values = [_place(day) for day, _ in fan.past], [float(value) for _, value in fan.past]
    axes.plot(days, values, color=_colour(0), lw=1.2, label=past)
    axes.plot(weeks, middles, color=_colour(1), lw=1.6, label=middle)
    axes.set_ylim(bottom=0)
    _tell_time(axes, ticks=4)


def _tell_time(axes: Axes, *, ticks: int = 8) -> None:
    """Write days as days on the horizontal axis."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=ticks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _finished(
    figure: Figure, axes: Axes, title: str, series: int, *, from_zero: bool
) -> dg.MarkdownMetadataValue:
    """The chart with what depends on all that was drawn: where axes begin, and a legend."""
    if not axes.has_data():
        _say_nothing(axes)
    elif from_zero:
        axes.set_ylim(bottom=min(0.0, axes.dataLim.y0))
    if series > 1:
        figure.legend(loc="outside lower center", ncols=min(series, 5), **_LEGEND)
    return _shown(figure, title)


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no data yet", ha="center", color=INK, transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])


def _shown(figure: Figure, title: str) -> dg.MarkdownMetadataValue:
    """The figure as a PNG inside Markdown; the UI shows data URIs as pictures."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    content = io.BytesIO()
    # A palette is enough for a chart, and makes it a third of the size.
    drawn.quantize(_PALETTE, dither=Image.Dither.NONE).save(content, "PNG", optimize=True)
    encoded = base64.b64encode(content.getvalue()).decode()
    # A title in square brackets would end the picture's description.
    described = title.replace("[", "(").replace("]", ")")
    return dg.MetadataValue.md(f"![{described}](data:image/png;base64,{encoded})")


def _place(at: date | float) -> float:
    """A place on an axis: a number as it is, a day as matplotlib counts days."""
    return at.toordinal() - _DAY_ZERO if isinstance(at, date) else float(at)


def _number(value: float | None) -> float:
    """The value for an axis that knows no None; Decimal is welcome."""
    return math.nan if value is None else float(value)


def _text(text: str) -> str:
    """Text as it stands: between two dollar signs matplotlib would read a formula."""
    return text.replace("$", r"\$")


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
