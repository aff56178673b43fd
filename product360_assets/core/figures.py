"""How every figure looks, and how it becomes a picture inside Markdown.

No call touches state that another thread could see: figures are objects here, never pyplot's. The
same drawing gives the same bytes.
"""

from __future__ import annotations

import base64
import io
import math
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
LEGEND = {"frameon": False, "fontsize": 8, "labelcolor": INK}
_PALETTE = 64
_DAY_ZERO = date(1970, 1, 1).toordinal()


def titled_figure(*, height: float, title: str) -> Figure:
    """An empty figure of the usual width under its title."""
    from matplotlib.figure import Figure

    figure = Figure(
        figsize=(WIDTH_INCHES, height),
        dpi=PIXELS_PER_INCH,
        layout="constrained",
        facecolor="white",
    )
    figure.suptitle(plain_text(title), x=0.01, ha="left", fontsize=10, fontweight="bold", color=INK)
    return figure


def single_chart(title: str, x: str, y: str, *, rows: int = 0) -> tuple[Figure, Axes]:
    """A figure of one chart; lying bars make it higher by their `rows`."""
    figure = titled_figure(height=min(max(3.0, 1.0 + 0.28 * rows), 6.0), title=title)
    axes = figure.subplots()
    tidy(axes)
    axes.set_xlabel(plain_text(x), fontsize=9, color=INK)
    axes.set_ylabel(plain_text(y), fontsize=9, color=INK)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Quiet axes: no frame, a pale grid behind the data, numbers with thousands set apart."""
    from matplotlib.ticker import FuncFormatter

    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(PALE)
    axes.tick_params(labelsize=8, length=0, labelcolor=INK)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def tell_time(axes: Axes, *, ticks: int = 8) -> None:
    """Write days as days on the horizontal axis."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=ticks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))
    # A margin beyond the first or last day that there is could not be written.
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, place(date.min)), min(right, place(date.max)))


def finished(
    figure: Figure, axes: Axes, title: str, series: int, *, from_zero: bool
) -> dg.MarkdownMetadataValue:
    """The chart with what depends on all that was drawn: where axes begin, and a legend."""
    if not axes.has_data():
        say_nothing(axes)
    elif from_zero:
        axes.set_ylim(bottom=min(0.0, axes.dataLim.y0))
    if series > 1:
        figure.legend(loc="outside lower center", ncols=min(series, 5), **LEGEND)
    return shown(figure, title)


def say_nothing(axes: Axes) -> None:
    """Say that there is nothing to draw, where something will be drawn one day."""
    axes.text(0.5, 0.5, "no data yet", ha="center", color=INK, transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])


def shown(figure: Figure, title: str) -> dg.MarkdownMetadataValue:
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


def place(at: date | float) -> float:
    """A place on an axis: a number as it is, a day as matplotlib counts days."""
    return at.toordinal() - _DAY_ZERO if isinstance(at, date) else float(at)


def number_of(value: float | None) -> float:
    """The value for an axis that knows no None; Decimal is welcome."""
    return math.nan if value is None else float(value)


def plain_text(text: str) -> str:
    """Text as it stands: between two dollar signs matplotlib would read a formula."""
    return text.replace("$", r"\$")


def colour(number: int) -> str:
    """The colour of the series of that number, from 0."""
    return COLOURS[number % len(COLOURS)]
